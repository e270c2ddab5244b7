"""Judges a rehearsal: was each rule judged on the right date at the right minute, once, and rightly?

What happened it takes from the brokers' own books, and from the journal's lines by a read of its own; what had to
happen, from `rehearsal_hours.py`. Whether a trade had a profit is reckoned from the broker's figures at that minute.
"""

from __future__ import annotations

import heapq
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from persistence.ledger import Ledger
from simulation.rehearsal_crew import RehearsedBroker
from simulation.rehearsal_hours import ExpectedDays, ExpectedWindow
from simulation.rehearsal_verdicts import Attempt, Rules, closing_rules, expected_lines
from trading.market import Deal, Entry, Instant, iso
from trading.trade import CloseReason

LINES = text("SELECT id, at, reason, detail FROM journal WHERE kind = 'rule' AND id > :seen ORDER BY id")
STRATEGY = text("SELECT strategy FROM trade WHERE magic = :magic")
MOST_VIOLATIONS = 1_000  # kept; beyond them they are counted


@dataclass(frozen=True, slots=True)
class RehearsalViolation:
    """Something that had to be otherwise."""

    kind: str
    account: str
    commodity: str
    at: Instant
    what: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A line of the journal about a rule."""

    at: Instant
    reason: str  # such as ``day_end:kept``


@dataclass(slots=True)
class Held:
    """A position as the broker has dealt it."""

    position_id: int
    closes_at_day_end: bool  # by its strategy
    costs: float  # of the deal in: commission and fee, negative


@dataclass(slots=True)
class Watched:
    """A window under way."""

    window: ExpectedWindow
    held: Held | None  # when it was first looked at
    attempts: list[Attempt] = field(default_factory=list)
    is_settled: bool = False


class RehearsalReferee:
    """Sees every tick after the crew has acted on it."""

    def __init__(
        self,
        days: Mapping[tuple[str, str], ExpectedDays],
        brokers: Mapping[str, RehearsedBroker],
        ledger: Ledger,
        rules: Rules,
        strategies_that_close: Mapping[str, bool],
    ) -> None:
        """``days``: by account and commodity. ``strategies_that_close``: by strategy, whether it closes at day end."""
        self.violations: list[RehearsalViolation] = []
        self.counts: dict[str, Counter[str]] = {commodity: Counter() for _, commodity in days}
        self._days = days
        self._brokers = brokers
        self._ledger = ledger
        self._rules = rules
        self._closes = strategies_that_close
        windows = [window for of_slot in days.values() for window in of_slot.windows]
        self._coming = sorted(windows, key=lambda window: (window.starts_at, window.slot), reverse=True)
        self._under_way: dict[tuple[str, str], Watched] = {}
        self._ends: list[tuple[Instant, tuple[str, str]]] = []
        self._held: dict[tuple[str, str], Held] = {}
        self._dealt = dict.fromkeys(brokers, 0)
        self._seen_line = 0
        self._lines: dict[str, list[RuleLine]] = {}  # by key, until its window is over
        self._expected_deals: set[tuple[str, int]] = set()  # account and position that a rule has closed
        for window in windows:
            count = self.counts[window.commodity]
            count["windows"] += 1
            count["week_ends"] += window.ends_week
            count["early_closes"] += window.is_early

    def look(self, at: Instant, *, tried: bool, finished: bool) -> None:
        """The clock stands at ``at``. ``tried``: a crew was alive for some of this tick. ``finished``: to its end."""
        before = dict(self._held)
        closed = self._read_deals(at)
        begun = self._begin_windows(at, before)
        if begun or any(not watched.is_settled for watched in self._under_way.values()):
            self._read_lines()
        for watched in self._under_way.values():
            if not watched.is_settled and at in watched.window and (tried or finished):
                self._judge(watched, at, closed, finished=finished)
        self._end_windows(at)
        for slot, deal in closed.items():
            if (slot[0], deal.position_id) not in self._expected_deals:
                self._violated("outside", slot, deal.time, f"a close ({deal.reason}) that no rule asked for")

    def finish(self, at: Instant) -> None:
        """The rehearsal is over: what is left has to be what the ledger says."""
        self._read_lines()
        for key, lines in self._lines.items():
            _, commodity, account, _ = key.split(":")
            self._violated("extra", (account, commodity), at, f"{key}: {len(lines)} lines that nothing asked for")
        active = self._ledger.trades.active()
        open_rows = {(trade.platform, trade.position_id) for trade in active if trade.position_id is not None}
        positions = {(slot[0], held.position_id) for slot, held in self._held.items()}
        if open_rows != positions:
            what = f"the ledger has {len(open_rows)} open trades, the brokers {len(positions)} positions"
            self._violated("ledger", ("", ""), at, what)
        for trade in self._ledger.trades.list():
            is_by_rule = trade.close_reason in (None, CloseReason.DAY_END, CloseReason.FRIDAY)
            if not is_by_rule:
                self._violated("ledger", (trade.platform, trade.commodity), at, f"closed by {trade.close_reason}")

    # ------------------------------------------------------------ what has happened

    def _read_deals(self, at: Instant) -> dict[tuple[str, str], Deal]:
        """Follow the books; the deals out, by slot."""
        closed = {}
        for account, broker in self._brokers.items():
            deals = broker.deals_from(self._dealt[account])
            self._dealt[account] += len(deals)
            for deal in deals:
                slot = account, deal.commodity
                if deal.entry is Entry.IN:
                    self._opened(slot, deal)
                else:
                    closed[slot] = deal
                    if self._held.pop(slot, None) is None:
                        self._violated("twice", slot, at, f"position {deal.position_id} was not there any more")
        return closed

    def _opened(self, slot: tuple[str, str], deal: Deal) -> None:
        self.counts[slot[1]]["opened"] += 1
        days = self._days[slot]
        if not days.trades_at(deal.time):
            self._violated("opened_shut", slot, deal.time, "a trade was opened while the market was shut")
        if days.window_of(deal.time) is not None:
            self._violated("opened_in_window", slot, deal.time, "a trade was opened inside the window")
        if slot in self._held:
            self._violated("twice", slot, deal.time, "a second position in one slot")
        with self._ledger.reading() as connection:  # its row was there before its order
            closes = self._closes[connection.execute(STRATEGY, {"magic": deal.magic}).scalar_one()]
        self._held[slot] = Held(deal.position_id, closes, deal.commission + deal.fee)

    def _read_lines(self) -> None:
        with self._ledger.reading() as connection:
            rows = connection.execute(LINES, {"seen": self._seen_line}).all()
        for number, at, reason, detail in rows:
            self._seen_line = number
            said = json.loads(detail) if isinstance(detail, str) else detail
            self._lines.setdefault(said["key"], []).append(RuleLine(at, reason))

    # ------------------------------------------------------------ what had to happen

    def _begin_windows(self, at: Instant, before: Mapping[tuple[str, str], Held]) -> bool:
        has_begun = False
        while self._coming and self._coming[-1].starts_at <= at:
            window = self._coming.pop()
            self._under_way[window.slot] = Watched(window, before.get(window.slot))
            heapq.heappush(self._ends, (window.ends_at, window.slot))
            has_begun = True
        return has_begun

    def _judge(self, watched: Watched, at: Instant, closed: Mapping[tuple[str, str], Deal], *, finished: bool) -> None:
        """Compare what was said and done on this tick, and on earlier ones that a kill cut short."""
        window, held = watched.window, watched.held
        if held is not None:
            watched.attempts.append(Attempt(at, self._net_profit(window.slot, held, closed)))
            if window.slot in closed:
                self._expected_deals.add((window.account, closed[window.slot].position_id))
        if not finished:
            return
        watched.is_settled = True
        said = {
            rule: self._lines.pop(f"{rule.value}:{window.commodity}:{window.account}:{window.trading_date}", [])
            for rule in (CloseReason.FRIDAY, CloseReason.DAY_END)
        }
        if held is None:
            if any(said.values()):
                self._violated("extra", window.slot, at, "a rule was judged without a trade")
            return
        self._compare(watched, held, said, at)

    def _compare(
        self, watched: Watched, held: Held, said: Mapping[CloseReason, Sequence[RuleLine]], at: Instant
    ) -> None:
        window, slot = watched.window, watched.window.slot
        count = self.counts[window.commodity]
        is_closed = self._held.get(slot) is not held
        had_to_close = False
        for rule in closing_rules(self._rules, ends_week=window.ends_week):
            lines = said[rule]
            if had_to_close:
                if lines:
                    self._violated("extra", slot, at, f"{rule.value} was judged on a trade that was closed already")
                continue
            if len(lines) != 1:
                kind = "twice" if lines else "missed"
                self._violated(kind, slot, at, f"{rule.value} of {window.trading_date}: {len(lines)} judgements")
                continue
            line = lines[0]
            count[rule.value] += 1
            wanted = expected_lines(rule, self._rules, watched.attempts, closes_at_day_end=held.closes_at_day_end)
            if wanted.get(line.at) != line.reason:
                expected = ", ".join(f"{reason} at {iso(when)}" for when, reason in wanted.items())
                what = f"{rule.value} of {window.trading_date}: {line.reason} at {iso(line.at)}; expected {expected}"
                self._violated("wrong", slot, line.at, what)
            had_to_close = wanted.get(line.at, line.reason).endswith(":closed")
        for rule in said.keys() - set(closing_rules(self._rules, ends_week=window.ends_week)):
            if said[rule]:
                self._violated("extra", slot, at, f"{rule.value} was judged on {window.trading_date}")
        count["closed" if is_closed else "kept"] += 1
        if is_closed != had_to_close:
            what = "had to be closed, and is there" if had_to_close else "was closed, and had to be kept"
            self._violated(
                "missed" if had_to_close else "outside", slot, at, f"{window.trading_date}: the trade {what}"
            )

    def _end_windows(self, at: Instant) -> None:
        while self._ends and self._ends[0][0] <= at:
            _, slot = heapq.heappop(self._ends)
            watched = self._under_way.pop(slot)
            if not watched.is_settled:
                self._violated("missed", slot, at, f"nobody was there in the window of {watched.window.trading_date}")

    def _net_profit(self, slot: tuple[str, str], held: Held, closed: Mapping[tuple[str, str], Deal]) -> float:
        """What the broker's figures of this minute leave of the trade, costs of both ways included."""
        account, commodity = slot
        deal = closed.get(slot)
        if deal is not None and deal.position_id == held.position_id:
            return round(deal.profit + deal.swap + deal.commission + held.costs, 2)
        broker = self._brokers[account]
        position = next((p for p in broker.positions(math.inf) if p.position_id == held.position_id), None)
        if position is None:
            return math.nan
        commission = broker.instruments(math.inf)[commodity].commission_per_lot * position.volume_lots
        return round(position.profit + position.swap + held.costs - commission, 2)

    def report(self, violation: RehearsalViolation) -> None:
        """Count a violation, and keep it."""
        if violation.commodity in self.counts:
            self.counts[violation.commodity][violation.kind] += 1
        if len(self.violations) < MOST_VIOLATIONS:
            self.violations.append(violation)

    def _violated(self, kind: str, slot: tuple[str, str], at: Instant, what: str) -> None:
        self.report(RehearsalViolation(kind, *slot, at, what))
