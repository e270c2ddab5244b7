"""What a crew may do, as the ledger keeps it: modes, crash loops, and positions that are not ours."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from made_ledger import NOON, Clock, Holder, a_ledger, a_line, a_new_trade, make_with_scripts
from sqlalchemy import text

from persistence import migrate, modes, sqlite
from persistence.errors import LedgerError, LedgerInUse, OpensForbidden, StaleToken
from persistence.ledger import Ledger
from persistence.migrations import HEAD
from persistence.modes import TRADING, ModeRecord
from persistence.reservations import Fence, crew_resource
from persistence.starts import CRASH_WINDOW_SECONDS, MOST_CRASHES, Start
from trading.modes import Mode, ModeCause
from trading.order_numbers import sequence_of
from trading.trade import TradeState, resource

TTL_SECONDS = 60.0
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")  # for another transaction


@pytest.fixture
def clock() -> Clock:
    """The lease clock."""
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Iterator[Ledger]:
    """A ledger on that clock."""
    with a_ledger(lease_clock=clock) as opened:
        yield opened


def pause(ledger: Ledger, mode: Mode = Mode.PAUSED, cause: ModeCause = ModeCause.OPERATOR) -> None:
    ledger.modes.set("default", mode, reason="lunch", by="ann@desk", at=NOON, cause=cause)


# ---------------------------------------------------------------- modes


def test_a_crew_that_nobody_ever_stopped_trades(ledger: Ledger) -> None:
    assert ledger.modes.of("default") == TRADING
    assert ledger.modes.by_cause("default") == []


@pytest.mark.parametrize("mode", Mode)
def test_only_trading_permits_opens_and_only_a_halt_stops_guarding(mode: Mode) -> None:
    assert mode.permits_opens == (mode is Mode.TRADING)
    assert mode.permits_guarding == (mode is not Mode.HALTED)


def test_a_mode_is_kept_with_who_asked_and_why_and_is_the_crews_own(ledger: Ledger) -> None:
    pause(ledger)
    assert ledger.modes.of("default") == ModeRecord(Mode.PAUSED, ModeCause.OPERATOR, "lunch", "ann@desk", NOON)
    assert ledger.modes.of("another") == TRADING


def test_each_change_leaves_a_line_that_says_who_asked(ledger: Ledger) -> None:
    pause(ledger)
    ledger.modes.set("default", Mode.TRADING, a_line("note"), reason="back", by="bob@desk", at=NOON + 1)
    lines = ledger.journal.list(newest_first=False)
    assert [(line.kind, line.reason) for line in lines] == [
        ("mode", "paused"),
        ("mode", "trading"),
        ("note", "because"),
    ]
    assert lines[1].detail == {
        "crew": "default",
        "cause": "operator",
        "by": "bob@desk",
        "said": "back",
        "before": "paused",
    }


def test_the_strictest_mode_counts_and_lifting_one_never_lifts_another(ledger: Ledger) -> None:
    pause(ledger)
    pause(ledger, Mode.MANAGE_ONLY, ModeCause.CRASH_LOOP)
    assert ledger.modes.of("default").mode is Mode.PAUSED
    pause(ledger, Mode.TRADING)
    assert ledger.modes.of("default").mode is Mode.MANAGE_ONLY
    pause(ledger, Mode.HALTED)
    pause(ledger, Mode.TRADING, ModeCause.CRASH_LOOP)
    assert ledger.modes.of("default").mode is Mode.HALTED
    pause(ledger, Mode.TRADING)
    assert ledger.modes.of("default").mode is Mode.TRADING


def test_a_mode_survives_the_process(ledger_url: str) -> None:
    with a_ledger(ledger_url) as before:
        pause(before, Mode.HALTED)
    with a_ledger(ledger_url) as after:
        assert after.modes.of("default").mode is Mode.HALTED


@pytest.mark.parametrize("mode", [mode for mode in Mode if not mode.permits_opens])
def test_no_order_of_the_crew_is_numbered_while_its_mode_forbids_opens(ledger: Ledger, mode: Mode) -> None:
    holder = Holder(ledger)
    account, slot = holder.account(), holder.hold(resource("alpha", "EURUSD"))
    pause(ledger, mode)
    with pytest.raises(OpensForbidden, match="crew default opens nothing") as caught:
        ledger.trades.submit(a_new_trade(), account, slot)
    assert caught.value.mode == mode
    assert ledger.trades.list() == []
    pause(ledger, Mode.TRADING)
    assert sequence_of(ledger.trades.submit(a_new_trade(), account, slot).magic) == 1


def test_a_pause_that_was_committed_first_always_wins(ledger_url: str) -> None:
    """Two processes at once: either the order has its row before the pause is there, or it gets none."""
    rounds = 20
    with a_ledger(ledger_url) as trading, a_ledger(ledger_url) as operating, ThreadPoolExecutor(1) as beside:
        holder = Holder(trading)
        account = holder.account()
        for number in range(rounds):
            slot = holder.hold(resource("alpha", f"C{number}"))
            pause(operating, Mode.TRADING)
            paused = beside.submit(pause, operating)
            try:
                row = trading.trades.submit(
                    a_new_trade(commodity=slot.resource.split(":")[1], analysis_id=f"a{number}"),
                    account,
                    slot,
                    a_line("submitted"),
                )
            except OpensForbidden:
                row = None
            paused.result()
            kinds = [line.reason if line.kind == "mode" else line.kind for line in trading.journal.list(limit=2)]
            assert kinds == (["paused", "submitted"] if row is not None else ["paused", "trading"])


@pytest.mark.parametrize("is_first", [True, False], ids=["of a crew without any", "of a crew that had one"])
def test_an_order_waits_for_a_pause_that_is_being_committed(postgresql_url: str, is_first: bool) -> None:
    """Several hosts on one server: where the crew has no row yet, there is nothing to lock."""
    with a_ledger(postgresql_url) as trading, a_ledger(postgresql_url) as operating, ThreadPoolExecutor(1) as beside:
        holder = Holder(trading)
        account, slot = holder.account(), holder.hold(resource("alpha", "EURUSD"))
        if not is_first:
            pause(operating, Mode.TRADING)
        with operating.writing() as connection:
            modes._write(connection, "default", ModeRecord(Mode.PAUSED, by="ann@desk", since=NOON))
            order = beside.submit(trading.trades.submit, a_new_trade(), account, slot)
            until = time.monotonic() + TTL_SECONDS
            while not connection.execute(WAITING).scalar_one():
                assert time.monotonic() < until
                assert not order.done()
        with pytest.raises(OpensForbidden, match="paused"):
            order.result()
        assert trading.trades.list() == []


# ---------------------------------------------------------------- starts


def lead(ledger: Ledger, owner: str = "first") -> Fence:
    held = ledger.reservations.reserve_resource(crew_resource("default"), owner, TTL_SECONDS)
    assert held is not None
    return held.fence


def crash(ledger: Ledger, clock: Clock, owner: str) -> Start:
    """A process that leads and is killed; its lease runs out."""
    start = ledger.starts.begin("default", lead(ledger, owner))
    clock.pass_seconds(TTL_SECONDS + 1)
    return start


def test_an_orderly_end_is_no_crash(ledger: Ledger) -> None:
    for number in range(MOST_CRASHES + 1):
        fence = lead(ledger, f"p{number}")
        start = ledger.starts.begin("default", fence)
        assert start.crashes == 0
        ledger.starts.end(start)
        ledger.reservations.release_resource(fence)
    assert ledger.starts.crashes("default") == 0


def test_a_start_that_finds_one_without_an_end_has_found_a_crash(ledger: Ledger, clock: Clock) -> None:
    found = [crash(ledger, clock, f"p{number}").crashes for number in range(MOST_CRASHES + 1)]
    assert found == list(range(MOST_CRASHES + 1))
    assert ledger.starts.crashes("default") == MOST_CRASHES


def test_the_fifth_crash_within_the_window_is_a_loop(ledger: Ledger, clock: Clock) -> None:
    starts = [crash(ledger, clock, f"p{number}") for number in range(MOST_CRASHES + 1)]
    assert [start.is_in_crash_loop for start in starts] == [False] * MOST_CRASHES + [True]


def test_crashes_that_are_long_ago_do_not_count(ledger: Ledger, clock: Clock) -> None:
    for number in range(MOST_CRASHES):
        crash(ledger, clock, f"p{number}")
    clock.pass_seconds(CRASH_WINDOW_SECONDS)
    assert ledger.starts.begin("default", lead(ledger, "last")).crashes == 1


def test_the_crashes_of_one_crew_are_not_those_of_another(ledger: Ledger, clock: Clock) -> None:
    crash(ledger, clock, "p0")
    other = ledger.reservations.reserve_resource(crew_resource("other"), "p1", TTL_SECONDS)
    assert other is not None
    assert ledger.starts.begin("other", other.fence).crashes == 0
    assert ledger.starts.begin("default", lead(ledger, "p2")).crashes == 1


def test_whoever_only_stands_by_is_not_counted(ledger: Ledger) -> None:
    ledger.starts.begin("default", lead(ledger))
    assert ledger.reservations.reserve_resource(crew_resource("default"), "standby", TTL_SECONDS) is None
    assert ledger.starts.crashes("default") == 0


def test_nobody_begins_without_the_crews_lease(ledger: Ledger, clock: Clock) -> None:
    fence = lead(ledger)
    clock.pass_seconds(TTL_SECONDS + 1)
    with pytest.raises(StaleToken):
        ledger.starts.begin("default", fence)
    with pytest.raises(ValueError, match=r"the fence is that of 'crew:default'; expected that of 'crew:other'"):
        ledger.starts.begin("other", fence)
    assert ledger.starts.begin("default", lead(ledger, "next")).crashes == 0


def test_a_leader_that_slept_past_its_lease_strikes_its_crash_out_when_it_wakes(ledger: Ledger, clock: Clock) -> None:
    slept = crash(ledger, clock, "asleep")
    assert ledger.starts.begin("default", lead(ledger, "successor")).crashes == 1
    ledger.starts.end(slept)
    assert ledger.starts.crashes("default") == 0


def test_forgiven_crashes_are_not_counted_again(ledger: Ledger, clock: Clock) -> None:
    for number in range(MOST_CRASHES + 1):
        crash(ledger, clock, f"p{number}")
    assert ledger.starts.forgive("default") == MOST_CRASHES
    assert ledger.starts.crashes("default") == 0
    assert ledger.starts.begin("default", lead(ledger, "last")).crashes == 1  # that of p5, noticed just now


def test_the_table_of_starts_does_not_grow_for_ever(ledger: Ledger, clock: Clock) -> None:
    for number in range(30):
        crash(ledger, clock, f"p{number}")
    with ledger.reading() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM crew_start").scalar_one()
    assert rows <= CRASH_WINDOW_SECONDS / TTL_SECONDS + 1


def test_starts_are_timed_by_the_databases_own_clock(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        fence = lead(ledger)
        ledger.starts.begin("default", fence)
        assert ledger.starts.begin("default", fence).crashes == 1


# ---------------------------------------------------------------- disowned


def test_a_disowned_position_is_remembered_for_its_account_with_who_said_so(ledger: Ledger) -> None:
    assert ledger.disowned.add("alpha", 1 << 40, by="ann@desk", at=NOON, reason="a test of mine")
    assert not ledger.disowned.add("alpha", 1 << 40, by="bob@desk", at=NOON + 1)
    assert ledger.disowned.of("alpha") == {1 << 40}
    assert ledger.disowned.of("beta") == frozenset()
    (line,) = ledger.journal.list(kind="disowned")
    assert line.platform == "alpha"
    assert line.detail == {"magic": 1 << 40, "by": "ann@desk", "said": "a test of mine"}


def test_a_trade_of_this_ledger_cannot_be_disowned(ledger: Ledger) -> None:
    trade = Holder(ledger).open()
    with pytest.raises(LedgerError, match=f"magic {trade.magic} on alpha is that of trade {trade.trade_id}"):
        ledger.disowned.add("alpha", trade.magic, by="ann@desk", at=NOON)
    assert ledger.disowned.of("alpha") == frozenset()


# ---------------------------------------------------------------- migration


FIRST_ROWS = (
    "INSERT INTO account (platform, prefix, sequence) VALUES ('alpha', 4711, 3)",
    "INSERT INTO reservation VALUES ('account:alpha', NULL, 7, 5, 0)",
    "INSERT INTO scheduled VALUES ('day_end:EURUSD:alpha:2026-03-03', 5)",
    "INSERT INTO journal (at, last_at, repeated, writer, kind, reason, detail) "
    "VALUES (5, 6, 2, 'old', 'decision', 'refused:veto', '{}')",
    "INSERT INTO trade (trade_id, platform, commodity, side, state, strategy, regime, analysis_id, confidence, "
    "volume_lots, magic, account_token, commodity_token, expected_price, stop_distance, stop_price, daily_volatility, "
    "submitted_at, time_stop_at, closes_at_day_end, position_id, ticket, entry_price, opened_at, detail, "
    "claims_analysis) VALUES (1, 'alpha', 'EURUSD', 'buy', 'open', 'day', 'trend', 'a1', 70, 0.1, 20233590931459, 7, "
    "1, 1.1, 0.01, 1.09, 0.005, 5, 9, 1, 77, 77, 1.1, 6, '', 1)",
)
"""What the first revision could hold: one row of everything."""


def test_a_ledger_of_the_first_revision_is_taken_along_with_all_that_is_in_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "ledger.sqlite"
    make_with_scripts(f"sqlite:///{file.as_posix()}", "0001", *FIRST_ROWS)
    with a_ledger(f"sqlite:///{file.as_posix()}") as ledger:
        (trade,) = ledger.trades.active("alpha")
        assert (trade.state, trade.magic, trade.entry_price) == (TradeState.OPEN, 20233590931459, 1.1)
        (line,) = ledger.journal.list()
        assert (line.writer, line.reason, line.repeated) == ("old", "refused:veto", 2)
        assert ledger.schedule.has_fired("day_end:EURUSD:alpha:2026-03-03")
        assert ledger.trades.register_account("alpha") == 4711
        assert Holder(ledger).account().token == 8
        assert ledger.modes.of("default") == TRADING
        pause(ledger)
        assert ledger.modes.of("default").mode is Mode.PAUSED
        assert ledger.disowned.of("alpha") == frozenset()
        assert ledger.starts.begin("default", lead(ledger)).crashes == 0
    with closing(sqlite.newest_sqlite().connect(file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def test_the_tables_are_not_changed_under_an_older_program_that_still_acts_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    make_with_scripts(url, "0001")
    with monkeypatch.context() as old:
        old.setattr(migrate, "upgrade", lambda connection, to: None)
        first = Ledger.open(url)
    with closing(first):
        leading = first.reservations.reserve_resource("crew:default", "old:1:x", 60)
        assert leading is not None
        with pytest.raises(LedgerInUse, match="an older program's, and old:1:x still acts on them"):
            Ledger.open(url)
        assert first.reservations.release_resource(leading.fence)
    with a_ledger(url) as ledger:
        assert ledger.modes.of("default") == TRADING
