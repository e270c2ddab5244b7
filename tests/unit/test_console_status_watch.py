"""The live view of another terminal: what changes is laid over what was, and what is old is said to be."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from console.arguments import Status
from console.configuration import load
from console.errors import CommandError
from console.output import Output
from console.status_watch import NewestMoment, View, merged, run, snapshot_of

TRADE: dict[str, Any] = {
    "trade_id": 7,
    "platform": "alpha",
    "commodity": "EURUSD",
    "side": "buy",
    "volume_lots": 0.1,
    "strategy": "day",
    "state": "open",
    "digits": 5,
    "entry_price": 1.1,
    "price": 1.101,
    "stop_price": 1.09,
    "target_price": None,
    "profit": 10.0,
    "closes_in_seconds": 3_600,
}
EVENT: dict[str, Any] = {"id": 1, "at": "2026-03-04T12:00:00Z", "kind": "decision", "about": "EURUSD", "text": "told"}
OVERVIEW: dict[str, Any] = {
    "crew": "default",
    "market_time": "2026-03-04T12:00:00Z",
    "speed": 1.0,
    "source": "MetaTrader 5",
    "position": None,
    "length": None,
    "market_open": True,
    "leads": True,
    "said": "leading crew default on alpha",
    "mode": {"mode": "trading", "guards": True, "by": None, "reason": None},
    "counts": {"open": 1, "opened": 3, "closed": 2, "refused": 5, "external": 0},
    "realised_profit": {"USD": 12.5},
    "accounts": [
        {
            "name": "alpha",
            "currency": "USD",
            "balance": 10_000.0,
            "equity": 10_010.0,
            "open_risk": 100.0,
            "ready": True,
            "reason": "",
            "paused": False,
        }
    ],
    "trades": [TRADE],
    "events": [EVENT],
    "alerts": [],
}


def on_screen(moment: NewestMoment, now: float) -> str:
    """What a terminal of 140 columns would show."""
    stream = io.StringIO()
    Console(file=stream, width=140, height=30, force_terminal=False).print(View(moment, now))
    return stream.getvalue()


def connected(**changes: Any) -> NewestMoment:
    """A moment that has just been heard of."""
    moment = NewestMoment()
    moment.take("overview", {**OVERVIEW, **changes})
    moment.heard_at = 100.0
    return moment


def test_only_the_fields_that_changed_are_laid_over() -> None:
    changes = {
        "market_time": "2026-03-04T12:00:01Z",
        "trades": {"changed": [{"trade_id": 7, "profit": 11.0}, {**TRADE, "trade_id": 8}], "gone": []},
        "events": {"new": [{**EVENT, "text": "told twice"}, {**EVENT, "id": 2}]},
    }
    after = merged(OVERVIEW, changes)
    assert [(row["trade_id"], row["profit"], row["side"]) for row in after["trades"]] == [
        (7, 11.0, "buy"),
        (8, 10.0, "buy"),
    ]
    assert [(line["id"], line["text"]) for line in after["events"]] == [(1, "told twice"), (2, "told")]
    gone = merged(after, {"trades": {"changed": [], "gone": [7]}})
    assert [row["trade_id"] for row in gone["trades"]] == [8]
    assert OVERVIEW["trades"] == [TRADE], "what was shown stays as it was"


def test_whole_lists_replace_what_was() -> None:
    assert merged(OVERVIEW, {"trades": [], "alerts": [{"said": "x"}]})["trades"] == []


def test_a_moment_that_is_fresh_has_no_line_about_its_age() -> None:
    shown = on_screen(connected(), 101.0)
    assert "leading crew default on alpha" in shown
    assert "EURUSD" in shown
    assert "is old" not in shown


def test_a_silent_stream_is_said_to_be_old() -> None:
    assert "nothing heard for 30 s: what is below is old" in on_screen(connected(), 130.0)


def test_a_lost_connection_is_said_at_once_with_the_age_of_the_rest() -> None:
    moment = connected()
    moment.trouble = "the console at http://127.0.0.1:8787 fell silent (timed out)"
    assert "not connected, all this is 2 s old: the console at http://127.0.0.1:8787 fell silent (timed out)" in (
        on_screen(moment, 102.0)
    )


def test_a_new_overview_ends_the_trouble() -> None:
    moment = connected()
    moment.trouble = "away"
    moment.take("overview", OVERVIEW)
    assert moment.trouble == ""


def test_changes_before_the_first_overview_are_not_believed() -> None:
    moment = NewestMoment()
    moment.take("changes", {"leads": True})
    assert moment.overview is None


@pytest.mark.parametrize(
    ("guards", "said"),
    [(True, "guarding goes on"), (False, "nobody guards stops and targets")],
    ids=["paused", "halted"],
)
def test_a_mode_stands_above_everything(guards: bool, said: str) -> None:
    mode = {"mode": "paused" if guards else "halted", "guards": guards, "by": "anna@desk", "reason": "elections"}
    first = on_screen(connected(mode=mode), 101.0).splitlines()[0]
    assert first.strip() == f"{mode['mode']} by anna@desk: elections; {said}"


def test_what_is_wrong_is_shown_with_how_much_more_there_is() -> None:
    alerts = [{"said": "alpha: the broker is away"}, {"said": "beta: stuck"}]
    assert "beta: stuck (and 1 more)" in on_screen(connected(alerts=alerts), 101.0)


def test_profits_of_several_currencies_are_not_summed() -> None:
    profit = snapshot_of({**OVERVIEW, "realised_profit": {"USD": 1.0, "EUR": 2.0}}).realised_profit
    assert profit != profit  # not a number


def test_a_console_with_nobody_who_leads_can_be_shown() -> None:
    nobody: dict[str, Any] = {
        "speed": None,
        "source": None,
        "market_open": None,
        "leads": False,
        "said": "standing by",
        "trades": [],
    }
    assert "standing by" in on_screen(connected(**nobody), 101.0)
    assert "nothing has happened yet" in on_screen(connected(market_time=None), 101.0)


def test_it_needs_a_terminal() -> None:
    with pytest.raises(CommandError, match="--watch needs a terminal"):
        run(Status(watch=True), load(None, {}), Output(stdout=io.StringIO(), stderr=io.StringIO()))
