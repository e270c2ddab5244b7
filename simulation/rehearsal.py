"""A year of trading days in virtual time: does every closing rule fire on the right date, at the right minute, once?

The actors, the ledger and the recovery are the program's own, on two accounts that trade every commodity. Prices are
written down before (`rehearsal_market.py`), trades are opened every day, three times a day the crew is killed and begun
anew, and a referee compares what was done with what the calendar asks for. `docs/rehearsal.md` tells it all.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from actors.accounts import Market
from actors.system.runtime_virtual import VirtualWorld
from feeds.market_calendars import CalendarStore
from simulation.rehearsal_crew import RehearsedBroker, RehearsedCrew
from simulation.rehearsal_hours import DAYS_AROUND, ExpectedDays, ExpectedWindow
from simulation.rehearsal_market import ScriptedPrices, opening_tick
from simulation.rehearsal_referee import RehearsalReferee, RehearsalViolation
from simulation.rehearsal_restarts import A_DAY, Blow, draw_blows
from simulation.rehearsal_settings import (
    DAILY_VOLATILITY,
    STRATEGIES,
    STRATEGY_WEIGHTS,
    buffer_minutes,
    rehearsal_settings,
    with_conversions,
)
from simulation.rehearsal_verdicts import Rules
from trading.analysis import Analysis, Pillar, Pillars, Regime
from trading.commodities import Commodity
from trading.market import DAY, HOUR, MINUTE, Instant, Side, instant

SCORE = 0.9  # of every pillar
MARGIN = timedelta(days=DAYS_AROUND + 40)  # of the trading times on both sides
TRIED_SHARE = 1 / 8  # of the moments at which nothing may be opened, and it is tried


@dataclass(frozen=True, slots=True)
class RehearsalOutcome:
    """What came of a rehearsal."""

    violations: tuple[RehearsalViolation, ...]
    counts: Mapping[str, Counter[str]]  # by commodity
    first: date
    last: date
    ticks: int
    lives: int  # of crews
    blows: Counter[str]  # kills, by moment
    seconds: float
    cpu_seconds: float


def rehearsal_market(
    names: Collection[str],
    catalogue: Mapping[str, Commodity],
    first: date,
    last: date,
    calendars: CalendarStore,
    rules: Rules | None = None,
) -> Market:
    """Two accounts that trade these, and the pairs by which their profits become dollars.

    The trading times go from ``first`` to ``last`` and as far around as a rehearsal looks.
    """
    commodities = {name: catalogue[name] for name in with_conversions(names, catalogue)}
    settings = rehearsal_settings(commodities, rules)
    begins, ends = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first - MARGIN, last + MARGIN))
    times = calendars.timetable(settings, commodities, instant(begins), instant(ends))
    return Market(settings, commodities, times)


@dataclass(slots=True)
class Acts:
    """What the driver does at a tick, beside moving the clock."""

    opens: list[str] = field(default_factory=list)  # commodities in which trades are opened
    tries: list[str] = field(default_factory=list)  # commodities in which nothing may be opened now


class Rehearsal:
    """Some days of a market, with everything that is to happen in them written down."""

    def __init__(
        self,
        market: Market,
        first: date,
        last: date,
        seed: int = 0,
        *,
        rules: Rules | None = None,
        kills_a_day: int = A_DAY,
    ) -> None:
        """Trading dates from ``first`` to ``last``, both included. ``market``: its trading times reach at least two
        months beyond them on both sides. ``rules``: those that its settings switch on.
        """
        self.market = market
        self._first, self._last = first, last
        self._seed = f"{seed}/{first}"
        self._rules = Rules() if rules is None else rules
        self._kills_a_day = kills_a_day
        self.days = {
            (account.name, name): ExpectedDays(
                account.name,
                market.commodities[name],
                market.times.of(account.name, name),
                buffer_minutes(account.name, name),
                first,
                last,
            )
            for account in market.settings.accounts
            for name in account.symbols
        }
        self.windows = [window for days in self.days.values() for window in days.windows]
        self.ticks = _ticks(self.windows, first)
        self._acts = self._written_acts(random.Random(f"{seed}/acts"))
        self._rng = random.Random(f"{seed}/opinions")
        self._opinions = 0

    def run(self, advance: Callable[[int], None] | None = None) -> RehearsalOutcome:
        """Go through all of it. ``advance`` is told how many ticks are done."""
        began, began_cpu = time.perf_counter(), time.process_time()
        with VirtualWorld(self.ticks[0], ticking=True) as world:
            brokers = self._brokers(world)
            crew = RehearsedCrew(self.market, world, brokers, self._seed)
            closes = {strategy.value: own.closes_at_day_end for strategy, own in STRATEGIES.items()}
            referee = RehearsalReferee(self.days, brokers, crew.ledger, self._rules, closes)
            try:
                blows = self._walk(world, crew, brokers, referee, advance)
            finally:
                crew.close()
        return RehearsalOutcome(
            violations=tuple(referee.violations),
            counts=referee.counts,
            first=self._first,
            last=self._last,
            ticks=len(self.ticks),
            lives=crew.lives,
            blows=blows,
            seconds=time.perf_counter() - began,
            cpu_seconds=time.process_time() - began_cpu,
        )

    def _walk(
        self,
        world: VirtualWorld,
        crew: RehearsedCrew,
        brokers: Mapping[str, RehearsedBroker],
        referee: RehearsalReferee,
        advance: Callable[[int], None] | None,
    ) -> Counter[str]:
        waiting, struck = deque(self._blows()), Counter[str]()
        back_at = 0  # the number of the tick at which the next crew begins
        for number, at in enumerate(self.ticks):
            begins = not crew.is_alive and number >= back_at
            is_there = crew.is_alive or begins
            blow = waiting.popleft() if is_there and waiting and waiting[0].at <= at else None
            if begins:
                world.advance_to(at)
                crew.start()
            if blow is not None:
                _aim(blow, brokers, crew)
            world.advance_to(at)  # for who begins, the timers that are due at once
            self._act(at, crew, brokers)
            referee.look(at, tried=is_there, finished=crew.is_alive)
            if blow is not None:
                struck["in the middle" if not crew.is_alive else "after the tick"] += 1
                crew.kill()
                back_at = number + blow.away_ticks
                _put_away(brokers)
            if advance is not None:
                advance(number + 1)
        if not crew.is_alive:
            crew.start()  # so that what the last kill has left is settled
            world.advance_to(self.ticks[-1])
        referee.finish(self.ticks[-1])
        for fault in crew.faults:
            referee.report(RehearsalViolation("fault", "", "", self.ticks[-1], fault))
        return struck

    # ------------------------------------------------------------ what is written down

    def _brokers(self, world: VirtualWorld) -> dict[str, RehearsedBroker]:
        settings, commodities = self.market.settings, self.market.commodities
        brokers = {
            account.name: RehearsedBroker(
                account.name, commodities, world, symbols=account.symbols, settings=account.paper
            )
            for account in settings.accounts
        }
        turns: set[Instant] = set()
        for name, commodity in commodities.items():
            shown = [days.windows for (_, of), days in self.days.items() if of == name]
            prices = ScriptedPrices(commodity, shown[0], random.Random(f"{self._seed}/{name}/prices"))
            for account in settings.accounts:
                if name in account.symbols:
                    brokers[account.name].price_by(name, prices)
            turns.update(prices.turns)
        for broker in brokers.values():
            broker.turns = sorted(turns)
        return brokers

    def _written_acts(self, rng: random.Random) -> dict[Instant, Acts]:
        """Opens once a day for each commodity; opens that must not be, where both accounts' markets forbid them."""
        acts: dict[Instant, Acts] = defaultdict(Acts)
        known = set(self.ticks)
        for name in self.market.commodities:
            days = [of_slot for (_, of), of_slot in self.days.items() if of == name]
            for window in days[0].windows:
                opening = opening_tick(window)
                if opening is not None and all(of_slot.window_of(opening) is None for of_slot in days):
                    acts[opening].opens.append(name)
                for at in (window.starts_at + MINUTE, window.ends_at - MINUTE, window.ends_at):
                    is_forbidden = all(_forbids(of_slot, at) for of_slot in days)
                    if at in known and is_forbidden and rng.random() < TRIED_SHARE:
                        acts[at].tries.append(name)
        return acts

    def _blows(self) -> list[Blow]:
        closes = {window.starts_at for window in self.windows}
        opens = {at for at, acts in self._acts.items() if acts.opens}
        spans = {(window.starts_at, window.ends_at) for window in self.windows}
        inside = {at for starts_at, ends_at in spans for at in range(starts_at, ends_at, MINUTE)}
        rng = random.Random(f"{self._seed}/blows")
        return list(draw_blows(self.ticks, inside, closes, opens, rng, self._kills_a_day))

    # ------------------------------------------------------------ acting

    def _act(self, at: Instant, crew: RehearsedCrew, brokers: Mapping[str, RehearsedBroker]) -> None:
        acts = self._acts.get(at)
        if acts is None or not crew.is_alive:
            return
        sides = {name: self._rng.choice((Side.BUY, Side.SELL)) for name in acts.opens}
        for turn in (1, -1):  # the first opinion takes one account, the opposite one finds the other
            held = [broker.commodities_held() for broker in brokers.values()]
            free = [name for name in sides if not all(name in of_account for of_account in held)]
            opinions = [(name, sides[name] if turn > 0 else sides[name].opposite) for name in free]
            crew.hear([self._opinion(name, side, at) for name, side in opinions])
        crew.hear([self._opinion(name, self._rng.choice((Side.BUY, Side.SELL)), at) for name in acts.tries])

    def _opinion(self, commodity: str, side: Side, at: Instant) -> Analysis:
        self._opinions += 1
        pillar = Pillar(score=SCORE)
        return Analysis(
            id=f"rehearsal-{self._opinions}",
            commodity=commodity,
            side=side,
            strategy=self._rng.choices(tuple(STRATEGIES), STRATEGY_WEIGHTS)[0],
            regime=Regime.RANGE,
            pillars=Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
            confidence=100 * SCORE,
            daily_volatility=DAILY_VOLATILITY,
            made_at=at,
        )


def _ticks(windows: Sequence[ExpectedWindow], first: date) -> list[Instant]:
    """Every hour; each minute of every window, and the minute before and after it."""
    begins = instant(datetime(first.year, first.month, first.day, tzinfo=UTC)) - DAY  # some days begin on the eve
    ticks = set(range(begins, max((window.ends_at for window in windows), default=begins + DAY), HOUR))
    for starts_at, ends_at in {(window.starts_at, window.ends_at) for window in windows}:
        ticks.update(range(starts_at - MINUTE, ends_at + 2 * MINUTE, MINUTE))
    return sorted(ticks)


def _forbids(days: ExpectedDays, at: Instant) -> bool:
    return days.window_of(at) is not None or not days.trades_at(at)


def _aim(blow: Blow, brokers: Mapping[str, RehearsedBroker], crew: RehearsedCrew) -> None:
    for broker in brokers.values():
        broker.before_order = crew.kill if blow.moment == "before an order" else None
        broker.after_order = crew.kill if blow.moment == "after an order" else None


def _put_away(brokers: Mapping[str, RehearsedBroker]) -> None:
    for broker in brokers.values():
        broker.before_order = broker.after_order = None
        broker.requests.clear()
