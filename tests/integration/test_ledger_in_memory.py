"""A replay's ledger answers most of what it is asked without SQLite, and nobody can tell."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from made_ledger import NOON, TTL_SECONDS, Clock, Holder, a_ledger, a_line, a_new_trade
from sqlalchemy import delete, select, text, update

from persistence import memory, tables
from persistence.database import Database
from persistence.errors import LedgerError, SlotTaken
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.memory import memory_in_front_of
from persistence.migrate import migrate
from persistence.prepared import PreparedConnection
from persistence.reservations import Fence, account_resource, crew_resource
from trading.market import Side
from trading.modes import Mode, ModeCause
from trading.trade import CloseReason, Trade, TradeState, resource

CREWS = ("day", "night")
PLATFORMS = ("alpha", "beta", "gamma")
COMMODITIES = ("EURUSD", "GOLD")
OWNERS = ("sim:1", "sim:2", "süd:3")
RESOURCES = (
    *(account_resource(name) for name in PLATFORMS),
    *(resource(name, commodity) for name in PLATFORMS for commodity in COMMODITIES),
    crew_resource("day"),
)
ANALYSES = ("analysis-1", "analysis-2", "analysis-3", "änderung-4")

STATEMENTS: tuple[Any, ...] = (
    select(tables.trade.c.trade_id),
    update(tables.journal).values(repeated=tables.journal.c.repeated + 1),
    update(tables.trade).values(stop_price=tables.trade.c.stop_price + 1).where(tables.trade.c.trade_id == 1),
    update(tables.trade).values(trade_id=1),  # which breaks the key where there are two
    update(tables.account).values(sequence=tables.account.c.sequence + 1),
    update(tables.reservation).values(token=tables.reservation.c.token + 1),
    update(tables.crew_mode).values(reason="tea"),
    delete(tables.scheduled),
    delete(tables.journal).where(tables.journal.c.id > 2),
)
"""Written past the classes that know the tables."""

crews = st.sampled_from(CREWS)
platforms = st.sampled_from(PLATFORMS)
commodities = st.sampled_from(COMMODITIES)
analyses = st.sampled_from(ANALYSES)
instants = st.integers(NOON - 3, NOON + 3)
numbers = st.sampled_from([0.0, -0.0, 1, 1.5, np.float64(2.5), 3, float("nan"), float("inf"), 1 << 60])
details: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {"a": 1.5}, {"a": float("nan")}, {"b": ["ü", None]}, {"bad": {1, 2}}]
)
entries: st.SearchStrategy[JournalEntry] = st.builds(
    JournalEntry,
    at=st.one_of(instants, st.sampled_from([1 << 63, NOON + 0.5, True])),
    kind=st.sampled_from(["decision", "transition", "alert"]),
    reason=st.sampled_from(["because", "warming_up", "", "größer", "\ud800", CloseReason.STOP]),
    platform=st.sampled_from([None, *PLATFORMS]),
    commodity=st.sampled_from([None, *COMMODITIES]),
    trade_id=st.sampled_from([None, 1, 2]),
    analysis_id=st.sampled_from([None, "analysis-1"]),
    detail=details,
)
usual_entries = st.builds(
    a_line,
    kind=st.sampled_from(["decision", "transition"]),
    reason=st.sampled_from(["because", "warming_up"]),
    at=instants,
    platform=st.sampled_from([None, "alpha"]),
    commodity=st.sampled_from([None, "EURUSD"]),
)
some_entries = st.lists(st.one_of(usual_entries, usual_entries, entries), max_size=3)


class World:
    """One database, and the ledgers of two crews in it."""

    def __init__(self, *, at_hand: bool) -> None:
        """``at_hand``: with tables in front of SQLite; otherwise SQLite's alone, by SQLAlchemy."""
        self.clock = Clock()
        self.database = Database("sqlite://")
        migrate(self.database)
        if at_hand:
            self.database.use_prepared_statements(memory_in_front_of)
        self.ledgers = {
            crew: Ledger(self.database, crew=crew, writer=f"{crew}:1", lease_clock=self.clock, rng=random.Random(crew))
            for crew in CREWS
        }

    def content(self) -> str:
        """Every row of every table."""
        with self.database.reading() as connection:
            names = [*sorted(tables.metadata.tables), "sqlite_sequence"]
            rows = [connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2")).all() for name in names]
        return repr(dict(zip(names, rows, strict=True)))


def told(ask: Callable[[Ledger], Any], ledger: Ledger) -> tuple[str, Any]:
    """The answer or the refusal, to the letter: 1 is not 1.0, and zero is not minus zero; and the answer itself."""
    try:
        answer = ask(ledger)
    except Exception as error:
        return f"{type(error).__name__}: {error}", None
    return repr(answer), answer


class AnyHistoryOnBoth(RuleBasedStateMachine):
    """Whatever two crews do, in whatever order, both ledgers answer the same and come to hold the same."""

    def __init__(self) -> None:
        super().__init__()
        self.worlds = (World(at_hand=True), World(at_hand=False))
        self.trades: list[Trade] = []
        self.fences: list[Fence] = []

    def teardown(self) -> None:
        """Nothing differs, down to the last row."""
        mine, theirs = (world.content() for world in self.worlds)
        for world in self.worlds:
            world.database.close()
        assert mine == theirs

    def both(self, crew: str, ask: Callable[[Ledger], Any]) -> Any:
        """The answer of both, None where both refused."""
        (mine, answer), (theirs, _) = (told(ask, world.ledgers[crew]) for world in self.worlds)
        assert mine == theirs
        return answer

    def fence(self, name: str) -> Fence:
        """The newest one of a resource, which may be stale; or one that nobody ever had."""
        return next((fence for fence in reversed(self.fences) if fence.resource == name), Fence(name, "sim:1", 1))

    def live_fence(self, name: str) -> Fence:
        """That of whoever holds it now."""
        held = self.both("day", lambda ledger: ledger.reservations.holder(name))
        if held is not None:
            fence: Fence = held.fence
            return fence
        self.reserve("day", name, "sim:1", TTL_SECONDS)
        return self.fences[-1]

    def remember(self, *trades: Trade | None) -> None:
        self.trades = [*self.trades, *(trade for trade in trades if trade is not None)][-12:]

    # ---------------------------------------------------------------- reservations

    @initialize(asks=st.booleans())
    def begin(self, asks: bool) -> None:
        """So that most of what follows may succeed. ``asks``: whether questions are asked all the time."""
        self.asks = asks
        for name in PLATFORMS[:2]:
            self.register("day", name)
        for name in RESOURCES:
            self.reserve("day", name, "sim:1", TTL_SECONDS)
        self.submit_in_order("day", "alpha", "EURUSD", "analysis-1", NOON)
        self.submit_in_order("night", "beta", "EURUSD", "analysis-1", NOON, ends=TradeState.FAILED)

    @rule(seconds=st.sampled_from([0.001, 1.0, 30.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        for world in self.worlds:
            world.clock.pass_seconds(seconds)

    @rule(crew=crews, name=st.sampled_from(RESOURCES), owner=st.sampled_from(OWNERS), ttl=st.just(TTL_SECONDS))
    def reserve(self, crew: str, name: str, owner: str, ttl: float) -> None:
        made = self.both(crew, lambda ledger: ledger.reservations.reserve_resource(name, owner, ttl))
        if made is not None:
            self.fences.append(made.fence)

    @rule(crew=crews, name=st.sampled_from(RESOURCES), is_renewed=st.booleans())
    def renew_or_release(self, crew: str, name: str, is_renewed: bool) -> None:
        fence = self.fence(name)
        if is_renewed:
            self.both(crew, lambda ledger: ledger.reservations.renew_resource(fence, TTL_SECONDS))
        else:
            self.both(crew, lambda ledger: ledger.reservations.release_resource(fence))

    @rule(name=st.sampled_from(RESOURCES))
    def take_all_again(self, name: str) -> None:
        self.both("day", lambda ledger: ledger.reservations.holder(name))
        for each in RESOURCES:
            self.reserve("day", each, "sim:1", TTL_SECONDS)

    @rule(name=st.sampled_from(RESOURCES), above=st.integers(0, 9))
    def raise_token(self, name: str, above: int) -> None:
        raised = self.both("day", lambda ledger: ledger.reservations.raise_token(self.fence(name), above))
        if raised is not None:
            self.fences.append(raised)

    @rule(name=st.sampled_from(RESOURCES))
    def ask_about_reservations(self, name: str) -> None:
        self.both("day", lambda ledger: (ledger.reservations.all(), ledger.reservations.last_token(name)))

    # ---------------------------------------------------------------- accounts and trades

    @rule(crew=crews, platform=platforms)
    def register(self, crew: str, platform: str) -> None:
        self.both(crew, lambda ledger: ledger.trades.register_account(platform))

    @rule(platform=platforms, at_least=st.sampled_from([3, 7, 20, 50, (1 << 32) - 1]))
    def raise_sequence(self, platform: str, at_least: int) -> None:
        self.both("day", lambda ledger: ledger.trades.raise_sequence(platform, at_least))

    @rule(
        crew=crews,
        platform=platforms,
        commodity=commodities,
        analysis=analyses,
        at=instants,
        price=numbers,
        aim=st.one_of(st.none(), numbers),
        more=some_entries,
    )
    def submit(
        self, crew: str, platform: str, commodity: str, analysis: str, at: int, price: Any, aim: Any, more: Any
    ) -> None:
        new = a_new_trade(
            platform=platform,
            commodity=commodity,
            analysis_id=analysis,
            submitted_at=at,
            expected_price=price,
            target_price=aim,
        )
        account, slot = self.fence(account_resource(platform)), self.fence(resource(platform, commodity))
        self.remember(self.both(crew, lambda ledger: ledger.trades.submit(new, account, slot, *more)))

    @rule(
        crew=crews,
        platform=platforms,
        commodity=commodities,
        analysis=st.one_of(analyses, st.uuids().map(str)),
        at=instants,
        odd=st.sampled_from([False, False, False, True]),
        mode=st.sampled_from([None, None, Mode.TRADING, Mode.PAUSED]),
        raised=st.sampled_from([None, None, 7, 20]),
        ends=st.sampled_from([None, TradeState.FAILED, TradeState.OPEN, TradeState.CLOSED]),
    )
    def submit_in_order(
        self,
        crew: str,
        platform: str,
        commodity: str,
        analysis: str,
        at: int,
        odd: bool = False,
        mode: Mode | None = None,
        raised: int | None = None,
        ends: TradeState | None = None,
    ) -> None:
        side: Any = "buy" if odd else Side.SELL
        new = a_new_trade(platform=platform, commodity=commodity, analysis_id=analysis, submitted_at=at, side=side)
        if mode is not None:
            self.set_mode(crew, mode, [])
        self.register(crew, platform)
        if raised is not None:
            self.raise_sequence(platform, raised)
        account, slot = self.live_fence(account_resource(platform)), self.live_fence(resource(platform, commodity))
        submitted = self.both(crew, lambda ledger: ledger.trades.submit(new, account, slot, a_line()))
        self.remember(submitted)
        if ends is not None and submitted is not None:
            after = replace(submitted, state=ends, profit=-0.0, closed_at=at)
            self.remember(self.both(crew, lambda ledger: ledger.trades.advance(submitted, after, account)))

    @rule(
        data=st.data(),
        state=st.sampled_from(TradeState),
        profit=st.one_of(st.none(), numbers),
        stop=st.one_of(st.just(1.0), numbers),
        detail=st.sampled_from(["", "größer", "\ud800"]),
        more=some_entries,
        fired=st.sampled_from([None, "job-1", "job-2", ""]),
    )
    def advance(
        self, data: st.DataObject, state: TradeState, profit: Any, stop: Any, detail: str, more: Any, fired: str | None
    ) -> None:
        if not self.trades:
            return
        before = data.draw(st.sampled_from(self.trades))
        after = replace(
            before,
            state=state,
            profit=profit,
            stop_price=stop,
            detail=detail,
            closed_at=NOON if profit else None,
            close_reason=CloseReason.STOP if state is TradeState.CLOSING else before.close_reason,
        )
        fence = self.fence(account_resource(before.platform))
        self.remember(self.both("day", lambda ledger: ledger.trades.advance(before, after, fence, *more, fired=fired)))

    @rule(data=st.data())
    def advance_as_a_broker_would(self, data: st.DataObject) -> None:
        if not self.trades:
            return
        before = data.draw(st.sampled_from(self.trades))
        current = self.both("day", lambda ledger: ledger.trades.get(before.trade_id))
        following = {
            TradeState.SUBMITTED: [TradeState.OPEN, TradeState.FAILED, TradeState.UNKNOWN],
            TradeState.UNKNOWN: [TradeState.OPEN, TradeState.FAILED],
            TradeState.OPEN: [TradeState.OPEN, TradeState.CLOSING],
            TradeState.CLOSING: [TradeState.CLOSED, TradeState.OPEN],
            TradeState.FAILED: [TradeState.LATE],
            TradeState.LATE: [TradeState.CLOSED],
        }.get(current.state, [TradeState.CLOSED])
        state = data.draw(st.sampled_from(following))
        after = replace(current, state=state, entry_price=1.1, profit=-0.0, closed_at=NOON)
        fence = self.live_fence(account_resource(before.platform))
        self.remember(self.both("day", lambda ledger: ledger.trades.advance(current, after, fence, a_line())))

    @rule(data=st.data(), states=st.tuples(st.sampled_from(TradeState), st.sampled_from(TradeState)), more=some_entries)
    def advance_two(self, data: st.DataObject, states: tuple[TradeState, TradeState], more: Any) -> None:
        if not self.trades:
            return
        first, second = data.draw(st.sampled_from(self.trades)), data.draw(st.sampled_from(self.trades))
        pairs = [(one, replace(one, state=state)) for one, state in zip((first, second), states, strict=True)]
        fence = self.fence(account_resource(first.platform))
        written = self.both("day", lambda ledger: ledger.trades.advance_all(pairs, fence, *more))
        self.remember(*(written or ()))

    @rule(platform=platforms, commodity=commodities, magic=st.integers(1, 1 << 48))
    def adopt(self, platform: str, commodity: str, magic: int) -> None:
        if not self.trades:
            return
        adopted = replace(
            self.trades[0],
            state=TradeState.OPEN,
            platform=platform,
            commodity=commodity,
            magic=magic,
            analysis_id="adopted",
        )
        fence = self.fence(account_resource(platform))
        self.remember(self.both("day", lambda ledger: ledger.adoption.adopt(adopted, fence, a_line())))

    @rule(crew=crews, platform=platforms, commodity=commodities, analysis=analyses, at=instants)
    def ask_of_a_slot(self, crew: str, platform: str, commodity: str, analysis: str, at: int) -> None:
        self.both(crew, lambda ledger: ledger.trades.last_submitted_at(platform, commodity))
        self.both(crew, lambda ledger: ledger.trades.knows_analysis(analysis))

    @rule(crew=crews, platform=platforms, at=instants, number=st.integers(0, 9))
    def ask_about_trades(self, crew: str, platform: str, at: int, number: int) -> None:
        self.both(crew, lambda ledger: ledger.trades.get(number))
        self.both(crew, lambda ledger: ledger.trades.active())
        self.both(crew, lambda ledger: ledger.trades.active(platform))
        self.both(crew, lambda ledger: ledger.trades.ended_since(platform, at))
        self.both(crew, lambda ledger: ledger.trades.closed_results(platform))
        self.both(crew, lambda ledger: ledger.trades.last_submissions())
        self.both(crew, lambda ledger: ledger.trades.tally())
        self.both(crew, lambda ledger: ledger.trades.list(platform=platform))
        self.both(crew, lambda ledger: [ledger.trades.has_twin(one) for one in self.trades])
        self.both(crew, lambda ledger: [ledger.trades.by_magic(one.magic) for one in self.trades])

    # ---------------------------------------------------------------- journal, jobs, modes

    @rule(crew=crews, more=some_entries, fold=st.booleans())
    def append(self, crew: str, more: Any, fold: bool) -> None:
        self.both(crew, lambda ledger: ledger.journal.append(*more, fold=fold))

    @rule(crew=crews, more=st.lists(usual_entries, min_size=1, max_size=4))
    def say_again(self, crew: str, more: Any) -> None:
        self.both(crew, lambda ledger: ledger.journal.append(*more, fold=True))

    @rule(crew=crews, platform=platforms)
    def ask_for_the_last_line(self, crew: str, platform: str) -> None:
        self.both(crew, lambda ledger: ledger.journal.last_at("decision", platform))

    @rule(crew=crews)
    def read_the_journal(self, crew: str) -> None:
        self.both(crew, lambda ledger: ledger.journal.export())
        self.both(crew, lambda ledger: ledger.journal.count_by_reason("decision"))

    @rule(crew=crews, days=st.integers(0, 1))
    def prune(self, crew: str, days: int) -> None:
        far = NOON + 100 * 86_400_000
        self.both(crew, lambda ledger: ledger.retention.step(far, 99 + days, valuations_keep_days=1))

    @rule(key=st.sampled_from(["job-1", "job-2", "job-3"]), at=instants)
    def fire(self, key: str, at: int) -> None:
        self.both("day", lambda ledger: ledger.schedule.has_fired(key))
        self.both("day", lambda ledger: ledger.schedule.fire(key, at))

    @rule(crew=crews, mode=st.sampled_from([Mode.TRADING, Mode.TRADING, Mode.PAUSED]), more=some_entries)
    def set_mode(self, crew: str, mode: Mode, more: Any) -> None:
        cause = ModeCause.OPERATOR
        self.both(
            crew, lambda ledger: ledger.modes.set(crew, mode, *more, reason="lunch", by="ann", at=NOON, cause=cause)
        )

    @rule(magic=st.integers(1, 3), platform=platforms)
    def disown(self, magic: int, platform: str) -> None:
        self.both("day", lambda ledger: ledger.disowned.add(platform, magic, by="ann", at=NOON))

    @rule()
    def begin_to_lead(self) -> None:
        self.both("day", lambda ledger: ledger.starts.begin("day", self.fence(crew_resource("day"))))

    # ---------------------------------------------------------------- transactions that nobody would think of

    @rule(
        crew=crews,
        before=st.lists(usual_entries, max_size=2),
        after=st.lists(usual_entries, max_size=2),
        sql=st.sampled_from([None, *STATEMENTS]),
        raises=st.booleans(),
    )
    def anything_between(self, crew: str, before: Any, after: Any, sql: Any, raises: bool) -> None:
        def act(ledger: Ledger) -> None:
            with ledger.writing() as connection:
                ledger.journal.write(connection, before, fold=True)
                ledger.schedule.claim(connection, f"job-{len(before)}", NOON)
                if sql is not None:
                    connection.execute(sql)
                ledger.journal.write(connection, after, fold=True)
                if raises:
                    raise ZeroDivisionError

        self.both(crew, act)

    @invariant()
    def every_question_has_the_same_answer(self) -> None:
        if not getattr(self, "asks", False):
            return
        slots = [(platform, commodity) for platform in PLATFORMS for commodity in COMMODITIES]
        self.both("day", lambda ledger: [ledger.trades.last_submitted_at(*slot) for slot in slots])
        self.both("day", lambda ledger: [ledger.journal.last_at("decision", platform) for platform in PLATFORMS])
        self.both("night", lambda ledger: [ledger.trades.knows_analysis(each) for each in ANALYSES])
        self.both("day", lambda ledger: [ledger.trades.get(trade.trade_id) for trade in self.trades])

    @invariant()
    def no_transaction_is_left_open(self) -> None:
        for world in self.worlds:
            with world.database.writing():
                pass


TestAnyHistoryOnBoth = AnyHistoryOnBoth.TestCase
TestAnyHistoryOnBoth.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_another_order_of_two_trades_in_one_slot_is_written_down() -> None:
    """The one that was active goes, and an older one that had failed turns up late: never are both active."""
    with a_ledger(lease_clock=Clock()) as ledger:
        me = Holder(ledger)
        failed = me.fail(me.submit())
        opened = me.open(analysis_id="analysis-2")
        assert ledger.trades.list() == [opened, failed]
        late = me.advance(failed, TradeState.LATE)
        with pytest.raises(SlotTaken):
            me.advance(late, TradeState.OPEN)
        closed = me.close(opened)
        reopened = me.advance(late, TradeState.OPEN)
        assert ledger.trades.list() == [closed, reopened]
        assert ledger.trades.active("alpha") == [reopened]


def test_what_is_at_hand_is_written_down_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = PreparedConnection.run_many

    def run_many(self: PreparedConnection, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        written.append(len(rows))
        real(self, sql, rows)

    monkeypatch.setattr(PreparedConnection, "run_many", run_many)
    monkeypatch.setattr(memory, "MOST_CHANGES", 500)
    with a_ledger(lease_clock=Clock()) as ledger:
        for number in range(1_000):
            ledger.journal.append(a_line(reason=str(number)))
        assert 0 < max(written) <= 500
        assert len(ledger.journal.list(limit=3)) == 3
        assert ledger.journal.count_by_reason("transition")["7"] == 1


def test_a_trigger_that_somebody_makes_is_obeyed_from_then_on() -> None:
    with a_ledger(lease_clock=Clock()) as ledger:
        ledger.schedule.fire("job-1", NOON)
        with ledger.writing() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER nothing_more BEFORE INSERT ON scheduled BEGIN SELECT raise(ABORT, 'no more'); END"
            )
        with pytest.raises(LedgerError):
            ledger.schedule.fire("job-2", NOON)
        assert ledger.schedule.has_fired("job-1")
        assert not ledger.schedule.has_fired("job-2")
