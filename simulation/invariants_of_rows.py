"""The invariants of what the ledger says: I3 to I7, I12, I14 and I15, each with its sentence."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator

from connectors.base import CloseOrder, Done, OpenOrder, Outcome, Rejected
from simulation.database import LeaseRow, TradeRow
from simulation.invariant import HELD, SAME_MONEY, SAME_PRICE, SAME_VOLUME_LOTS, UNSETTLED, Invariant
from simulation.ownership import average_price
from simulation.process import Process
from trading.market import SECOND, Entry, Position


class I3(Invariant):
    """One clean pass after recovery, every position with our prefix has exactly one row, and every OPEN row has a
    position.
    """

    def row(self, before: TradeRow | None, after: TradeRow, process: Process) -> Iterator[str]:
        """Nothing is called failed that the broker has executed, unless it did so beyond the quarantine."""
        if after.state == "failed" and (before is None or before.state != "failed"):
            yield from self._wrongly_failed(after)

    def moved(self, platform: str) -> Iterator[str]:
        """Nothing is executed that was called failed, unless beyond the quarantine."""
        for row in self.scene.rows.values():
            if row.platform == platform and row.state == "failed":
                yield from self._wrongly_failed(row)

    def rest(self) -> Iterator[str]:
        """Positions and rows are the same."""
        scene = self.scene
        for platform in scene.brokers:
            live = {p.position_id for p in scene.ours(platform) if not self._is_told_of(platform, p)}
            rows = Counter(
                row.position_id for row in scene.rows.values() if row.platform == platform and row.state in HELD
            )
            for position_id in live:
                if rows[position_id] != 1:
                    yield f"position {position_id} of {platform} has {rows[position_id]} rows"
            for row in scene.rows.values():
                if row.platform == platform and row.state == "open" and row.position_id not in live:
                    yield f"trade {row.trade_id} is open, and {platform} has no position {row.position_id}"

    def _is_told_of(self, platform: str, position: Position) -> bool:
        """Whether a close of ours opened it, sent for what a stranger had closed since our look, and a person knows.

        A netting account takes closes without a ticket, so nothing can keep it from that.
        """
        scene = self.scene
        if not (scene.scenario.netting and scene.was_overtaken(platform, position.magic)):
            return False
        alerts = scene.books.journal("alert")
        return any(reason == "unaccounted" and str(position.position_id) in detail for reason, detail, _, _ in alerts)

    def _wrongly_failed(self, row: TradeRow) -> Iterator[str]:
        scene = self.scene
        if row.magic in scene.executed_at and not scene.came_late(row.magic):
            yield f"trade {row.trade_id} is failed ({row.detail}), but {row.platform} executed its order"


class I4(Invariant):
    """The ledger's ticket, volume and prices equal the broker's."""

    def answered(
        self, process: Process, platform: str, order: OpenOrder | CloseOrder, outcome: Outcome
    ) -> Iterator[str]:
        """What a process is told was done, the broker has dealt; what is called refused, it has not."""
        truth = self.scene.brokers[platform].truth
        if isinstance(outcome, Done):
            dealt = [(deal.volume_lots, deal.price) for deal in truth.deals if deal.order == outcome.order]
            lots, price = sum(volume for volume, _ in dealt), average_price(dealt)
            if (
                price is None
                or abs(lots - outcome.volume_lots) > SAME_VOLUME_LOTS
                or abs(price - outcome.price) > SAME_PRICE
            ):
                told = f"{outcome.volume_lots:g} lots at {outcome.price:g}"
                yield f"order {outcome.order} of {platform} is said to be done, {told}; its deals are {dealt}"
        is_refused_open = isinstance(order, OpenOrder) and isinstance(outcome, Rejected)
        if is_refused_open and any(deal.magic == order.magic for deal in truth.deals):
            yield f"order {order.magic:#x} is said to be refused, but {platform} executed it: {outcome}"

    def rest(self) -> Iterator[str]:
        """Those of live positions, and the prices at which closed ones went in and out."""
        for row in self.scene.rows.values():
            if row.state in HELD:
                yield from self._live(row)
            elif row.state == "closed":
                yield from self._closed(row)

    def _live(self, row: TradeRow) -> Iterator[str]:
        position = next((p for p in self.scene.ours(row.platform) if p.position_id == row.position_id), None)
        if position is None:
            return  # I3 says so
        for what, ours, theirs in (
            ("ticket", row.ticket, position.ticket),
            ("volume", row.volume_lots, position.volume_lots),
            ("entry price", row.entry_price, position.open_price),
        ):
            if ours is None or abs(ours - theirs) > SAME_PRICE:
                yield f"{what} of trade {row.trade_id} is {ours}; {row.platform} has {theirs}"

    def _closed(self, row: TradeRow) -> Iterator[str]:
        if self.scene.scenario.netting:
            outward = self.scene.part_of(row).outward
        else:
            deals = self.scene.deals_of(row)
            outward = [(deal.volume_lots, deal.price) for deal in deals if deal.entry is Entry.OUT]
        price = average_price(outward)
        if price is None:
            yield f"trade {row.trade_id} is closed, and {row.platform} has no deal out of position {row.position_id}"
            return
        if row.exit_price is None or abs(row.exit_price - price) > 1e-6 * abs(price):
            yield f"exit price of trade {row.trade_id} is {row.exit_price}; the deals of {row.platform} say {price}"


class I5(Invariant):
    """Realised profit equals the sum of the broker's deals (profit + swap + commission + fee), to the cent."""

    def rest(self) -> Iterator[str]:
        """Late deals included."""
        for row in self.scene.rows.values():
            if row.state != "closed":
                continue
            if self.scene.scenario.netting:
                net = round(self.scene.part_of(row).money, 2)
            else:
                net = round(math.fsum(deal.net for deal in self.scene.deals_of(row)), 2)
            if row.profit is None or abs(row.profit - net) > SAME_MONEY:
                yield f"profit of trade {row.trade_id} is {row.profit}; the deals of {row.platform} sum to {net:.2f}"


class I6(Invariant):
    """A stale token never commits."""

    def row(self, before: TradeRow | None, after: TradeRow, process: Process) -> Iterator[str]:
        """Who writes a trade holds the account's lease, and signs with its token."""
        yield from self._holds(f"account:{after.platform}", after.account_token, process, after)
        if before is None:
            yield from self._holds(f"{after.platform}:{after.commodity}", after.commodity_token, process, after)

    def lease(self, before: LeaseRow | None, after: LeaseRow, process: Process) -> Iterator[str]:
        """A lease changes hands only when it is free or expired, with a higher token, by whoever gets it."""
        now = self._now()
        if before is None:
            return
        if after.token < before.token:
            yield f"the token of {after.resource} fell from {before.token} to {after.token}"
        held = before.owner is not None and before.expires_at > now
        if after.token == before.token and before.owner != after.owner and after.owner is not None:
            yield f"{after.resource} went from {before.owner} to {after.owner} with the same token {after.token}"
        elif held and before.owner != process.owner:
            yield f"{process.owner} changed {after.resource}, which {before.owner} holds"
        elif held and after.token != before.token:
            yield f"{after.resource} was taken from {before.owner} while it was held"

    def moved(self, platform: str) -> Iterator[str]:
        """The broker's side accepts nothing under a token lower than it has seen."""
        for accepted in self.scene.newly_accepted(platform):
            if accepted.attempt.token < accepted.lowest_token:
                yield (
                    f"{platform} accepted order {accepted.attempt.magic:#x} of {accepted.attempt.process} under token "
                    f"{accepted.attempt.token}, after {accepted.lowest_token}"
                )

    def _holds(self, resource: str, token: int, process: Process, row: TradeRow) -> Iterator[str]:
        lease = self.scene.leases.get(resource)
        if lease is None or lease.token != token or lease.owner != process.owner or lease.expires_at <= self._now():
            yield f"{process.owner} wrote trade {row.trade_id} with token {token}; {resource} is {lease}"

    def _now(self) -> int:
        return int(self.scene.elapsed() * SECOND)


class I7(Invariant):
    """Once faults stop, every row settles within a bounded time or an alert exists."""

    def rest(self) -> Iterator[str]:
        """And somebody leads, and guards every account."""
        scene = self.scene
        alerts = scene.books.journal("alert")
        for row in scene.rows.values():
            slot = f"{row.platform}:{row.commodity}"
            if row.state in UNSETTLED and not any(
                reason in ("stuck", "missing", "unaccounted") and slot in detail for reason, detail, _, _ in alerts
            ):
                yield f"trade {row.trade_id} is {row.state} ({row.detail}), and nobody was alerted"
            if row.state == "closing" and self._is_over(row):
                yield f"trade {row.trade_id} is closing ({row.detail}), and {row.platform} has closed it"
        for request_id, state, detail in scene.books.requests():
            asked = [scene.rows.get(row["trade_id"]) for row in json.loads(detail).get("trades", ())]
            if state == "unresolved" and not any(row is not None and row.state in UNSETTLED for row in asked):
                yield f"{request_id} is unresolved, and no trade of it is"
        now = int(scene.elapsed() * SECOND)
        for resource in (f"crew:{scene.scenario.settings.crew}", *(f"account:{name}" for name in scene.brokers)):
            lease = scene.leases.get(resource)
            if lease is None or lease.owner is None or lease.expires_at <= now:
                yield f"nobody holds {resource}: {lease}"

    def _is_over(self, row: TradeRow) -> bool:
        """Whether all that the trade put into its position has come out: then an alert is not enough."""
        if self.scene.scenario.netting:
            part = self.scene.part_of(row)
            return bool(part.outward) and part.is_nothing
        return all(position.position_id != row.position_id for position in self.scene.ours(row.platform))


class I12(Invariant):
    """Recovery can crash at any point and be run again."""

    def rest(self) -> Iterator[str]:
        """Whatever happened, the last lead leads to an account that trades again: nobody stands by on it."""
        scene = self.scene
        crew = scene.leases.get(f"crew:{scene.scenario.settings.crew}")
        for platform in scene.brokers:
            account = scene.leases.get(f"account:{platform}")
            if crew is not None and account is not None and crew.owner != account.owner:
                yield f"{crew.owner} leads, and {account.owner} holds {platform}"
            if crew is not None and (crew.owner or "", platform) not in scene.shown_at:
                yield f"{crew.owner} leads, and has never looked at {platform}"


class I14(Invariant):
    """Each scheduled job key fires at most once."""

    def rest(self) -> Iterator[str]:
        """One judgement in the journal for each key; and once at most that there was none in time."""
        fired: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        for reason, detail, repeated, _ in self.scene.books.journal("rule"):
            counted = missed if reason.endswith(":missed") else fired
            counted[str(json.loads(detail).get("key"))] += repeated
        for what, counts in (("fired", fired), ("was missed", missed)):
            for key, count in counts.items():
                if count > 1:
                    yield f"the job {key} {what} {count} times"


class I15(Invariant):
    """The stop never widens: the loss agreed at entry is the most that the rules can lose, gaps aside. Nor is a trade
    held for longer than agreed, and only another strategy ends it in another way.
    """

    def row(self, before: TradeRow | None, after: TradeRow, process: Process) -> Iterator[str]:
        """It lies no farther away than agreed, and moves in one direction only."""
        if before is not None and after.stop_distance != before.stop_distance:
            changed = f"from {before.stop_distance} to {after.stop_distance}"
            yield f"the agreed distance of trade {after.trade_id} went {changed}"
        if after.state not in ("open", "closing") or after.entry_price is None:
            return
        distance = after.sign * (after.entry_price - after.stop_price)
        if distance > after.stop_distance * (1 + 1e-9):
            yield f"the stop of trade {after.trade_id} is {distance:g} away; {after.stop_distance:g} was agreed"
        was_open = before is not None and before.state in ("open", "closing")
        if was_open and before is not None and after.sign * (after.stop_price - before.stop_price) < -SAME_PRICE:
            yield f"the stop of trade {after.trade_id} went from {before.stop_price:g} to {after.stop_price:g}"
        if was_open and before is not None:
            yield from self._held_otherwise(before, after)

    def _held_otherwise(self, before: TradeRow, after: TradeRow) -> Iterator[str]:
        if after.time_stop_at > before.time_stop_at:
            yield f"trade {after.trade_id} may be held until {after.time_stop_at}; {before.time_stop_at} was agreed"
        was, now = ((row.time_stop_at, row.closes_at_day_end, row.trailing_distance) for row in (before, after))
        if after.strategy == before.strategy and was != now:
            yield f"trade {after.trade_id} ends in another way, and its strategy is {after.strategy} as before"
