"""Exchanges' calendars are asked for once, in a process of its own, and kept; nothing that goes wrong is trusted."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from feeds import market_calendars, market_calendars_building, market_calendars_files
from feeds.catalogue import read_catalogue
from feeds.errors import CalendarUnavailable
from feeds.market_calendars import CalendarStore
from feeds.market_calendars_child import last_known_date
from feeds.market_calendars_files import Schedules, days, to_bytes
from trading.calendars import ExchangeSchedule, TradingTimes
from trading.commodities import Commodity
from trading.market import DAY, HOUR, Instant, instant, moment
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.settings_hours import Hours

CATALOGUE = read_catalogue()
EURUSD, GOLD, SILVER = (CATALOGUE[name] for name in ("EURUSD", "GOLD", "SILVER"))
NOW: Instant = 1_772_625_600_000  # a Wednesday noon, 2026-03-04
ROOT = Path(__file__).resolve().parents[2]
FAILS = sys.executable, "-c", "raise SystemExit('no process was to be started')"
INSTALLED = "a library 1.0"


def weekdays(name: str, first: date, last: date) -> ExchangeSchedule:
    """Chicago's afternoon on every weekday."""
    dates = np.arange(days(first), days(last) + 1, dtype=np.int64)
    dates = dates[(dates + 3) % 7 < 5]
    opens = dates * DAY + 15 * HOUR
    return ExchangeSchedule(name, "America/Chicago", first, last, date(2026, 12, 31), dates, opens, opens + 5 * HOUR)


class Library:
    """In the place of the process: answers with weekdays at once, and counts."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], date, date]] = []

    def __call__(
        self, calendars: Sequence[str], first: date, last: date, seconds: float, command: Sequence[str] | None = None
    ) -> Schedules:
        """As `build_schedules`."""
        self.asked.append((tuple(calendars), first, last))
        return Schedules(INSTALLED, tuple(weekdays(name, first, last) for name in calendars), {})


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    asked = Library()
    monkeypatch.setattr(market_calendars_building, "build_schedules", asked)
    monkeypatch.setattr(market_calendars, "made_with", lambda: INSTALLED)
    return asked


def of(store: CalendarStore, commodity: Commodity = GOLD, around: Instant = NOW) -> TradingTimes:
    return store.times(commodity, around - 30 * DAY, around + 30 * DAY)


def runs(times: TradingTimes) -> list[tuple[Instant, Instant]]:
    return list(times.spans(times.first, times.last))


# ---------------------------------------------------------------- the real library


def test_an_exchange_is_asked_in_a_process_and_what_it_said_serves_every_later_start(calendars: CalendarStore) -> None:
    asked = of(calendars)
    again = of(CalendarStore(calendars.folder, command=FAILS))
    assert runs(again) == runs(asked)
    assert again.known_until == asked.known_until
    assert moment(asked.next_close(NOW) or 0).isoformat() == "2026-03-04T22:00:00+00:00"


def test_each_calendar_is_known_as_far_as_its_own_sources_were_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = {"CME": ("2026-01-05", "2024-03-01"), "LSE": ("2025-01-24",), "none": ()}
    sources = {name: [SimpleNamespace(last_verified=day) for day in days] for name, days in looked_at.items()}
    library = SimpleNamespace(CALENDAR_SOURCES=sources)
    monkeypatch.setitem(sys.modules, "pandas_market_calendars", SimpleNamespace(sources=library))
    monkeypatch.setitem(sys.modules, "pandas_market_calendars.sources", library)
    assert last_known_date("CMEGlobex_GC", "CME", "LSE") == date(2024, 12, 31), "of its sources the oldest"
    assert last_known_date("LSE") == date(2025, 12, 31)
    assert last_known_date("XPAR") == last_known_date("none") == date(2026, 12, 31), "it names none: the newest look"


def test_a_calendar_that_the_library_does_not_have_is_named_with_those_that_are_near(calendars: CalendarStore) -> None:
    misspelt = GOLD.model_copy(update={"calendar": "CMEGlobex_GCC"})
    with pytest.raises(CalendarUnavailable, match=r"GOLD: the calendar 'CMEGlobex_GCC' cannot be made: .*CMEGlobex_GC"):
        of(calendars, misspelt)


def test_a_start_that_finds_its_calendars_imports_neither_pandas_nor_the_library(calendars: CalendarStore) -> None:
    of(calendars)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "import console.serve\n"
        "from trading.indicator_library import talib\n"
        "from actors.virtual_crew import market_for\n"
        "from feeds.catalogue import read_catalogue\n"
        "from feeds.market_calendars import CalendarStore\n"
        "from trading.settings import Settings\n"
        "from trading.settings_accounts import AccountSettings\n"
        "account = AccountSettings(name='alpha', symbols={'EURUSD': 'EURUSD', 'GOLD': 'GOLD'})\n"
        "store = CalendarStore(Path(sys.argv[2]), command=(sys.executable, '-c', 'raise SystemExit(9)'))\n"
        f"market = market_for(Settings(accounts=(account,)), read_catalogue(), {NOW - 350 * DAY}, None, store)\n"
        f"assert market.times['GOLD'].is_open({NOW})\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(loaded & {'pandas', 'pandas_market_calendars', 'exchange_calendars', 'polars'}))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(calendars.folder)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "", "")


# ---------------------------------------------------------------- what is kept, and for how long


def test_a_market_with_a_rule_of_its_own_needs_no_process_and_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "calendars"
    assert of(CalendarStore(folder, command=FAILS), EURUSD).is_open(NOW)
    assert not folder.exists()


def test_all_that_a_start_needs_is_asked_for_at_once(library: Library, tmp_path: Path) -> None:
    account = AccountSettings(name="alpha", symbols={"EURUSD": "E", "GOLD": "G", "SILVER": "S"})
    store = CalendarStore(tmp_path)
    timetable = store.timetable(Settings(accounts=(account,)), CATALOGUE, NOW - DAY, NOW + DAY)
    assert sorted(timetable) == ["EURUSD", "GOLD", "SILVER"]
    assert [sorted(names) for names, _, _ in library.asked] == [[GOLD.calendar, SILVER.calendar]]


def test_whole_years_are_asked_for_and_what_lies_within_them_is_not_asked_for_again(
    library: Library, tmp_path: Path
) -> None:
    store = CalendarStore(tmp_path)
    of(store)
    of(store, around=NOW + 300 * DAY)
    of(CalendarStore(tmp_path), around=NOW + 600 * DAY)
    assert library.asked == [((GOLD.calendar,), date(2024, 1, 1), date(2029, 12, 31))]


def test_what_reaches_beyond_is_asked_for_anew_and_takes_nothing_away(library: Library, tmp_path: Path) -> None:
    of(CalendarStore(tmp_path))
    later = CalendarStore(tmp_path)
    of(later, around=instant(moment(NOW).replace(year=2031)))
    assert library.asked[1:] == [((GOLD.calendar,), date(2024, 1, 1), date(2034, 12, 31))]
    of(CalendarStore(tmp_path))
    assert len(library.asked) == 2


def test_without_a_folder_what_was_asked_is_remembered(library: Library) -> None:
    store = CalendarStore(None)
    assert runs(of(store)) == runs(of(store))
    assert len(library.asked) == 1


def test_another_version_of_the_library_is_asked_anew(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(CalendarStore(tmp_path))
    monkeypatch.setattr(market_calendars, "made_with", lambda: "a library 1.1")
    of(CalendarStore(tmp_path))
    assert len(library.asked) == 2


def test_a_file_by_other_clocks_than_those_of_now_is_made_again(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(market_calendars_files, "clock_of", lambda _schedule: "as clocks went before")
        of(CalendarStore(tmp_path))
    of(CalendarStore(tmp_path))
    assert len(library.asked) == 2
    of(CalendarStore(tmp_path))
    assert len(library.asked) == 2, "the file is by the clocks of now"


def test_what_is_outdated_serves_on_when_it_cannot_be_made_again(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = of(CalendarStore(tmp_path))

    def fails(*_request: object) -> Schedules:
        raise CalendarUnavailable("the process that makes calendars ended with 1")

    monkeypatch.setattr(market_calendars, "made_with", lambda: "a library 1.1")
    monkeypatch.setattr(market_calendars_building, "build_schedules", fails)
    store = CalendarStore(tmp_path)
    assert runs(of(store)) == runs(before)
    assert "going on with calendars that were to be made again" in caplog.text
    with pytest.raises(CalendarUnavailable, match="ended with 1"):
        of(store, around=NOW + 20 * 365 * DAY)
    with pytest.raises(CalendarUnavailable, match="ended with 1"):
        of(store, SILVER)


# ---------------------------------------------------------------- what is not to be trusted

OTHER = to_bytes(INSTALLED, [weekdays("another", date(2020, 1, 1), date(2040, 1, 1))])
MINE = to_bytes(INSTALLED, [weekdays(GOLD.calendar, date(2020, 1, 1), date(2040, 1, 1))])


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (b"", "made again"),
        (MINE[: len(MINE) // 2], "made again"),
        (b"PK\x03\x04 but nothing of ours", "made again"),
        (OTHER, "it is not the calendar"),
    ],
    ids=["empty", "torn", "foreign", "of another calendar"],
)
def test_a_file_that_cannot_be_trusted_is_made_again_and_the_log_says_so(
    kept: bytes, said: str, library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = CalendarStore(tmp_path)
    file = store.file_of(GOLD.calendar)
    assert file is not None
    file.write_bytes(kept)
    with caplog.at_level(logging.WARNING):
        of(store)
    (line,) = caplog.messages
    assert line.startswith("GOLD: ")
    assert said in line
    of(CalendarStore(tmp_path))
    assert len(library.asked) == 1, "the file is whole now"


def test_a_folder_that_cannot_be_written_is_told_of_once_and_keeps_nobody_from_trading(
    library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "calendars").write_text("a file in the place of the folder")
    store = CalendarStore(tmp_path / "calendars")
    with caplog.at_level(logging.WARNING):
        assert of(store).is_open(NOW + 6 * HOUR)
        assert of(store, SILVER).is_open(NOW + 6 * HOUR)
        of(store)
    assert len([line for line in caplog.messages if "cannot be kept" in line]) == 1
    assert len(library.asked) == 2


# ---------------------------------------------------------------- what may become of the process


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(3)", "ended with 3"),
        ("import sys; sys.exit('ImportError: numpy is broken')", "ended with 1: ImportError: numpy is broken"),
        ("pass", "ended with 0"),
        ("print('nonsense')", "answered nonsense"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)" if sys.platform != "win32" else "exit(9)", "ended"),
    ],
)
def test_a_process_that_fails_is_told_of_with_the_commodity_and_its_calendar(
    code: str, said: str, tmp_path: Path
) -> None:
    store = CalendarStore(tmp_path, command=(sys.executable, "-c", code))
    with pytest.raises(CalendarUnavailable, match=rf"GOLD \(CMEGlobex_GC\): .*{said}"):
        of(store)
    assert not list(tmp_path.iterdir())


def test_a_process_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_calendars_building, "DYING_SECONDS", 0.0)
    hangs = sys.executable, "-c", "import threading; threading.Event().wait()"
    store = CalendarStore(tmp_path, build_seconds=0.2, command=hangs)
    with pytest.raises(CalendarUnavailable, match="not done within"):
        of(store)


def test_a_process_that_cannot_be_started_is_told_of(tmp_path: Path) -> None:
    store = CalendarStore(tmp_path, command=(str(tmp_path / "nothing"),))
    with pytest.raises(CalendarUnavailable, match="no process can be started"):
        of(store)


def test_without_the_library_what_was_kept_serves_and_what_was_not_is_told_of(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of(CalendarStore(tmp_path))
    monkeypatch.setattr(market_calendars, "made_with", lambda: None)
    assert of(CalendarStore(tmp_path)).is_open(NOW + 6 * HOUR)
    with pytest.raises(CalendarUnavailable, match=r"SILVER \(CMEGlobex_SI\): .*not installed.*pip install"):
        of(CalendarStore(tmp_path), SILVER)


def test_several_builders_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from feeds.market_calendars_files import write\n"
        "raw, file = sys.stdin.buffer.read(), Path(sys.argv[2])\n"
        "for _ in range(40):\n"
        "    write(file, raw)\n"
    )
    store = CalendarStore(tmp_path, command=FAILS)
    file = store.file_of(GOLD.calendar)
    assert file is not None
    command = [sys.executable, "-c", code, str(ROOT), str(file)]
    builders = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    for number, builder in enumerate(builders):
        last = date(2040, 1, 1) + timedelta(days=number)
        raw = to_bytes(market_calendars.made_with() or "", [weekdays(GOLD.calendar, date(2020, 1, 1), last)])
        assert builder.stdin is not None
        builder.stdin.write(raw)
        builder.stdin.close()
    reads = 0
    while any(builder.poll() is None for builder in builders):
        if file.exists():
            assert of(CalendarStore(tmp_path, command=FAILS)).is_open(NOW + 6 * HOUR)
            reads += 1
    assert [builder.wait() for builder in builders] == [0, 0]
    assert reads
    assert list(tmp_path.iterdir()) == [file]


# ---------------------------------------------------------------- hours of the user and of accounts


def test_an_account_with_hours_of_its_own_has_trading_times_of_its_own(calendars: CalendarStore) -> None:
    shuts_early = AccountSettings(name="alpha", symbols={"GOLD": "G"}, hours={"GOLD": Hours(closed=("2026-03-04",))})
    usual = AccountSettings(name="beta", symbols={"GOLD": "G"})
    timetable = calendars.timetable(Settings(accounts=(shuts_early, usual)), CATALOGUE, NOW - 30 * DAY, NOW + 30 * DAY)
    assert not timetable.of("alpha", "GOLD").is_open(NOW)
    assert timetable.of("beta", "GOLD").is_open(NOW)
    assert timetable.last == NOW + 30 * DAY


def test_hours_that_contradict_their_calendar_are_told_of_in_words(calendars: CalendarStore) -> None:
    with pytest.raises(CalendarUnavailable, match=r"EURUSD: .*friday_end"):
        calendars.times(EURUSD, NOW - DAY, NOW + DAY, Hours(sessions=("Mon-Sun 00:00-24:00",), friday_end="16:00"))


def test_those_of_an_account_are_told_of_with_its_name(calendars: CalendarStore) -> None:
    hours = {"EURUSD": Hours(late_opens={"2026-03-04": "17:30"})}
    account = AccountSettings(name="alpha", symbols={"EURUSD": "E"}, hours=hours)
    settings = Settings(accounts=(account,))
    with pytest.raises(CalendarUnavailable, match=r"^with accounts\.hours of alpha: EURUSD: hours\.late_opens\."):
        calendars.timetable(settings, CATALOGUE, NOW - DAY, NOW + DAY)
