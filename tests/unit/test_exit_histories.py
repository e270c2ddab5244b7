"""What holds over any history of judgements: stops, targets, restarts, and the first pass over many trades."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_readings import a_candidate, a_forecast, a_reading, an_opinion
from made_trades import NOON, a_commodity, a_trade, an_analysis

from trading.adjustment import adjusted
from trading.analysis import Analysis, Strategy
from trading.exit_screen import Scene, may_speak, sigma_of, watched
from trading.exits import Adjust, Close, ExitMemory, ExitRules, Hold, Judgement, PastAdjustment, exit_rules, judge
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant, Quote, Side
from trading.reading import MarketReading
from trading.settings import Settings
from trading.trade import Trade
from trading.valuation import value

SWITCHES = ("trailing", "rescale", "mean", "break_even", "adverse_drift", "signal_gone", "regime_switch")


@dataclass(frozen=True)
class Pass:
    """What happens before one pass of the monitor, and what is known then."""

    minutes: int  # since the pass before
    returned: float  # log return of the price since then
    spread: float
    hourly_variance: float
    uncertainty: float
    mean_gain: float  # where the mean lies, in log price from the entry
    candidates: tuple[tuple[Strategy, Side, float], ...]
    signal: Side | None
    usable: bool
    restarted: bool
    horizon_moves: bool


a_pass = st.builds(
    Pass,
    minutes=st.sampled_from([1, 30, 60, 240, 1440]),
    returned=st.floats(-0.004, 0.004),
    spread=st.sampled_from([0.0, 0.0001, 0.002]),
    hourly_variance=st.floats(1e-7, 3e-5),
    uncertainty=st.sampled_from([0.2, 0.7, 1.0]),
    mean_gain=st.floats(-0.02, 0.02),
    candidates=st.lists(
        st.tuples(st.sampled_from(Strategy), st.sampled_from(Side), st.floats(-10, 20)), max_size=3
    ).map(tuple),
    signal=st.none() | st.sampled_from(Side),
    usable=st.integers(0, 9).map(bool),
    restarted=st.integers(0, 4).map(lambda n: n == 0),
    horizon_moves=st.integers(0, 4).map(lambda n: n == 0),
)

some_rules = st.builds(
    lambda on, general, drift, interval, hold, opposite: exit_rules(
        Settings.model_validate(
            {
                "opposite_signal_closes": opposite,
                "exits": {
                    **{name: {"enabled": name in on} for name in SWITCHES},
                    "drift_sigmas": drift,
                    "minimum_interval_seconds": interval,
                    "least_probability_gain": general,
                    "regime_switch": {
                        "enabled": "regime_switch" in on,
                        "may_lengthen_hold": hold,
                        "unsuited_bars": 1,
                        "minimum_interval_seconds": interval,
                    },
                },
            }
        ),
        a_commodity(),
    ),
    st.sets(st.sampled_from(SWITCHES), min_size=1),
    st.sampled_from([0.0, 0.005, 0.02]),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([0.0, 3600.0]),
    st.booleans(),
    st.booleans(),
)

a_start = st.builds(
    lambda side, strategy, reach, trails: a_trade(
        side,
        strategy=strategy,
        target_price=None if reach is None else 1.1 * math.exp(side.sign * reach),
        trailing_distance=0.01 if trails else None,
    ),
    st.sampled_from(Side),
    st.sampled_from(Strategy),
    st.none() | st.floats(0.001, 0.03),
    st.booleans(),
)


@dataclass
class World:
    """One trade with everything that is remembered of it, as the program keeps it."""

    trade: Trade
    rules: ExitRules
    now: Instant = NOON
    closing: float = 1.1
    horizon_at: Instant = NOON + 9 * HOUR
    memory: ExitMemory = field(default_factory=ExitMemory)
    journal: list[PastAdjustment] = field(default_factory=list)
    quote: Quote = field(default_factory=lambda: Quote("EURUSD", 1.1, 1.1, NOON))
    reading: MarketReading | None = None
    signal: Analysis | None = None
    variance: float = 1e-5

    def goes_on(self, step: Pass) -> None:
        """Time and the price move, a bar ends, perhaps the program dies and begins again."""
        self.now += step.minutes * MINUTE
        self.closing *= math.exp(step.returned)
        if step.horizon_moves or self.now >= self.horizon_at:
            self.horizon_at = self.now + 9 * HOUR
        if step.restarted:
            self.memory = ExitMemory.from_adjustments(self.journal)
        low, high = (0.0, step.spread) if self.trade.side is Side.BUY else (-step.spread, 0.0)
        time = self.now if step.usable else self.now - 61 * SECOND
        self.quote = Quote("EURUSD", self.closing + low, self.closing + high, time)
        self.variance = step.hourly_variance * (self.horizon_at - self.now) / HOUR
        opinion = an_opinion(*(a_candidate(*candidate) for candidate in step.candidates))
        mean = 1.1 * math.exp(self.trade.side.sign * step.mean_gain)
        self.reading = a_reading(opinion, self.now, mean, a_forecast(self.now, step.hourly_variance, step.uncertainty))
        self.signal = None if step.signal is None else an_analysis(step.signal, self.now)
        self.memory = self.memory.at_reading(
            self.trade, self.reading, horizon_at=self.horizon_at, variance=self.variance
        )

    def judged(self) -> Judgement:
        """The judgement now."""
        return judge(
            self.trade,
            self.quote,
            now=self.now,
            rules=self.rules,
            horizon_at=self.horizon_at,
            reading=self.reading,
            signal=self.signal,
            variance=self.variance,
            memory=self.memory,
        )

    def applies(self, judgement: Judgement, change: Adjust) -> None:
        """The adjustment is written, journalled and remembered."""
        before = self.trade
        self.memory = self.memory.after(before, judgement, now=self.now)
        self.journal.append(
            PastAdjustment(
                at=self.now,
                rule=judgement.rule,
                target_before=before.target_price,
                target_after=change.target_price,
                strategy_changed=change.strategy is not None,
                sigma=None if judgement.after is None else judgement.after.sigma,
                horizon_at=None if judgement.after is None else judgement.after.horizon_at,
            )
        )
        self.trade = adjusted(before, change.stop_price, change.target_price, change.strategy, self.rules.strategies)

    def may_speak(self) -> bool:
        """What the first pass says of this trade."""
        trade, quote, reading = self.trade, self.quote, self.reading
        assert reading is not None
        assert reading.opinion is not None
        columns = watched([trade], {trade.trade_id: self.memory}, {"EURUSD": self.rules})
        speaks = any(c.side is trade.side and c.passes for c in reading.opinion.candidates)
        signals_side = self.signal is not None and self.signal.side is trade.side
        scene = Scene(
            bid=np.array([quote.bid]),
            ask=np.array([quote.ask]),
            usable=np.array([quote.time == self.now]),
            sigma=np.array([sigma_of(self.variance)]),
            mean_price=np.array([reading.mean_price]),
            signalled=np.array([self.signal is not None]),
            gone=np.array([not speaks and not signals_side]),
            variance_uncertainty=np.array([reading.variance_uncertainty]),
        )
        return bool(may_speak(columns, scene, self.rules.settings, self.now)[0])


@settings(max_examples=300, deadline=None)
@given(a_start, some_rules, st.lists(a_pass, max_size=12))
def test_no_history_widens_a_stop_or_hurries_a_target(start: Trade, rules: ExitRules, steps: list[Pass]) -> None:
    world = World(start, rules)
    targets = [(NOON, start.target_price)]
    for step in steps:
        world.goes_on(step)
        found, before = world.judged(), world.trade
        assert isinstance(found.decision, Hold) or step.usable, "nothing is done on a stale quote"
        if not isinstance(found.decision, Hold):
            assert world.may_speak(), "the first pass lets through whatever would be done"
        if isinstance(found.decision, Close):
            break
        if not isinstance(found.decision, Adjust):
            continue
        must_be_worth_what_is_said(world, found, found.decision)
        world.applies(found, found.decision)
        sign, entry, after = start.side.sign, 1.1, world.trade
        assert sign * (after.stop_price - before.stop_price) >= 0
        assert sign * (entry - after.stop_price) <= start.stop_distance + 1e-12, "the loss agreed at entry is the most"
        if not rules.settings.regime_switch.may_lengthen_hold:
            assert after.time_stop_at <= before.time_stop_at
            assert after.closes_at_day_end >= before.closes_at_day_end
        if after.target_price != before.target_price and after.target_price is not None:
            assert sign * (after.target_price - world.closing) >= 3 * step.spread - 1e-12
            recent = [target for at, target in _in_force(targets, world.now) if target is not None]
            reach = max((sign * math.log(target / entry) for target in recent), default=-1.0)
            if reach > 0:
                assert sign * math.log(after.target_price / entry) >= 0.75 * reach - 1e-12
        targets.append((world.now, after.target_price))
        assert world.judged().decision == Hold(), f"after {found.rule} nothing more is known"


def _in_force(targets: list[tuple[Instant, float | None]], now: Instant) -> list[tuple[Instant, float | None]]:
    """The targets that stood at some time of the last 24 hours."""
    ends = [at for at, _ in targets[1:]] + [now + 1]
    return [target for target, end in zip(targets, ends, strict=True) if end > now - DAY]


def must_be_worth_what_is_said(world: World, found: Judgement, change: Adjust) -> None:
    """The valuations of a judgement are those of the trade before and after, and no value was given away."""
    rules, trade = world.rules, world.trade
    drift = 0.0
    if world.signal is not None:
        drift = rules.settings.drift_sigmas * (1 if world.signal.side is trade.side else -1)
    assert world.reading is not None
    changed = replace(trade, stop_price=change.stop_price, target_price=change.target_price)
    before, after = (
        value(
            one,
            world.quote,
            variance=world.variance,
            horizon_at=world.horizon_at,
            drift_sigmas=drift,
            variance_uncertainty=world.reading.variance_uncertainty,
        )
        for one in (trade, changed)
    )
    assert (found.before, found.after) == (before, after)
    assert before is not None
    assert after is not None
    if found.rule != "trailing" and trade.trailing_distance is None:
        assert after.expected_value >= before.expected_value - 0.01
    if found.rule in ("rescale", "mean") and trade.trailing_distance is None:
        assert after.profit > before.profit
        assert after.target - before.target >= rules.settings.least_probability_gain


@settings(max_examples=100, deadline=None)
@given(a_start, some_rules, a_pass, st.floats(0.3, 1.5), st.integers(0, 2))
def test_a_mirrored_trade_is_judged_as_in_a_mirror(
    start: Trade, rules: ExitRules, step: Pass, set_sigma: float, unsuited: int
) -> None:
    """In a world where every price is its reciprocal; distances that are agreed in price units are left out."""
    rules = replace(rules, point=0.0)
    one = World(replace(start, trailing_distance=None), rules)
    one.goes_on(replace(step, spread=0.0, restarted=False))
    one.memory = replace(one.memory, sigma=set_sigma * math.sqrt(one.variance), unsuited_bars=unsuited)
    other = World(_mirrored(one.trade), rules, one.now, horizon_at=one.horizon_at, memory=one.memory)
    other.variance = one.variance
    other.quote = Quote("EURUSD", 1 / one.quote.bid, 1 / one.quote.bid, one.quote.time)
    assert one.reading is not None
    assert one.reading.opinion is not None
    assert one.reading.mean_price is not None
    flipped = [replace(c, side=c.side.opposite) for c in one.reading.opinion.candidates]
    other.reading = replace(one.reading, opinion=an_opinion(*flipped), mean_price=1 / one.reading.mean_price)
    other.signal = None if one.signal is None else an_analysis(one.signal.side.opposite, one.now)
    here, there = one.judged(), other.judged()
    if here.rule == "regime_switch" and there.rule == "regime_switch":
        return  # the new target's distance is agreed in price units
    assert here.rule == there.rule
    if isinstance(here.decision, Adjust):
        assert isinstance(there.decision, Adjust)
        assert math.isclose(here.decision.stop_price, 1 / there.decision.stop_price)
        assert (here.decision.target_price is None) == (there.decision.target_price is None)
        if here.decision.target_price is not None and there.decision.target_price is not None:
            assert math.isclose(here.decision.target_price, 1 / there.decision.target_price)


def _mirrored(trade: Trade) -> Trade:
    return replace(
        trade,
        side=trade.side.opposite,
        stop_price=1 / trade.stop_price,
        target_price=None if trade.target_price is None else 1 / trade.target_price,
        entry_price=1 / 1.1,
        expected_price=1 / 1.1,
    )


def test_a_restart_remembers_what_the_journal_says() -> None:
    cut = PastAdjustment(NOON, "rescale", 1.12, 1.115, False, 0.004, NOON + 9 * HOUR)
    trailed = PastAdjustment(NOON + 1, "trailing", 1.115, 1.115, False, 0.003, NOON + 9 * HOUR)
    safe = PastAdjustment(NOON + 2, "break_even", 1.115, 1.115, False, 0.002, NOON + 9 * HOUR)
    switched = PastAdjustment(NOON + DAY, "regime_switch", 1.115, None, True, None, None)
    memory = ExitMemory.from_adjustments([cut, trailed, safe])
    assert memory == ExitMemory(adjusted_at=NOON + 2, given_up=((NOON, 1.12),), sigma=0.004, horizon_at=NOON + 9 * HOUR)
    after = ExitMemory.from_adjustments([cut, trailed, safe, switched])
    assert (after.adjusted_at, after.switched_at) == (NOON + DAY, NOON + DAY)
    assert after.given_up == ((NOON + DAY, 1.115),), "the other one is a day old"


def test_bars_that_do_not_suit_are_counted_once_each_and_a_suiting_one_ends_the_row() -> None:
    trade = a_trade()
    wrong, right = an_opinion(a_candidate(Strategy.SWING)), an_opinion(a_candidate(Strategy.DAY, Side.SELL, -20))
    memory = ExitMemory()
    for bar, opinion, expected in (
        (0, wrong, 1),
        (0, wrong, 1),
        (1, wrong, 2),
        (2, None, 2),
        (3, wrong, 3),
        (4, right, 0),
        (5, replace(wrong, barred=(Strategy.DAY,)), 0),
    ):
        reading = a_reading(opinion, NOON + bar * HOUR)
        memory = memory.at_reading(trade, reading, horizon_at=NOON + HOUR, variance=1e-5)
        assert memory.unsuited_bars == expected, bar


def test_what_is_left_is_measured_anew_when_the_horizon_moves_on() -> None:
    trade, reading = a_trade(), a_reading(an_opinion())
    memory = ExitMemory().at_reading(trade, reading, horizon_at=NOON + HOUR, variance=4e-6)
    assert (memory.sigma, memory.horizon_at) == (0.002, NOON + HOUR)
    assert memory.at_reading(trade, reading, horizon_at=NOON + HOUR, variance=1e-6) == memory
    assert memory.at_reading(trade, reading, horizon_at=NOON + DAY, variance=None) == memory
    moved = memory.at_reading(trade, reading, horizon_at=NOON + DAY, variance=9e-6)
    assert (moved.sigma, moved.horizon_at) == (0.003, NOON + DAY)
