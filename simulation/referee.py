"""The referee: looks on at every step, shows each invariant what concerns it, and keeps what was broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.commands import Outcome as Answer
from actors.operator import NOT_LEADING
from connectors.base import CloseOrder, Done, OpenOrder, Outcome
from simulation.broker import SimulatedBroker
from simulation.database import Books, TradeRow
from simulation.invariant import Invariant
from simulation.invariants import INVARIANTS
from simulation.kinds import COMMANDS
from simulation.process import Process
from simulation.scenario import Scenario
from simulation.scene import Scene
from simulation.story import Story
from trading.market import Instant, Position, Quote

TOLD = ("position_id", "ticket", "volume_lots", "entry_price", "stop_price", "close_reason", "profit", "detail")

DEFECT = "defect"
"""An exception that no fault explains. It has no number among the invariants, and is as bad."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that was broken, and how."""

    seed: int
    invariant: str
    what: str
    at_seconds: float  # elapsed


class Referee:
    """Sees what happens, and judges it."""

    def __init__(
        self,
        scenario: Scenario,
        brokers: Mapping[str, SimulatedBroker],
        books: Books,
        story: Story,
        elapsed: Callable[[], float],
        market_now: Callable[[], Instant],
    ) -> None:
        self.scene = Scene(scenario, brokers, books, elapsed, market_now)
        self.violations: list[Violation] = []
        self._story = story
        self._raw: list[tuple[Any, ...]] = []
        self._seen = dict.fromkeys(brokers, (0, 0))  # deals and accepted orders
        self._invariants = [kind(self.scene) for kind in INVARIANTS]
        self._rows = self._taking_part("row")
        self._leases = self._taking_part("lease")
        self._sendings = self._taking_part("sending")
        self._answers = self._taking_part("answered")
        self._commands = self._taking_part("commanded")
        self._moves = self._taking_part("moved")
        self._has_person = COMMANDS in scenario.intensity
        self._modes: list[tuple[str, str]] = []  # but those of trading
        self._quotes = self._taking_part("quoted")
        self._rests = self._taking_part("rest")

    # ------------------------------------------------------------ the ledger

    def committed(self, process: Process) -> None:
        """A transaction of this process has been committed: see what it changed."""
        scene = self.scene
        changed_leases = []
        for lease in scene.books.leases():
            before = scene.leases.get(lease.resource)
            if lease != before:
                changed_leases.append((before, lease))
                scene.leases[lease.resource] = lease
        if self._has_person:
            self._see_modes()
        raw = scene.books.trades()
        changed_rows = self._changed_rows(raw) if raw != self._raw else []
        self._raw = raw
        for old_lease, lease in changed_leases:
            self._tell_lease(process, lease.resource, f"{lease.owner} with token {lease.token}", old_lease, lease)
            for invariant in self._leases:
                self._judge(invariant, invariant.lease(old_lease, lease, process))
        for row_before, row in changed_rows:
            if row_before is None:
                scene.written_at[row.trade_id] = scene.elapsed()
            self._story.tell(process.name, "ledger", described(row_before, row))
            for invariant in self._rows:
                self._judge(invariant, invariant.row(row_before, row, process))

    def _see_modes(self) -> None:
        """What a person has set through a console, and since when."""
        scene, now = self.scene, self.scene.elapsed()
        modes = [(cause, mode) for cause, mode in scene.books.modes() if mode != "trading"]
        if modes != self._modes:
            self._modes = modes
            scene.mode_set_at = now
            self._mind_halt()
            scene.is_halted = any(mode == "halted" for _, mode in modes)
        scene.paused_at = {part: scene.paused_at.get(part, now) for part in scene.books.pauses()}

    def _mind_halt(self) -> None:
        """Halted, nothing is guarded: what must happen in time counts anew from its end."""
        if self.scene.is_halted:
            self.disturbed()

    def _changed_rows(self, raw: Sequence[tuple[Any, ...]]) -> list[tuple[TradeRow | None, TradeRow]]:
        scene, changed = self.scene, []
        if not scene.prefixes or len(scene.prefixes) < len(scene.brokers):
            scene.prefixes = scene.books.prefixes()
        for values in raw:
            before = scene.rows.get(values[0])
            if before != values:
                row = TradeRow(*values)
                scene.rows[row.trade_id] = row
                scene.by_magic[row.magic] = row
                changed.append((before, row))
        return changed

    def _tell_lease(self, process: Process, resource: str, held: str, before: Any, after: Any) -> None:
        if before is None or (before.owner, before.token) != (after.owner, after.token):
            self._story.tell(process.name, "ledger", f"{resource}: {held if after.owner else 'released'}")
            if resource.startswith("crew:") and before is not None and after.owner != before.owner is not None:
                self._story.count["takeovers"] += 1

    # ------------------------------------------------------------ the brokers

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> None:
        """An order is about to leave."""
        for invariant in self._sendings:
            self._judge(invariant, invariant.sending(process, platform, order, token))
        if isinstance(order, OpenOrder):
            self.scene.note_sent(process.owner, platform, order)
            self._story.count["opens"] += 1
        else:
            self._story.count["closes"] += 1

    def answered(self, process: Process, platform: str, order: OpenOrder | CloseOrder, outcome: Outcome) -> None:
        """The broker has answered an order."""
        for invariant in self._answers:
            self._judge(invariant, invariant.answered(process, platform, order, outcome))
        if isinstance(order, OpenOrder) and isinstance(outcome, Done):
            self._told((process.owner, platform), {outcome.ticket: outcome.volume_lots})
        self._story.count[f"{type(outcome).__name__.lower()} answers"] += 1
        if not isinstance(outcome, Done):
            self.disturbed()

    def commanded(self, process: Process, answer: Answer) -> None:
        """A person got an answer."""
        for invariant in self._commands:
            self._judge(invariant, invariant.commanded(process, answer))
        if answer.detail.get("code") != NOT_LEADING:  # then nothing was decided about the request
            self.scene.commanded[answer.request_id] = answer.state
        self._story.count[f"commands {answer.state}"] += 1

    def looked(self, process: Process, platform: str, positions: Sequence[Position]) -> None:
        """The process has been shown these positions."""
        key = (process.owner, platform)
        self._told(key, {position.ticket: position.volume_lots for position in positions})
        self.scene.shown[key] = {position.ticket: position for position in positions}
        self.scene.shown_at[key] = self.scene.elapsed()

    def quoted(self, process: Process, platform: str, quotes: Sequence[Quote]) -> None:
        """The process has been shown these quotes."""
        self._mind_halt()
        for invariant in self._quotes:
            self._judge(invariant, invariant.quoted(process, platform, quotes))

    def moved(self, platform: str) -> None:
        """Something may have happened at this broker."""
        truth = self.scene.brokers[platform].truth
        deals, accepted = truth.deals, len(truth.accepted)
        deals_seen, accepted_seen = self._seen[platform]
        if (len(deals), accepted) == (deals_seen, accepted_seen):
            return  # nothing happens to a position without a deal
        self._seen[platform] = len(deals), accepted
        self.scene.note_deals(platform, list(deals[deals_seen:]))
        for invariant in self._moves:
            self._judge(invariant, invariant.moved(platform))

    def _told(self, key: tuple[str, str], volumes: Mapping[int, float]) -> None:
        # Where a close by ticket is refused when it names too much, a look for another trade's sake need not be minded
        # at once; on a netting account everything must be.
        settings, netting = self.scene.scenario.settings, self.scene.scenario.netting
        keep_seconds = 0.0 if netting else 2 * settings.ai_monitor_interval_seconds
        self.scene.note_told(key, volumes, keep_seconds=keep_seconds)

    # ------------------------------------------------------------ time

    def disturbed(self, for_seconds: float = 0.0) -> None:
        """A fault has struck: whatever must happen in time counts anew from here, or from the end of so long a time."""
        self.scene.disturbed_at = max(self.scene.disturbed_at, self.scene.elapsed() + for_seconds)

    def is_at_rest(self) -> bool:
        """Whether everything has come right already."""
        return not any(True for invariant in self._rests for _ in invariant.rest())

    def rest(self) -> None:
        """Everything has had its time: judge what must have come right by now."""
        for invariant in self._rests:
            self._judge(invariant, invariant.rest())

    def defect(self, what: str) -> None:
        """Something was raised that no fault explains."""
        self._keep(DEFECT, what)

    # ------------------------------------------------------------ how

    def _taking_part(self, moment: str) -> list[Invariant]:
        """The invariants that look at this moment at all."""
        own = getattr(Invariant, moment)
        return [invariant for invariant in self._invariants if getattr(type(invariant), moment) is not own]

    def _judge(self, invariant: Invariant, broken: Iterable[str]) -> None:
        for what in broken:
            self._keep(invariant.name(), what)

    def _keep(self, name: str, what: str) -> None:
        at = self.scene.elapsed()
        self.violations.append(Violation(self.scene.scenario.seed, name, what, round(at, 3)))
        self._story.tell("referee", name, f"BROKEN: {what}")


def described(before: TradeRow | None, after: TradeRow) -> str:
    """What a commit did to a row, in a few words."""
    if before is None:
        slot = f"{after.platform}:{after.commodity}"
        return f"trade {after.trade_id} {slot} {after.side} {after.volume_lots:g}: {after.state}"
    way = after.state if before.state == after.state else f"{before.state} to {after.state}"
    changes = ", ".join(
        f"{name} {getattr(after, name)}" for name in TOLD if getattr(before, name) != getattr(after, name)
    )
    return f"trade {after.trade_id} {way}" + (f": {changes}" if changes else "")
