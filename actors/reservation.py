"""ReservationActor: fronts the reservation table, and renews what this process holds.

It asks nobody. A lease may be acted on until ``elapsed before the request + TTL - margin``: counted from before the
request, so that a slow database can only make the holder more careful.

The standing leases (the crew's, the accounts') are renewed. A commodity's reservation is not: it is taken and given
back within one message of its PlatformActor, whose broker calls may take a third of the TTL at most, and one that a
crash left behind must be free to expire.

A database that does not answer is doubt, and not loss: the lease is kept, asked for again more often, and nobody acts
on it beyond its time, which passes by itself. Only the database can say that it is lost. When it answers again and the
lease has expired without a taker, it is taken again at once, and whoever acts on it goes on under the new token. A full
disk answers the renewal of an expired lease, which has nothing to write, with "not yours": that is true of anybody who
comes too late. So after a renewal that failed this answer proves nothing; the token does.
"""

from __future__ import annotations

from actors.messages import Lease, LeaseLost, LeaseRenewed, Release, RenewAll, Reserve
from actors.names import holder_of, is_standing
from actors.system.context import Context
from actors.system.errors import Refusal
from persistence.errors import LedgerError, LedgerUnavailable
from persistence.reservations import Fence, Reservations
from trading.attention import EVERYTHING, NOTHING, Attention
from trading.market import Instant

MARGIN = 1 / 60  # of the TTL: one second at the default of 60
RENEWALS_PER_TTL = 3
RENEWALS_PER_TTL_IN_DOUBT = 12
# Alerts, whose details begin with the resource.
LEASE_LOST = "lease_lost"
LEASE_IN_DOUBT = "lease_in_doubt"
LEASE_CERTAIN = "lease_certain"


class ReservationActor:
    """Reserves, renews and releases for every actor of this process."""

    def __init__(
        self,
        reservations: Reservations,
        ttl_seconds: float,
        *,
        renews: bool = True,
        held: dict[str, Lease] | None = None,
    ) -> None:
        """``renews=False`` is for a replay, whose lease clock stands still, so that nothing expires.

        ``held`` is the process's memory of what it was given, and outlives a crash of this actor: a lease that ran out
        meanwhile is in no table any more, and whoever acts on it must be told of the loss all the same.
        """
        self._reservations = reservations
        self._ttl_seconds = ttl_seconds
        self._renews = renews
        self._held: dict[str, Lease] = {} if held is None else held
        self._failed: set[str] = set()  # resources whose renewal has failed, and has not succeeded since
        self._in_doubt: set[str] = set()  # those of them whose time is over
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

    def attention(self, now: Instant) -> Attention:
        """Nothing, where its leases need no renewal."""
        return EVERYTHING if self._renews else NOTHING

    def stop(self, context: Context) -> None:
        """Give everything back, so that the next process need not wait for the expiry."""
        for lease in list(self._held.values()):
            self._release(lease.fence, context)

    def _reserve(self, resource: str, context: Context) -> Lease | None:
        asked_at = context.elapsed()
        try:
            fence = self._taken(resource, context)
        except LedgerUnavailable as error:
            raise Refusal(str(error)) from error  # to whoever asked; if it was reserved after all, it expires by itself
        if fence is None:
            held = self._held.get(resource)
            if held is not None and is_standing(resource):
                self._lose(held, "another process has taken it over", context)
            return None
        self._held[resource] = lease = Lease(fence, self._hold_until(asked_at))
        return lease

    def _taken(self, resource: str, context: Context) -> Fence | None:
        """Take what is free; None: it is another's. Raises `LedgerError`.

        A standing lease belongs to the process: its actor, restarted, gets it again. And so does whoever asks again
        after the answer to a first request was lost: the ledger knows to whom it was given.
        """
        reservation = self._reservations.reserve_resource(resource, context.owner, self._ttl_seconds)
        if reservation is not None:
            return reservation.fence
        holder = self._reservations.holder(resource) if is_standing(resource) else None
        if holder is None or holder.owner != context.owner:
            return None
        return holder.fence if self._reservations.renew_resource(holder.fence, self._ttl_seconds) else None

    def _release(self, fence: Fence, context: Context) -> bool:
        held = self._held.get(fence.resource)
        if held is not None and held.fence == fence:
            self._forget(fence.resource)
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
        try:
            if not self._found_again:
                self._find_again(context)
        except LedgerError as error:
            context.alert("lease_not_renewed", f"{error}; the next round may succeed")
        else:
            for lease in [lease for lease in self._held.values() if is_standing(lease.fence.resource)]:
                self._renew(lease, context)
        finally:  # whatever failed, the next round comes
            rounds = RENEWALS_PER_TTL_IN_DOUBT if self._in_doubt else RENEWALS_PER_TTL
            context.later(self._ttl_seconds / rounds, RenewAll())

    def _renew(self, lease: Lease, context: Context) -> None:
        resource = lease.fence.resource
        asked_at = context.elapsed()
        try:
            if self._reservations.renew_resource(lease.fence, self._ttl_seconds):
                self._extend(Lease(lease.fence, self._hold_until(asked_at)), context)
            elif resource not in self._failed or not self._take_again(lease, context):
                self._lose(lease, "it expired, or another process took it over", context)
        except LedgerError as error:
            self._failed.add(resource)
            if context.elapsed() >= lease.hold_until and resource not in self._in_doubt:
                self._in_doubt.add(resource)
                context.alert(LEASE_IN_DOUBT, f"{resource}: the database does not renew it: {error}")

    def _take_again(self, lease: Lease, context: Context) -> bool:
        """Take a lease that ran out while the database was away. False: another process was faster.

        The token says so: it grows with every holder, so the next one after ours means that nobody was in between.
        Raises `LedgerError`.
        """
        asked_at = context.elapsed()
        taken = self._taken(lease.fence.resource, context)
        if taken is None:
            return False
        if taken.token != lease.fence.token + 1:
            self._reservations.release_resource(taken)
            return False
        self._extend(Lease(taken, self._hold_until(asked_at)), context)
        return True

    def _extend(self, lease: Lease, context: Context) -> None:
        resource = lease.fence.resource
        self._held[resource] = lease
        self._failed.discard(resource)
        if resource in self._in_doubt:
            self._in_doubt.remove(resource)
            context.alert(LEASE_CERTAIN, f"{resource}: the database renews it again, token {lease.fence.token}")
        holder = holder_of(resource)
        if holder is not None:
            context.tell(holder, LeaseRenewed(lease))

    def _lose(self, lease: Lease, reason: str, context: Context) -> None:
        resource = lease.fence.resource
        self._forget(resource)
        context.alert(LEASE_LOST, f"{resource}: {reason}")
        holder = holder_of(resource)
        if holder is not None:
            context.tell(holder, LeaseLost(lease.fence, reason))

    def _forget(self, resource: str) -> None:
        del self._held[resource]
        self._failed.discard(resource)
        self._in_doubt.discard(resource)

    def _hold_until(self, asked_at: float) -> float:
        return asked_at + self._ttl_seconds * (1 - MARGIN) if self._renews else float("inf")
