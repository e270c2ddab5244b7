"""ReservationActor: fronts the reservation table, and renews what this process holds.

It asks nobody. A lease may be acted on until ``elapsed before the request + TTL - margin``: counted from before the
request, so that a slow database can only make the holder more careful.

The standing leases (the crew's, the accounts') are renewed. A commodity's reservation is not: it is taken and given
back within one message of its PlatformActor, whose broker calls may take a third of the TTL at most, and one that a
crash left behind must be free to expire.
"""

from __future__ import annotations

from actors.messages import Lease, LeaseLost, LeaseRenewed, Release, RenewAll, Reserve
from actors.names import holder_of, is_standing
from actors.system.context import Context
from actors.system.errors import Refusal
from persistence.errors import LedgerError, LedgerUnavailable
from persistence.reservations import Fence, Reservations

MARGIN = 1 / 60  # of the TTL: one second at the default of 60
RENEWALS_PER_TTL = 3
LEASE_LOST = "lease_lost"  # the alert, whose detail begins with the resource


class ReservationActor:
    """Reserves, renews and releases for every actor of this process."""

    def __init__(self, reservations: Reservations, ttl_seconds: float, *, renews: bool = True) -> None:
        """``renews=False`` is for a replay, whose lease clock stands still, so that nothing expires."""
        self._reservations = reservations
        self._ttl_seconds = ttl_seconds
        self._renews = renews
        self._held: dict[str, Lease] = {}
        self._found_again = False

    def start(self, context: Context) -> None:
        """Find again what this process holds, and begin renewing."""
        if self._renews:
            self._renew_all(context)
        else:
            self._find_again(context)

    def receive(self, message: object, context: Context) -> Lease | bool | None:
        """Answer `Reserve` with a lease or None, `Release` with whether it was ours."""
        match message:
            case Reserve(resource):
                return self._reserve(resource, context)
            case Release(fence):
                return self._release(fence, context)
            case RenewAll():
                self._renew_all(context)
                return None
            case _:
                raise TypeError(f"the reservation actor does not take {type(message).__name__}")

    def stop(self, context: Context) -> None:
        """Give everything back, so that the next process need not wait for the expiry."""
        for lease in list(self._held.values()):
            self._release(lease.fence, context)

    def _reserve(self, resource: str, context: Context) -> Lease | None:
        asked_at = context.elapsed()
        try:
            reservation = self._reservations.reserve_resource(resource, context.owner, self._ttl_seconds)
            fence = self._ours_already(resource, context) if reservation is None else reservation.fence
        except LedgerUnavailable as error:
            raise Refusal(str(error)) from error  # to whoever asked; if it was reserved after all, it expires by itself
        if fence is None:
            return None
        self._held[resource] = lease = Lease(fence, self._hold_until(asked_at))
        return lease

    def _ours_already(self, resource: str, context: Context) -> Fence | None:
        """A standing lease belongs to the process: its actor, restarted, gets it again, if the ledger says so too."""
        held = self._held.get(resource)
        if held is None or not is_standing(resource):
            return None
        if self._reservations.renew_resource(held.fence, self._ttl_seconds):
            return held.fence
        self._lose(held, "another process has taken it over", context)
        return None

    def _release(self, fence: Fence, context: Context) -> bool:
        held = self._held.get(fence.resource)
        if held is not None and held.fence == fence:
            del self._held[fence.resource]
        try:
            return self._reservations.release_resource(fence)
        except LedgerError as error:
            context.alert("lease_not_released", f"{fence.resource}: {error}; it will expire by itself")
            return False

    def _find_again(self, context: Context) -> None:
        """After a crash of this actor the process still holds what it held. Raises `LedgerError`."""
        for reservation in self._reservations.all():
            if reservation.owner == context.owner and reservation.resource not in self._held:
                # How long it still lasts is not known on our own clock: renew before anybody acts on it.
                known_until = context.elapsed() if self._renews else float("inf")
                self._held[reservation.resource] = Lease(reservation.fence, known_until)
        self._found_again = True

    def _renew_all(self, context: Context) -> None:
        # Armed first: whatever fails below, the next round comes.
        context.later(self._ttl_seconds / RENEWALS_PER_TTL, RenewAll())
        try:
            if not self._found_again:
                self._find_again(context)
        except LedgerError as error:
            context.alert("lease_not_renewed", f"{error}; the next round may succeed")
            return
        for lease in [lease for lease in self._held.values() if is_standing(lease.fence.resource)]:
            asked_at = context.elapsed()
            try:
                renewed = self._reservations.renew_resource(lease.fence, self._ttl_seconds)
            except LedgerError as error:
                if context.elapsed() >= lease.hold_until:
                    self._lose(lease, f"the database did not renew it: {error}", context)
                continue  # otherwise still ours for a while: the next round may succeed
            if renewed:
                self._extend(Lease(lease.fence, self._hold_until(asked_at)), context)
            else:
                self._lose(lease, "it expired, or another process took it over", context)

    def _extend(self, lease: Lease, context: Context) -> None:
        self._held[lease.fence.resource] = lease
        holder = holder_of(lease.fence.resource)
        if holder is not None:
            context.tell(holder, LeaseRenewed(lease))

    def _lose(self, lease: Lease, reason: str, context: Context) -> None:
        resource = lease.fence.resource
        del self._held[resource]
        context.alert(LEASE_LOST, f"{resource}: {reason}")
        holder = holder_of(resource)
        if holder is not None:
            context.tell(holder, LeaseLost(lease.fence, reason))

    def _hold_until(self, asked_at: float) -> float:
        return asked_at + self._ttl_seconds * (1 - MARGIN) if self._renews else float("inf")
