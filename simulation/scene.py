"""What the referee knows: the brokers' truth, the ledger as it reads it itself, and who sent what when.

Nothing here comes from what an actor believes. The brokers are looked at from behind, past every fault of theirs, and
the ledger through a connection that the program does not have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from actors.commands import CommandState
from actors.lookup import QUARANTINE_SECONDS
from connectors.base import Done, OpenOrder
from simulation.broker import SimulatedBroker
from simulation.broker_truth import Accepted
from simulation.database import Books, LeaseRow, TradeRow
from simulation.ownership import Holder, Ownership, average_price
from simulation.scenario import Scenario
from trading.market import SECOND, Deal, Entry, Instant, Position
from trading.order_numbers import prefix_of


@dataclass(frozen=True, slots=True)
class Sent:
    """An order to open that left a process."""

    magic: int
    slot: tuple[str, str]
    analysis_id: str
    at: float  # elapsed seconds
    owner: str


@dataclass(frozen=True, slots=True)
class Told:
    """The volume of a position as a process was told of it."""

    volume_lots: float
    contradicted_at: float = math.inf  # elapsed seconds; when it was first told of less


@dataclass(slots=True)
class Scene:
    """Everything that the invariants look at."""

    scenario: Scenario
    brokers: Mapping[str, SimulatedBroker]
    books: Books
    elapsed: Callable[[], float]
    market_now: Callable[[], Instant]  # by the clock of the processes, which may be set
    rows: dict[int, TradeRow] = field(default_factory=dict)  # by trade
    by_magic: dict[int, TradeRow] = field(default_factory=dict)
    leases: dict[str, LeaseRow] = field(default_factory=dict)  # by resource
    prefixes: dict[str, int] = field(default_factory=dict)  # by platform
    sent: dict[int, Sent] = field(default_factory=dict)  # by magic
    executed_at: dict[int, float] = field(default_factory=dict)  # elapsed seconds of the first deal in, by magic
    shown: dict[tuple[str, str], dict[int, Position]] = field(default_factory=dict)  # by owner and platform, by ticket
    told: dict[tuple[str, str], dict[int, Told]] = field(default_factory=dict)  # as `shown`, and the fills of opens
    shown_at: dict[tuple[str, str], float] = field(default_factory=dict)
    disturbed_at: float = 0.0  # when a fault struck last
    written_at: dict[int, float] = field(default_factory=dict)  # elapsed seconds of the row's first commit, by trade
    mode_set_at: float = 0.0  # when a person changed the crew's mode last
    is_halted: bool = False  # as of the last commit; known only where people ask through consoles
    paused_at: dict[tuple[str, str], float] = field(default_factory=dict)  # elapsed seconds, by account and commodity
    commanded: dict[str, CommandState] = field(default_factory=dict)  # what a person was answered last, by request
    accepted_seen: dict[str, int] = field(default_factory=dict)  # how many accepted orders were looked at, by platform

    def is_ours(self, platform: str, magic: int) -> bool:
        """Whether a position of this magic is one of this ledger's."""
        return prefix_of(magic) == self.prefixes.get(platform, -1)

    def ours(self, platform: str) -> list[Position]:
        """The live positions of an account that are ours, or partly so, with what of each is ours.

        On a netting account the number that a position shows is that of whoever came last, and only deals say more.
        """
        live = self.brokers[platform].truth.positions
        if not self.scenario.netting:
            return [position for position in live if self.is_ours(platform, position.magic)]
        parts = []
        for position in live:
            owners = self.owners_of(platform, position.position_id)
            held = [abs(number) for number, holder in owners.holders.items() if number and not holder.is_nothing]
            if held:
                number = max(held)
                price = average_price(owners.of(number).inward) or position.open_price
                parts.append(replace(position, magic=number, volume_lots=owners.our_lots, open_price=price))
        return parts

    def was_overtaken(self, platform: str, magic: int) -> bool:
        """Whether a close of this order met less than it was sent for, and opened something itself."""
        truth = self.brokers[platform].truth
        closes = {
            done.outcome.order
            for done in truth.executed
            if done.attempt.call == "close" and done.attempt.magic == magic and isinstance(done.outcome, Done)
        }
        return any(deal.order in closes and deal.entry is not Entry.OUT for deal in truth.deals)

    def owners_of(self, platform: str, position_id: int | None) -> Ownership:
        """Who holds what of a position."""
        deals = [deal for deal in self.brokers[platform].truth.deals if deal.position_id == position_id]
        return Ownership(deals, lambda magic: self.is_ours(platform, magic))

    def part_of(self, row: TradeRow) -> Holder:
        """What a trade's order had of its position on a netting account."""
        deals = self.deals_of(row)
        return self.owners_of(row.platform, deals[0].position_id if deals else None).of(row.magic)

    def deals_of(self, row: TradeRow) -> list[Deal]:
        """Every deal of the trade's position, late ones included."""
        deals = self.brokers[row.platform].truth.deals
        ids = {row.position_id}
        if row.position_id is None:
            ids = {deal.position_id for deal in deals if deal.magic == row.magic}
        return [deal for deal in deals if deal.position_id in ids]

    def came_late(self, magic: int) -> bool:
        """Whether the broker executed the order later than any promise reaches: beyond the quarantine."""
        executed, sent = self.executed_at.get(magic), self.sent.get(magic)
        return executed is not None and sent is not None and executed - sent.at > QUARANTINE_SECONDS

    def elapsed_at(self, at: Instant) -> float:
        """Elapsed seconds at an instant of the brokers' clock, which nobody sets."""
        return (at - self.scenario.origin) / SECOND

    def newly_accepted(self, platform: str) -> list[Accepted]:
        """What the broker's side has accepted since this was asked last."""
        accepted = self.brokers[platform].truth.accepted
        seen = self.accepted_seen.get(platform, 0)
        self.accepted_seen[platform] = len(accepted)
        return list(accepted[seen:])

    def note_told(self, key: tuple[str, str], volumes: Mapping[int, float], *, keep_seconds: float) -> None:
        """Remember what a process was told of volumes, by ticket. A larger one stands a while longer than the news."""
        now, told = self.elapsed(), self.told.setdefault(key, {})
        for ticket, volume_lots in volumes.items():
            before = told.get(ticket)
            since = now if before is None else min(now, before.contradicted_at)
            if before is not None and volume_lots < before.volume_lots and now - since < keep_seconds:
                told[ticket] = Told(before.volume_lots, since)
            else:
                told[ticket] = Told(volume_lots)

    def note_deals(self, platform: str, new: list[Deal]) -> None:
        """Remember when each order was first executed."""
        for deal in new:
            if deal.entry is not Entry.OUT and deal.magic:
                self.executed_at.setdefault(deal.magic, self.elapsed_at(deal.time))

    def note_sent(self, owner: str, platform: str, order: OpenOrder) -> None:
        """Remember an order to open that leaves now."""
        row = self.by_magic.get(order.magic)
        analysis_id = "" if row is None else row.analysis_id
        at = self.elapsed()
        self.sent.setdefault(order.magic, Sent(order.magic, (platform, order.commodity), analysis_id, at, owner))
