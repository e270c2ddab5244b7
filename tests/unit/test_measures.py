"""The recorders behind `/metrics`: what they count, that no thread loses a count, and that they may be left out."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.reservation_waits import FAILED, HAD, REFUSED, ReservationWaits
from actors.system.context import Context
from actors.system.errors import ActorDead, AskTimeout, Crashed, Expired, MailboxFull, OutcomeUnknown, Refusal
from actors.system.measures import MOST_REASONS, OTHER, Measures
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System
from connectors.base import CloseOrder, ConnectorError, OpenOrder
from connectors.measured import Gauges, MeasuredConnector
from connectors.mock import MockConnector
from connectors.mock_clock import ManualClock
from connectors.mock_script import delay, fail, lost_reply, reject, requote
from console.refusals import MOST_REASONS as MOST_REFUSALS
from console.refusals import Refusals
from feeds.catalogue import read_catalogue
from persistence.journal import JournalEntry
from trading.histogram import Histogram
from trading.market import Instant, Side
from trading.settings import Settings

ORIGIN: Instant = 1_704_672_000_000
FAR, TOKEN = 1e12, 5
values = st.lists(st.floats(0, 1e6, allow_nan=False), max_size=50)


@given(values, st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=8, unique=True))
def test_a_histogram_counts_each_value_once_below_its_bound_and_adds_all_of_them_up(
    observed: list[float], bounds: list[float]
) -> None:
    histogram = Histogram(sorted(bounds))
    for value in observed:
        histogram.observe(value)

    found = histogram.distribution()
    assert found.count == len(observed)
    assert list(found.cumulative[:-1]) == [sum(value <= bound for value in observed) for bound in sorted(bounds)]
    assert found.total == pytest.approx(math.fsum(observed))


@pytest.mark.parametrize("bounds", [(), (1.0, 1.0), (2.0, 1.0)])
def test_bounds_that_do_not_rise_are_refused(bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="bounds must rise"):
        Histogram(bounds)


def test_no_thread_loses_a_count() -> None:
    measures, waits, threads, times = Measures(), ReservationWaits(), 8, 500
    together = threading.Barrier(threads)

    def work(number: int) -> None:
        together.wait()
        for _ in range(times):
            measures.asked("monitor", number, 0.001)
            measures.not_answered("monitor", number, AskTimeout())
            measures.alerted("ledger")
            waits.note(HAD, 0.5)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))

    found, wanted = measures.read(), threads * times
    assert found.asks["monitor", "int"].count == wanted
    assert found.unanswered["monitor", "int", "deadline"] == wanted
    assert found.alerts["ledger"] == wanted
    assert waits.read()[HAD].count == wanted
    assert waits.read()[REFUSED].count == waits.read()[FAILED].count == 0


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Refusal(), "refused"),
        (AskTimeout(), "deadline"),
        (Expired(), "deadline"),
        (Crashed(), "crashed"),
        (MailboxFull(), "mailbox_full"),
        (ActorDead(), "dead"),
        (OutcomeUnknown(), "other"),
    ],
)
def test_an_ask_without_an_answer_is_counted_by_why(error: Refusal, why: str) -> None:
    measures = Measures()
    measures.not_answered("trader", "hello", error)
    assert measures.read().unanswered == {("trader", "str", why): 1}


def test_reasons_beyond_the_most_are_counted_as_others() -> None:
    measures, refusals = Measures(), Refusals()
    for number in range(MOST_REASONS + 50):
        measures.alerted(f"code_{number}")
    for number in range(MOST_REFUSALS + 50):
        refusals.note(JournalEntry(0, "decision", f"refused:reason {number}"))

    assert len(measures.read().alerts) == MOST_REASONS + 1
    assert measures.read().alerts[OTHER] == 50
    assert refusals.read()[OTHER] == 50


def test_refusals_are_counted_without_their_details_and_nothing_else_is() -> None:
    refusals = Refusals()
    for kind, reason in (
        ("decision", "refused:confidence"),
        ("decision", "refused:confidence"),
        ("open_result", "refused:no reservation: the ledger is away"),
        ("decision", "open_told"),
        ("alert", "refused:confidence"),
    ):
        refusals.note(JournalEntry(0, kind, reason))
    assert refusals.read() == {"confidence": 2, "no reservation": 1}


# ---------------------------------------------------------------- the actor system


class Worker:
    """Answers, refuses, crashes and takes its time, as it is told."""

    def receive(self, message: str, context: Context) -> str:
        match message:
            case "refuse":
                raise Refusal("no")
            case "crash":
                raise ConnectionError("gone")
            case "slowly":
                context.sleep(0.3)
        return message


def test_asks_handling_and_alerts_are_measured_in_virtual_time_to_the_nanosecond() -> None:
    measures = Measures()
    with VirtualWorld(ORIGIN, 1) as world:
        system = System(world.process(), measures=measures)
        system.start([Spec("worker", Worker, 1)])
        assert system.ask("worker", "slowly") == "slowly"
        system.tell("worker", "slowly")
        with pytest.raises(Refusal):
            system.ask("worker", "refuse")
        with pytest.raises(Crashed):
            system.ask("worker", "crash")
        world.run_until_quiet()

        found = measures.read()
        assert found.asks["worker", "str"].count == 1
        assert found.asks["worker", "str"].total == pytest.approx(0.3)
        assert found.unanswered == {("worker", "str", "refused"): 1, ("worker", "str", "crashed"): 1}
        assert found.handling["worker"].count == 4
        assert found.handling["worker"].total == pytest.approx(0.6 + 0.05), "and the pause before the restart"
        assert found.alerts == {"crashed": 1}
        system.stop()


def test_an_ask_that_times_out_on_threads_is_counted_and_pings_are_not_handling() -> None:
    measures, release = Measures(), threading.Event()

    class Slow:
        def receive(self, message: str, context: Context) -> None:
            release.wait(30)

    system = System(ThreadedRuntime(), measures=measures)
    system.start([Spec("slow", Slow, 1)])
    with pytest.raises(AskTimeout):
        system.ask("slow", "hello", 0.01)
    release.set()
    system.confirm_all()
    system.stop()

    found = measures.read()
    assert found.unanswered == {("slow", "str", "deadline"): 1}
    assert found.handling["slow"].count == 2, "the message and the stop, and none of the pings"


def test_a_system_without_measures_reads_no_clock_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualWorld(ORIGIN, 1) as world:
        process = world.process()
        read: list[float] = []
        elapsed = process.elapsed

        def noted() -> float:
            read.append(elapsed())
            return read[-1]

        monkeypatch.setattr(process, "elapsed", noted)
        system = System(process)
        system.start([Spec("worker", Worker, 1)])
        read.clear()
        for _ in range(10):
            system.tell("worker", "hello")
        world.run_until_quiet()
        assert read == []
        system.stop()


# ---------------------------------------------------------------- connectors


@pytest.fixture
def broker() -> Iterator[tuple[MockConnector, MeasuredConnector, Gauges]]:
    clock, gauges, settings = ManualClock(ORIGIN), Gauges(), Settings()
    mock = MockConnector(
        "alpha",
        read_catalogue(settings.commodities),
        clock,
        symbols={"EURUSD": "EURUSD"},
        settings=settings.accounts[0].paper,
    )
    mock.price("EURUSD", 1.1000, 1.1002)
    measured = MeasuredConnector(mock, gauges, clock.elapsed)
    measured.connect(FAR)
    measured.quotes(FAR)
    yield mock, measured, gauges
    measured.disconnect()


def an_open(magic: int, expected: float = 1.1002) -> OpenOrder:
    return OpenOrder("EURUSD", Side.BUY, 0.1, (77 << 32) + magic, "wb", expected)


def test_a_lost_answer_a_definite_no_and_a_requote_are_counted_apart(
    broker: tuple[MockConnector, MeasuredConnector, Gauges],
) -> None:
    mock, measured, gauges = broker
    mock.script(open=[lost_reply(executed=True), reject("no_money"), requote()])
    for number in range(1, 5):
        measured.open(an_open(number), TOKEN, FAR)

    found = {key[2]: count for key, count in gauges.read().outcomes.items() if key[:2] == ("alpha", "open")}
    assert found == {"unknown": 1, "rejected": 1, "requote": 1, "done": 1}
    assert gauges.read().outcomes["alpha", "close", "unknown"] == 0, "shown before the first of them"


def test_slippage_is_in_spreads_and_a_better_fill_is_none(
    broker: tuple[MockConnector, MeasuredConnector, Gauges],
) -> None:
    _, measured, gauges = broker
    measured.open(an_open(1, expected=1.0998), TOKEN, FAR)  # filled at the ask of 1.1002: two spreads worse
    measured.open(an_open(2, expected=1.1010), TOKEN, FAR)  # better than expected
    ticket = measured.positions(FAR)[0].ticket
    measured.close(CloseOrder(ticket, "EURUSD", Side.BUY, 0.1, (77 << 32) + 1, 1.1010), TOKEN, FAR)

    found = gauges.read().slippage
    assert found["alpha", "open"].count == 2
    assert found["alpha", "open"].total == pytest.approx(2.0)
    assert found["alpha", "close"].total == pytest.approx(5.0), "it was sold at 1.1000, and 1.1010 was expected"


def test_a_call_is_timed_whatever_comes_of_it_and_its_error_passes_through(
    broker: tuple[MockConnector, MeasuredConnector, Gauges],
) -> None:
    mock, measured, gauges = broker
    mock.script(positions=[delay(2.5), fail()])
    measured.positions(FAR)
    with pytest.raises(ConnectorError):
        measured.positions(FAR)

    found = gauges.read()
    assert found.calls["alpha", "positions"].count == 2
    assert found.calls["alpha", "positions"].total == pytest.approx(2.5)
    assert sum(count for (_, call, _), count in found.errors.items() if call == "positions") == 1
