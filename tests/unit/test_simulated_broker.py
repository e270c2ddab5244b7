"""A simulated broker left to itself behaves, is one for all processes, and says the same for the same seed."""

from __future__ import annotations

import hashlib
import math
import os
import random
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trading
from connectors.base import CloseOrder, ConnectorError, Done, NotConnected, OpenOrder, Outcome, Rejected, StaleToken
from connectors.mock_clock import ManualClock
from simulation.broker import FAULTS, SimulatedBroker
from simulation.broker_connection import SimulatedConnection
from simulation.broker_faults import MEAN_SECONDS, PROBABILITIES
from simulation.broker_prices import weekend_at_or_after
from simulation.terminal_faults import FAULTS_OF_TERMINALS
from trading.commodities import catalogue
from trading.market import DAY, HOUR, SECOND, Instant, Side, instant, quote_fault

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
NOON = instant(datetime(2026, 3, 4, 12, tzinfo=UTC))
FRIDAY_EVENING = instant(datetime(2026, 3, 6, 22, tzinfo=UTC))  # 17:00 in New York
FAR = 1e12
SYMBOLS = {"EURUSD": "EURUSDm", "BITCOIN": "BTC"}


def made(seed: int = 1, *, origin: Instant = NOON, **options: Any) -> tuple[SimulatedBroker, ManualClock]:
    clock = ManualClock(origin)
    return SimulatedBroker("alpha", COMMODITIES, SYMBOLS, clock, random.Random(seed), **options), clock


def connected(broker: SimulatedBroker, clock: ManualClock, process: str = "") -> SimulatedConnection:
    connection = broker.connection(clock, process=process)
    connection.connect(FAR)
    return connection


def buy(connection: SimulatedConnection, magic: int, *, token: int = 1, lots: float = 0.1) -> Outcome:
    return connection.open(OpenOrder("EURUSD", Side.BUY, lots, magic, "wb", 1.1), token, FAR)


def close(connection: SimulatedConnection, ticket: int, *, token: int = 1, lots: float = 0.1) -> Outcome:
    return connection.close(CloseOrder(ticket, "EURUSD", Side.BUY, lots, 1, 1.1), token, FAR)


def done(outcome: Outcome) -> Done:
    assert isinstance(outcome, Done), outcome
    return outcome


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, Rejected), outcome
    return outcome.code


# ------------------------------------------------------------ one broker for all processes


def test_what_one_process_opens_another_sees_and_closes() -> None:
    broker, clock = made()
    first, second = connected(broker, clock), connected(broker, clock)
    opened = done(buy(first, 1))

    (seen,) = second.positions(FAR)
    assert (seen.ticket, seen.magic, seen.comment) == (opened.ticket, 1, "wb")
    done(close(second, opened.ticket))
    assert first.positions(FAR) == ()


def test_a_token_that_one_process_has_raised_keeps_another_out() -> None:
    broker, clock = made()
    paused, leader = connected(broker, clock), connected(broker, clock)
    opened = done(buy(paused, 1, token=3))
    leader.fence(4, FAR)

    assert code(buy(paused, 2, token=3)) == "stale_token"
    assert code(close(paused, opened.ticket, token=3)) == "stale_token"
    with pytest.raises(StaleToken):
        paused.fence(3, FAR)
    assert [record.attempt.token for record in broker.truth.accepted] == [3]


def test_an_unfenced_broker_takes_a_stale_token_and_the_truth_shows_it() -> None:
    broker, clock = made(is_fenced=False)
    connection = connected(broker, clock)
    connection.fence(4, FAR)
    done(buy(connection, 1, token=3))

    (record,) = broker.truth.accepted
    assert record.attempt.token < record.lowest_token == 4


def test_a_number_is_accepted_once_whoever_sends_it() -> None:
    broker, clock = made()
    first, second = connected(broker, clock), connected(broker, clock)
    done(buy(first, 1))

    assert code(buy(second, 1)) == "repeated"
    assert len(broker.truth.positions) == 1


def test_without_deduplication_a_repeated_number_is_executed_again() -> None:
    broker, clock = made(dedupes_open=False)
    connection = connected(broker, clock)
    done(buy(connection, 1))
    done(buy(connection, 1))

    assert not connection.capabilities.dedupes_open
    assert [order.magic for order in broker.truth.orders] == [1, 1]


def test_a_restart_cuts_every_connection_and_loses_nothing_that_happened() -> None:
    broker, clock = made()
    connection = connected(broker, clock)
    connection.fence(7, FAR)
    done(buy(connection, 1, token=7))
    broker.restart(5.0)

    with pytest.raises(NotConnected):
        connection.positions(FAR)
    with pytest.raises(NotConnected):
        connection.connect(FAR)
    clock.sleep(5)
    connection.connect(FAR)
    assert [position.magic for position in connection.positions(FAR)] == [1]
    assert code(buy(connection, 1, token=7)) == "repeated"
    assert code(buy(connection, 2, token=6)) == "stale_token"


def test_nothing_is_sent_without_a_connection_but_the_attempt_is_known() -> None:
    broker, clock = made()
    connection = broker.connection(clock, process="sim:1")

    assert code(buy(connection, 1)) == "not_connected"
    assert [(attempt.process, attempt.call, attempt.magic) for attempt in broker.truth.attempts] == [
        ("sim:1", "open", 1)
    ]
    assert broker.truth.accepted == []


def test_nothing_is_sent_after_the_deadline() -> None:
    broker, clock = made()
    connection = connected(broker, clock)
    clock.sleep(10)

    outcome = connection.open(OpenOrder("EURUSD", Side.BUY, 0.1, 1, "", 1.1), 1, 10.0)
    assert code(outcome) == "deadline_passed"
    assert broker.truth.accepted == []


# ------------------------------------------------------------ those who look on


def test_every_call_is_announced_before_anything_happens_and_after_everything_has() -> None:
    broker, clock = made()
    heard: list[tuple[str, str, int]] = []
    connection = broker.connection(clock, lambda call, phase: heard.append((call, phase, len(broker.truth.executed))))
    connection.connect(FAR)
    buy(connection, 1)
    connection.deals(0, FAR)

    assert heard == [
        ("connect", "before", 0),
        ("connect", "after", 0),
        ("open", "before", 0),
        ("open", "after", 1),
        ("deals", "before", 1),
        ("deals", "after", 1),
    ]


def test_a_process_that_dies_before_a_call_has_sent_nothing_and_one_that_dies_after_it_everything() -> None:
    broker, clock = made()
    dies_at: list[str] = []

    def die(call: str, phase: str) -> None:
        if dies_at == [phase]:
            raise SystemExit

    connection = broker.connection(clock, die)
    connection.connect(FAR)
    for phase, positions in (("before", 0), ("after", 1)):
        dies_at[:] = [phase]
        with pytest.raises(SystemExit):
            buy(connection, 1)
        assert len(broker.truth.positions) == positions


def test_the_truth_tells_what_an_order_met() -> None:
    broker, clock = made()
    connection = connected(broker, clock)
    opened = done(buy(connection, 1, lots=0.3))
    done(close(connection, opened.ticket, lots=0.1))
    close(connection, opened.ticket, lots=0.3)

    into, part, too_much = broker.truth.executed
    assert (into.met, isinstance(into.outcome, Done)) == (None, True)
    assert part.met is not None
    assert (part.met.volume_lots, part.met.magic, part.attempt.order.volume_lots) == (0.3, 1, 0.1)
    assert too_much.met is not None
    assert (too_much.met.volume_lots, code(too_much.outcome)) == (0.2, "invalid_volume")


def test_a_netting_broker_reverses_on_a_second_close() -> None:
    broker, clock = made(netting=True)
    connection = connected(broker, clock)
    opened = done(buy(connection, 1))
    done(close(connection, opened.ticket))
    done(close(connection, opened.ticket))

    assert [(held.side, held.magic) for held in broker.truth.positions] == [(Side.SELL, 1)]
    assert not connection.capabilities.closes_by_ticket
    assert broker.truth.executed[-1].met is None


# ------------------------------------------------------------ prices and money


def test_a_well_behaved_broker_quotes_every_commodity_afresh_each_second() -> None:
    broker, clock = made()
    connection = connected(broker, clock)
    seen = set()
    for _ in range(50):
        quotes = connection.quotes(FAR)
        assert [quote.commodity for quote in quotes] == ["BITCOIN", "EURUSD"]
        assert all(quote_fault(quote) is None and clock.now() - quote.time < SECOND for quote in quotes)
        seen.add(quotes)
        clock.sleep(1)
    assert len(seen) == 50


def test_prices_do_not_depend_on_who_asks_how_often() -> None:
    often, its_clock = made(seed=3)
    rarely, other_clock = made(seed=3)
    for _ in range(100):
        its_clock.sleep(1)
        often.truth.quote("EURUSD")
    other_clock.sleep(100)

    assert often.truth.quote("EURUSD") == rarely.truth.quote("EURUSD")
    assert often.truth.quote("EURUSD") != made(seed=4)[0].truth.quote("EURUSD")


def test_a_clock_that_is_set_does_not_set_the_broker_s() -> None:
    class Settable(ManualClock):
        ahead: Instant = 0

        def now(self) -> Instant:
            return super().now() + self.ahead

    clock = Settable(NOON)
    broker = SimulatedBroker("alpha", COMMODITIES, SYMBOLS, clock, random.Random(1))
    clock.ahead = -HOUR
    clock.sleep(10)
    assert broker.truth.account.time == NOON + 10 * SECOND


def test_bars_are_the_hours_that_are_complete() -> None:
    broker, clock = made()
    connection = connected(broker, clock)
    assert len(connection.bars("EURUSD", 5, FAR)) == 0
    clock.sleep(3.5 * 3600)
    bars = connection.bars("EURUSD", 2, FAR)

    assert bars.time.tolist() == [NOON + HOUR, NOON + 2 * HOUR]
    assert (bars.low <= bars.open).all()
    assert (bars.high >= bars.close).all()


@pytest.mark.parametrize(
    ("at", "weekend"),
    [
        (NOON, FRIDAY_EVENING),
        (FRIDAY_EVENING - 1, FRIDAY_EVENING),
        (FRIDAY_EVENING, FRIDAY_EVENING),
        (FRIDAY_EVENING + DAY, FRIDAY_EVENING),
        (FRIDAY_EVENING + 2 * DAY, FRIDAY_EVENING + 7 * DAY - HOUR),  # summer time has begun in New York
    ],
)
def test_currencies_rest_from_friday_to_sunday_in_new_york(at: Instant, weekend: Instant) -> None:
    assert weekend_at_or_after(at)[0] == weekend


def test_over_a_weekend_currencies_are_not_dealt_and_their_quotes_grow_old() -> None:
    broker, clock = made(origin=FRIDAY_EVENING - HOUR)
    connection = connected(broker, clock)
    opened = done(buy(connection, 1))
    clock.sleep(3 * 3600)

    assert code(close(connection, opened.ticket)) == "market_closed"
    times = {quote.commodity: quote.time for quote in connection.quotes(FAR)}
    assert times == {"EURUSD": FRIDAY_EVENING, "BITCOIN": clock.now()}
    assert not broker.truth.is_open("EURUSD")
    assert broker.truth.is_open("BITCOIN")


def test_swap_is_booked_while_a_position_is_held_and_paid_by_the_deal_that_closes_it() -> None:
    broker, clock = made()
    connection = connected(broker, clock)
    opened = done(buy(connection, 1, lots=1.0))
    clock.sleep(1300)
    (held,) = connection.positions(FAR)
    done(close(connection, opened.ticket, lots=1.0))

    assert held.swap == 2 * COMMODITIES["EURUSD"].swap_long_per_lot != 0
    assert connection.deals(0, FAR)[-1].swap == held.swap


# ------------------------------------------------------------ the same again


def test_every_fault_has_a_rate_and_every_rate_a_fault() -> None:
    rated = {fault for of_call in PROBABILITIES.values() for fault in of_call} | set(MEAN_SECONDS)
    assert rated == {*FAULTS, *FAULTS_OF_TERMINALS}


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"faults: there is no 'los_reply'; expected some of lost_request, "):
        made(faults={"los_reply": 1.0})


def test_a_symbol_of_nothing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="symbols: 'TULIPS' is no commodity"):
        SimulatedBroker("alpha", COMMODITIES, {"TULIPS": "TLP"}, ManualClock(NOON), random.Random(1))


@pytest.mark.parametrize("intensity", [-1.0, math.nan])
def test_an_intensity_is_not_negative(intensity: float) -> None:
    with pytest.raises(ValueError, match="faults: requote is"):
        made(faults={"requote": intensity})


def a_wild_day(seed: int, *, netting: bool, seconds: int = 1500) -> tuple[SimulatedBroker, list[str]]:
    """A clumsy client that opens and closes at random while everything goes wrong, and all that it heard."""
    broker, clock = made(seed, netting=netting, faults=dict.fromkeys(FAULTS, 1.0))
    connection = broker.connection(clock)
    rng = random.Random(seed)
    heard = []
    magic = 0
    while clock.elapsed() < seconds:
        try:
            connection.connect(clock.elapsed() + 20)
            answer: object = connection.quotes(clock.elapsed() + 5)
            held = connection.positions(clock.elapsed() + 5)
            if rng.random() < 0.3:
                magic += 1
                order = OpenOrder("EURUSD", rng.choice(list(Side)), 0.05, magic, "wb", 1.1)
                answer = connection.open(order, 1, clock.elapsed() + 20)
            elif held and rng.random() < 0.5:
                its = rng.choice(held)
                out = CloseOrder(its.ticket, its.commodity, its.side, its.volume_lots, its.magic, 1.1)
                answer = connection.close(out, 1, clock.elapsed() + 20)
            heard.append(f"{answer} {connection.orders(0, FAR)} {connection.deals(0, FAR)}"[:400])
        except ConnectorError as error:
            heard.append(repr(error))
        clock.sleep(rng.random() * 10)
    broker.behave()
    return broker, heard


@given(seed=st.integers(0, 10_000), netting=st.booleans())
def test_whatever_goes_wrong_money_is_the_sum_of_the_deals(seed: int, netting: bool) -> None:
    broker, _ = a_wild_day(seed, netting=netting, seconds=400)
    truth = broker.truth

    assert truth.account.balance == pytest.approx(10_000 + sum(deal.net for deal in truth.deals), abs=0.001)
    for commodity in SYMBOLS:
        bought = sum(deal.side.sign * deal.volume_lots for deal in truth.deals if deal.commodity == commodity)
        now_held = sum(held.side.sign * held.volume_lots for held in truth.positions if held.commodity == commodity)
        assert now_held == pytest.approx(bought)
    assert [deal.time for deal in truth.deals] == sorted(deal.time for deal in truth.deals)
    assert [order.time for order in truth.orders] == sorted(order.time for order in truth.orders)


@given(seed=st.integers(0, 10_000), netting=st.booleans())
def test_whatever_goes_wrong_no_number_is_executed_twice(seed: int, netting: bool) -> None:
    broker, _ = a_wild_day(seed, netting=netting, seconds=400)
    opened = [
        record.attempt.magic
        for record in broker.truth.executed
        if record.attempt.call == "open" and isinstance(record.outcome, Done)
    ]
    assert len(opened) == len(set(opened))


def digest(seed: int) -> str:
    broker, heard = a_wild_day(seed, netting=False)
    return repr((heard, broker.truth.orders, broker.truth.deals, broker.truth.positions, broker.truth.account))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert digest(5) == digest(5) != digest(6)


def test_the_same_seed_gives_the_same_bytes_in_another_process_with_other_hashes() -> None:
    here = Path(__file__)
    told = f"import hashlib, {here.stem} as test; print(hashlib.sha256(test.digest(5).encode()).hexdigest())"
    paths = os.pathsep.join([str(here.parent), str(Path(trading.__file__).parents[1])])
    other = subprocess.run(
        [sys.executable, "-c", told],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert other.stdout.strip() == hashlib.sha256(digest(5).encode()).hexdigest()
