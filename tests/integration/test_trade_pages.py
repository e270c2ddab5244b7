"""The pages that explain, as they are sent: what they tell, whom they believe, and what they say when it is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from made_console import MadeConsole, made_console
from made_life import HOSTILE, Life, page

from persistence.journal import JournalEntry
from trading.market import HOUR, MINUTE, iso
from trading.trade import CloseReason


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MadeConsole]:
    with made_console(tmp_path) as console:
        console.lead()
        yield console


def test_the_page_of_a_trade_tells_its_whole_life(made: MadeConsole) -> None:
    life = Life(made)
    trade = life.adjust(life.open(), 1.0975, after_hours=3)
    life.value(trade)
    trade = life.close(trade)
    status, text = page(made, f"/trades/{trade.trade_id}")
    assert status == 200
    for told in (
        "closed by stop",
        "-153.00",
        "1.09500 → <strong>1.09750</strong>",  # the stop as it moved
        "60 % → 65 %",  # what that did to the probability of profit
        "the price has moved on",
        "slippage 0.00260 (worse)",  # meant 1.0975, out at 1.0949
        "Confidence 81.0 is 9.0 above the 72 that it needs".lower(),
        "alpha takes it, since no other account is eligible",
        "submitted to open: the broker said done",
    ):
        assert told in text, told


@pytest.mark.parametrize(
    ("reason", "about", "tells"),
    [
        ("close_trade:done", {"trade_id": 1}, True),
        ("close_all:done", {"commodity": "EURUSD"}, True),
        ("close_all:done", {"platform": "beta"}, False),
        ("close_trade:refused", {"trade_id": 1}, False),
    ],
)
def test_the_command_that_closed_a_trade_is_told_with_who_gave_it(
    made: MadeConsole, reason: str, about: dict[str, Any], tells: bool
) -> None:
    life = Life(made)
    trade = life.open()
    assert trade.trade_id == 1
    detail = {"by": "browser 3f2a91", "said": "as asked"}
    line = JournalEntry(life.began + 9 * HOUR, "command", reason, **about, detail=detail)
    made.ledger.journal.append(line)
    life.close(trade, reason=CloseReason.OPERATOR)
    text = page(made, "/trades/1")[1]
    assert ("<dt>Command</dt>" in text) == tells
    assert ("browser 3f2a91: " in text) == (tells or "trade_id" in about)  # its own lines are in its journal anyway


def test_what_a_stranger_has_written_into_the_journal_stays_text(made: MadeConsole) -> None:
    life = Life(made, said=HOSTILE)
    trade = life.close(life.adjust(life.open(), 1.0975, after_hours=3))
    made.ledger.journal.append(life.decide("refused:" + HOSTILE, passed=False, why_no_plan=HOSTILE))
    decision = made.ledger.journal.list(kind="decision", limit=1)[0]
    for path in (f"/trades/{trade.trade_id}", "/trades", "/decisions", f"/decisions/{decision.id}"):
        status, text = page(made, path)
        assert status == 200
        assert "alert(1)</script>" not in text, path
        assert "<img src=x" not in text, path
    assert "&lt;img src=x onerror=alert(2)&gt;" in page(made, f"/trades/{trade.trade_id}")[1]
    assert "&lt;script&gt;" in page(made, f"/decisions/{decision.id}")[1]


def test_a_trade_that_was_not_valued_yet_says_so(made: MadeConsole) -> None:
    trade = Life(made).open()
    status, text = page(made, f"/trades/{trade.trade_id}")
    assert status == 200
    assert "not valued yet" in text
    assert "Nothing was adjusted" in text


def test_an_order_of_which_nothing_is_known_yet_has_a_page(made: MadeConsole) -> None:
    life = Life(made)
    order = life.holder.submit(submitted_at=life.began)
    status, text = page(made, f"/trades/{order.trade_id}")
    assert status == 200
    assert "The journal does not have it any more." in text  # no decision was written with it


@pytest.mark.parametrize("path", ["/trades/999", "/decisions/999"])
def test_what_does_not_exist_is_a_page_that_says_so(made: MadeConsole, path: str) -> None:
    status, text = page(made, path)
    assert status == 404
    assert "999" in text
    assert "<h1>Not found</h1>" in text


def test_a_line_of_another_kind_is_no_decision(made: MadeConsole) -> None:
    life = Life(made)
    life.open()
    other = made.ledger.journal.list(kind="transition", limit=1)[0]
    assert page(made, f"/decisions/{other.id}")[0] == 404


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/trades?state=asleep", "asleep"),
        ("/trades?commodity=UNOBTAINIUM", "UNOBTAINIUM"),
        ("/trades?platform=%00", "account is"),
        ("/decisions?verdict=perhaps", "perhaps"),
        ("/trades/0", "trade_id"),
        ("/trades?before=99999999999999999999", "before"),
    ],
)
def test_a_wrong_address_is_answered_with_what_is_wrong_in_it(made: MadeConsole, path: str, named: str) -> None:
    status, text = page(made, path)
    assert 400 <= status < 500
    assert named in text


def test_the_filters_of_the_trades_stay_in_the_links_to_older_ones(
    made: MadeConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.web.pages_trades.ON_A_PAGE", 2)
    life = Life(made)
    trades = [life.close(life.open(analysis_id=f"analysis-{number}")) for number in range(5)]
    status, text = page(made, "/trades?platform=alpha&state=closed")
    assert status == 200
    assert [f"#{trade.trade_id} alpha" in text for trade in trades] == [False, False, False, True, True]
    older = f"/trades?platform=alpha&amp;state=closed&amp;before={trades[3].trade_id}"
    assert f'href="{older}"' in text
    text = page(made, older.replace("&amp;", "&"))[1]
    assert [f"#{trade.trade_id} alpha" in text for trade in trades] == [False, True, True, False, False]
    assert "No trade fits." in page(made, "/trades?platform=beta")[1]
    assert "No trade fits." in page(made, "/trades?state=live")[1]


def test_decisions_are_found_by_their_verdict(made: MadeConsole) -> None:
    life = Life(made)
    life.open()
    made.ledger.journal.append(life.decide("refused:confidence", passed=False))
    opened, refused = page(made, "/decisions?verdict=opened")[1], page(made, "/decisions?verdict=refused")[1]
    assert ("told alpha to open" in opened, "confidence 8.0 short" in opened) == (True, False)
    assert ("told alpha to open" in refused, "confidence 8.0 short" in refused) == (False, True)


def test_a_refusal_tells_which_pillar_costs_most_and_what_it_would_need(made: MadeConsole) -> None:
    made.ledger.journal.append(Life(made).decide("refused:confidence", passed=False))
    line = made.ledger.journal.list(kind="decision", limit=1)[0]
    status, text = page(made, f"/decisions/{line.id}")
    assert status == 200
    assert "confidence 64.0 is 8.0 short of the 72 that it needs" in text
    assert "most is lost in base: 18.0 of its 50 points" in text
    assert '<td class="number">0.80</td>' in text  # base alone would do at 0.64 + 0.08 / 0.5


def test_the_line_of_an_older_program_is_shown_as_far_as_it_goes(made: MadeConsole) -> None:
    life = Life(made)
    strange = life.decide("refused:confidence", passed=False, gate="none", candidates=[7, {"platform": None}], plan=3)
    made.ledger.journal.append(strange, replace(strange, detail={}))
    for line in made.ledger.journal.list(kind="decision"):
        assert page(made, f"/decisions/{line.id}")[0] == 200
    assert page(made, "/decisions")[0] == 200


def test_the_chart_gets_the_bars_around_the_trade_and_its_levels(made: MadeConsole) -> None:
    life = Life(made)
    series = life.bars()
    trade = life.adjust(life.open(), 1.0975, after_hours=3)
    life.value(trade)
    life.close(trade)
    chart = made.get(f"/api/trades/{trade.trade_id}/bars")
    assert chart["said"] == ""
    assert chart["bar_seconds"] == 3_600
    assert chart["opened_at"][0] == iso(life.began - 60 * HOUR)
    assert chart["opened_at"][-1] == iso(int(series.time[-1]))  # fewer than 30 have come since the exit
    assert {len(chart[name]) for name in ("opened_at", "open", "high", "low", "close")} == {90}
    assert chart["levels"] == [
        {"at": iso(life.began + MINUTE), "stop_price": 1.095, "target_price": 1.11},
        {"at": iso(life.began + 3 * HOUR), "stop_price": 1.0975, "target_price": 1.11},
    ]
    assert [mark["kind"] for mark in chart["marks"]] == ["entry", "adjustment", "exit"]
    assert [row["profit"] for row in chart["worth"]] == pytest.approx([0.5 + hour / 50 for hour in range(1, 7)])


def test_a_trade_before_all_bars_has_its_levels_without_candles(made: MadeConsole) -> None:
    life = Life(made)
    trade = life.close(life.open())
    said = f"/api/trades/{trade.trade_id}/bars"
    assert made.get(said)["said"] == "no bar of EURUSD on alpha has come yet"
    life.bars(first_hour=11, bars=5)
    chart = made.get(said)
    assert chart["said"] == f"the bars that are kept begin at {iso(life.began + 11 * HOUR)}, after this trade"
    assert chart["opened_at"] == []
    assert [mark["kind"] for mark in chart["marks"]] == ["entry", "exit"]


def test_bars_that_begin_within_a_trade_are_shown_and_the_rest_is_said(made: MadeConsole) -> None:
    life = Life(made)
    trade = life.open()
    life.bars(first_hour=4, bars=5)
    chart = made.get(f"/api/trades/{trade.trade_id}/bars")
    assert len(chart["opened_at"]) == 5
    assert chart["said"].endswith("within this trade")


def test_a_process_that_stands_by_shows_the_levels_of_a_trade(made: MadeConsole) -> None:
    life = Life(made)
    life.bars()
    trade = life.open()
    made.running.stands_by("standing by: crew default is led by another")
    chart = made.get(f"/api/trades/{trade.trade_id}/bars")
    assert chart["said"] == (
        "the process that leads keeps the bars, and this one does not: standing by: crew default is led by another"
    )
    assert len(chart["levels"]) == 1


def test_the_bars_of_a_trade_that_does_not_exist_are_a_problem(made: MadeConsole) -> None:
    status, problem, _ = made.ask("GET", "/api/trades/4711/bars", token="read")
    assert (status, problem["code"]) == (404, "no_such_trade")


def test_a_name_in_a_filter_is_written_back_as_text(made: MadeConsole) -> None:
    status, text = page(made, f"/trades?platform={quote(HOSTILE)}")
    assert status == 200
    assert "<img src=x" not in text


def test_only_an_open_trade_offers_to_be_closed(made: MadeConsole) -> None:
    life = Life(made)
    trade = life.open()
    offer = 'data-command="close"'
    assert offer not in page(made, f"/trades/{trade.trade_id}")[1]  # to one who may only read
    assert offer in page(made, f"/trades/{trade.trade_id}", token="trade")[1]
    life.close(trade)
    assert offer not in page(made, f"/trades/{trade.trade_id}", token="trade")[1]
