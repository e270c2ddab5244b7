"""What the overview is made of: the journal as it is followed, rows of trades and accounts, a ledger that fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from made_console import a_snapshot, a_trade
from made_ledger import a_ledger

from actors.accounts import Market
from actors.virtual_crew import market_for
from console.api import journal_follower
from console.api.journal_follower import EVENTS, JournalFollower, Kept
from console.api.live_hub import LiveHub, Push
from console.api.overview_rows import exposure, trade_row
from console.configuration import load
from console.live_figures import Figures
from console.records import Data
from persistence.errors import LedgerUnavailable
from persistence.journal import VALUATION, JournalEntry
from persistence.ledger import Ledger
from trading.market import DAY, HOUR, Instant, Position, Side, instant, moment
from trading.trade import Trade


class Noon:
    """What the makers of snapshots ask of a console: the time."""

    now: Instant = instant(moment(0).replace(year=2026, month=3, day=4, hour=12))  # a Wednesday


class MadeVenue:
    """A market that is always open."""

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Always."""
        return True


NOON = Noon.now


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with a_ledger(f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}") as opened:
        yield opened


@pytest.fixture(scope="module")
def market() -> Market:
    configuration = load(None, {})
    return market_for(configuration.settings, configuration.commodities, NOON - DAY, NOON + DAY)


def said(ledger: Ledger, reason: str, kind: str = "refusal", *, fold: bool = False) -> None:
    ledger.journal.append(JournalEntry(NOON, kind, reason, "alpha", "EURUSD"), fold=fold)


def valued(ledger: Ledger, trade_id: int, profit: float) -> None:
    detail = {"profit": profit, "expected_value": 0.1}
    ledger.journal.append(JournalEntry(NOON, VALUATION, "revalued", "alpha", "EURUSD", trade_id, detail=detail))


def figures_of(market: Market, *trades: Trade, bid: float) -> tuple[Data, ...]:
    """The rows of these trades on one account."""
    snapshot = a_snapshot(Noon(), *trades, bid=bid)  # type: ignore[arg-type]  # it only asks for the time
    found = Figures(market, MadeVenue()).account(snapshot, NOON)  # type: ignore[arg-type]  # it only asks this
    return tuple(
        trade_row(
            trade, found.trades[trade.trade_id], None, now=NOON, digits=5, currency="USD", checked_seconds_ago=None
        )
        for trade in trades
    )


def test_what_holding_on_is_worth_is_told_in_sigmas_and_in_money(ledger: Ledger, market: Market) -> None:
    one = a_trade(Noon())  # type: ignore[arg-type]  # it only asks for the time
    detail = {"profit": 0.5, "expected_value": -0.2, "sigma": 0.005}
    ledger.journal.append(JournalEntry(NOON, VALUATION, "revalued", "alpha", "EURUSD", 1, detail=detail))
    valuation = ledger.journal.list(kind=VALUATION, limit=1)[0]
    found = Figures(market, MadeVenue()).account(a_snapshot(Noon(), one, bid=1.1), NOON)  # type: ignore[arg-type]
    about: Data = {"now": NOON, "digits": 5, "currency": "USD", "checked_seconds_ago": None}
    row = trade_row(one, found.trades[1], valuation, **about)
    # A tenth of a lot, 10,000 EUR, is worth 11,000 dollars; a half of a hundredth of that is one sigma.
    assert (row["one_sigma"], row["expected_gain"], row["expected_value"]) == (55.0, -11.0, -0.2)
    for figures, line in ((None, valuation), (found.trades[1], None)):
        unknown = trade_row(one, figures, line, **about)
        assert (unknown["one_sigma"], unknown["expected_gain"]) == (None, None)


def test_the_newest_lines_are_followed_without_the_valuations(ledger: Ledger) -> None:
    follower = JournalFollower(ledger)
    said(ledger, "first")
    follower.read()
    valued(ledger, 1, 0.5)
    said(ledger, "second")
    follower.read()
    assert [line.reason for line in follower.events.values()] == ["first", "second"]


def test_no_more_lines_are_kept_than_are_shown(ledger: Ledger) -> None:
    follower = JournalFollower(ledger)
    follower.read()
    for number in range(2 * EVENTS):
        said(ledger, f"number {number}")
        follower.read()
    assert [line.reason for line in follower.events.values()] == [f"number {n}" for n in range(EVENTS, 2 * EVENTS)]


def test_a_line_that_was_counted_up_is_shown_with_its_count_after_some_seconds(ledger: Ledger) -> None:
    elapsed = 0.0
    follower = JournalFollower(ledger, lambda: elapsed)
    said(ledger, "the same", fold=True)
    follower.read()
    said(ledger, "the same", fold=True)
    follower.read()
    elapsed += journal_follower.READ_ANEW_SECONDS
    follower.read()
    assert [line.repeated for line in follower.events.values()] == [2]


def test_only_the_first_question_about_a_trade_reaches_the_ledger(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    valued(ledger, 1, 0.5)
    follower = JournalFollower(ledger)
    follower.read()
    first = follower.valuation(1)
    assert first is not None
    assert first.detail["profit"] == 0.5
    valued(ledger, 1, 0.6)
    follower.read()
    monkeypatch.setattr(ledger.journal, "list", lambda **asked: pytest.fail(f"asked for {asked}"))
    newest = follower.valuation(1)
    assert newest is not None
    assert newest.detail["profit"] == 0.6


def test_after_a_long_absence_everything_is_read_anew(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_follower, "MOST_AT_ONCE", 5)
    valued(ledger, 1, 0.5)
    follower = JournalFollower(ledger)
    follower.read()
    follower.valuation(1)
    for step in range(8):
        valued(ledger, 1, 0.6 + step / 100)
        said(ledger, f"number {step}")
    follower.read()
    newest = follower.valuation(1)
    assert newest is not None
    assert newest.detail["profit"] == pytest.approx(0.67)
    assert next(reversed(follower.events.values())).reason == "number 7"


def test_what_is_dear_is_found_out_the_more_seldom_the_dearer_it_is() -> None:
    elapsed, found = 0.0, 0

    def find() -> int:
        nonlocal elapsed, found
        elapsed += 1.0
        found += 1
        return found

    kept = Kept(find, 2.0, lambda: elapsed)
    assert kept.value() == 1
    elapsed += 49.0
    assert kept.value() == 1, "a second of every fifty"
    elapsed += 1.0
    assert kept.value() == 2
    kept.forget()
    assert kept.value() == 3


def test_a_sell_is_a_mirrored_buy(market: Market) -> None:
    (bought,) = figures_of(market, a_trade(Noon(), 1), bid=1.105)  # type: ignore[arg-type]  # it only asks for the time
    sell = a_trade(Noon(), 1, Side.SELL)  # type: ignore[arg-type]  # as above
    (sold,) = figures_of(market, sell, bid=1.095 - 0.0002)  # so that the ask, at which it closes, is 1.095
    for name in ("profit", "risk", "progress"):
        assert sold[name] == pytest.approx(bought[name]), name
    for name in ("to_stop", "to_target"):
        assert sold[name]["distance"] == pytest.approx(bought[name]["distance"])
    assert bought["to_stop"]["distance"] > 0
    assert bought["closes_in_seconds"] == 48 * HOUR // 1000


def test_risks_of_a_group_add_up_in_each_direction_and_a_strangers_position_has_none(market: Market) -> None:
    trades = [
        a_trade(Noon(), number, side, commodity=name)  # type: ignore[arg-type]  # as above
        for number, (name, side) in enumerate([("EURUSD", Side.BUY), ("GBPUSD", Side.BUY), ("AUDUSD", Side.SELL)], 1)
    ]
    stranger = Position(9, 9, 0, "EURUSD", Side.SELL, 0.3, 1.1, NOON, 0.0, 0.0, "")
    snapshot = a_snapshot(Noon(), *trades, external=(stranger,))  # type: ignore[arg-type]  # as above
    found = Figures(market, MadeVenue()).account(snapshot, NOON)  # type: ignore[arg-type]  # as above
    risk = found.trades[1].risk
    assert risk is not None
    held = exposure(snapshot, found, market)
    (dollars,) = held["groups"]
    assert (dollars["group"], dollars["risk_if_it_rises"], dollars["risk_if_it_falls"]) == (
        "USD",
        pytest.approx(2 * risk, abs=0.01),
        pytest.approx(risk, abs=0.01),
    )
    euro = next(row for row in held["commodities"] if row["commodity"] == "EURUSD")
    assert euro["volume_lots"] == pytest.approx(0.1 - 0.3)
    assert euro["risk"] == pytest.approx(risk, abs=0.01)


class Failing:
    """An overview that cannot be had the second time."""

    def __init__(self) -> None:
        self.asked = 0

    def newest(self) -> Data:
        """Raises `LedgerUnavailable`."""
        self.asked += 1
        if self.asked > 1:
            raise LedgerUnavailable("ledger.sqlite", "disk I/O error")
        return {"market_time": "2026-03-04T12:00:00Z", "trades": [], "events": [], "alerts": [], "leads": True}


def test_a_ledger_that_cannot_be_read_is_said_on_the_page_as_it_was() -> None:
    hub = LiveHub(Failing())
    first = hub._next()
    assert isinstance(first, Push)
    hub._newest = first
    second = hub._next()
    assert isinstance(second, Push)
    (alert,) = second.data["alerts"]
    assert (alert["key"], alert["said"].partition(":")[0]) == ("ledger", "not up to date")
    assert second.data["leads"]
    hub._newest = second
    assert hub._next() is None, "it is said once"
