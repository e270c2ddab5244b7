"""What the API shows of a crew that leads, and of its ledger when nobody here does."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from made_leading import Client, Console, configured, leading_crew, standing_console

from console.reading import of_crew
from console.status import status_data
from persistence.ledger import Ledger
from trading.trade import HELD

QUESTIONS = (
    *("status", "accounts", "accounts/alpha", "quotes", "positions", "equity", "trades", "decisions", "candidates"),
    *("closings", "calendars/EURUSD", "reservations", "leases", "journal", "health", "calibration", "fairness"),
    "settings",
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reads")


@pytest.fixture(scope="module")
def console(directory: Path) -> Iterator[Console]:
    with leading_crew(directory) as found:
        yield found


@pytest.fixture(scope="module")
def client(console: Console) -> Client:
    return console.client


@pytest.fixture(scope="module")
def standing(console: Console) -> Iterator[Client]:
    """Over the same ledger, in a process that does not lead."""
    with standing_console(console.configuration) as found:
        yield found.client


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Over a ledger in which nothing has happened."""
    configuration = configured(tmp_path_factory.mktemp("empty"))
    with (
        closing(Ledger.open(configuration.database_url, **of_crew(configuration))),
        standing_console(configuration) as found,
    ):
        yield found.client


def test_the_status_is_that_of_the_command(console: Console) -> None:
    shown, told = console.client.get("/api/status"), status_data(console.configuration, console.ledger)
    same = told.keys() - {"leases", "leader", "last_decision", "external_positions"}
    assert {name: shown[name] for name in same} == {name: json.loads(json.dumps(told[name])) for name in same}
    assert shown["leader"]["resource"] == "crew:default"
    assert shown["last_decision"]["id"] == told["last_decision"]["id"]


def test_a_leading_crew_shows_what_its_brokers_show(client: Client) -> None:
    accounts = client.get("/api/accounts")
    assert accounts["live"] is True
    for row in accounts["accounts"]:
        assert row["live"]["ready"]
        assert row["live"]["margin_free"] == pytest.approx(row["live"]["equity"] - row["live"]["margin_used"])
    (quote,) = [row for row in client.get("/api/quotes")["quotes"] if row["platform"] == "alpha"]
    assert quote["commodity"] == "EURUSD"
    assert 0 < quote["spread"] == pytest.approx(quote["ask"] - quote["bid"])


def test_a_position_has_its_price_its_profit_and_when_it_closes(console: Console) -> None:
    held = {trade.trade_id for trade in console.ledger.trades.list(states=HELD)}
    ours = console.client.get("/api/positions")["ours"]
    assert {row["trade_id"] for row in ours} == held
    assert all(row["price"] and row["profit"] is not None and row["closes_at"] for row in ours)


def test_one_account_is_shown_with_what_is_its_own(client: Client) -> None:
    found = client.get("/api/accounts/alpha")
    assert {row["platform"] for row in found["quotes"]} == {"alpha"}
    assert all(row["platform"] == "alpha" for row in found["positions"])


def test_a_closed_trade_tells_its_whole_life(console: Console) -> None:
    for row in console.client.get("/api/trades", state="closed")["trades"]:
        life = console.client.get(f"/api/trades/{row['trade_id']}")
        assert life["trade"] == row
        assert life["is_whole"]
        assert life["decision"]["analysis_id"] == row["analysis_id"]
        assert life["ending"]["reason"] == row["close_reason"]
        assert life["ending"]["text"]
        assert life["levels"][-1]["stop_price"] == row["stop_price"]
        ids = [line["id"] for line in life["history"]]
        assert ids == sorted(ids)
        assert all(line["text"] for line in life["history"])
        assert life["valuations"]


def test_an_adjustment_says_by_which_rule_and_what_it_did_to_the_worth(client: Client) -> None:
    lives = [client.get(f"/api/trades/{row['trade_id']}") for row in client.get("/api/trades")["trades"]]
    adjustments = [adjustment for life in lives for adjustment in life["adjustments"]]
    assert adjustments
    for one in adjustments:
        assert one["rule"]
        assert one["text"]
        assert one["stop_before"] is not None
    assert any(one["valuation_before"] and one["valuation_after"] for one in adjustments)


def test_the_points_of_the_pillars_are_the_confidence(client: Client) -> None:
    judged = [row for row in client.get("/api/decisions", limit=500)["decisions"] if row["confidence"] is not None]
    assert judged
    for row in judged:
        points = [pillar["points"] for pillar in row["pillars"] if pillar["points"] is not None]
        if points:
            assert math.fsum(points) == pytest.approx(row["confidence"], abs=1e-6)
        if (row["shortfall"] or 0) > 0:
            assert row["lacks"][0].endswith("points of confidence are missing")


def test_an_opening_decision_names_who_was_chosen_and_what_came_of_it(client: Client) -> None:
    opened = [row for row in client.get("/api/decisions", limit=500)["decisions"] if row["reason"] == "open_told"]
    assert opened
    for row in opened:
        assert [one["platform"] for one in row["candidates"] if one["is_chosen"]] == [row["chosen"]]
        assert row["threshold_from"]["profile"] == "standard"
        found = client.get(f"/api/decisions/{row['id']}")
        assert found["decision"] == row
        assert [trade["platform"] for trade in found["trades"]] == [row["chosen"]]
        assert found["results"]
    (table,) = client.get("/api/candidates")["tables"]
    assert {one["platform"] for one in table["candidates"]} == {"alpha", "beta"}


def test_the_equity_ends_at_what_the_closed_trades_brought(console: Console) -> None:
    for row in console.client.get("/api/equity")["accounts"]:
        results = console.ledger.trades.closed_results(row["platform"])
        assert row["realised_profit"] == pytest.approx(math.fsum(one.profit for one in results), abs=0.01)
        assert row["closed_trades"] == len(results)
        assert [point["trades"] for point in row["points"]] == list(range(1, len(results) + 1))


@pytest.mark.parametrize(("path", "rows"), [("trades", "trades"), ("decisions", "decisions"), ("journal", "lines")])
def test_the_pages_together_are_the_whole(client: Client, path: str, rows: str) -> None:
    key = "trade_id" if path == "trades" else "id"
    whole = [row[key] for row in client.get(f"/api/{path}", limit=500)[rows]]
    found: list[int] = []
    before: dict[str, int] = {}
    for _ in range(len(whole)):
        page = client.get(f"/api/{path}", limit=max(len(whole) // 3, 1), **before)
        found += [row[key] for row in page[rows]]
        if page["next_before"] is None or len(found) >= len(whole):
            break
        before = {"before": page["next_before"]}
    assert found[: len(whole)] == whole


def test_the_journal_is_searched_by_words(client: Client) -> None:
    found = client.get("/api/journal", search="confidence", kind="decision", limit=500)["lines"]
    assert found
    assert all("confidence" in f"{line['reason']} {json.dumps(line['detail'])}" for line in found)
    assert client.get("/api/journal", search="nothing-like-that")["lines"] == []


def test_health_names_every_actor_and_the_leases_with_what_is_left_of_them(client: Client) -> None:
    health = client.get("/api/health")
    assert health["leads"]
    names = {row["name"] for row in health["actors"]}
    assert {"reservation", "trader", "monitor", "scheduler", "platform:alpha", "platform:beta", "operator"} <= names
    assert all(row["state"] == "running" and row["depth"] >= 0 for row in health["actors"])
    assert next(row["is_vital"] for row in health["actors"] if row["name"] == "trader")
    assert {row["resource"] for row in health["leases"]} == {"crew:default", "account:alpha", "account:beta"}
    assert all(row["seconds_left"] > 0 for row in health["leases"])
    assert all(row["is_connected"] for row in health["terminals"])
    assert health["database"]["is_reachable"]
    assert health["database"]["file_bytes"] > 0
    assert health["process"]["resident_bytes"] is None or health["process"]["resident_bytes"] > 2**20


def test_the_leases_are_those_that_a_leader_holds(client: Client) -> None:
    assert {row["kind"] for row in client.get("/api/leases")["reservations"]} == {"crew", "account"}


def test_a_calendar_is_told_for_a_date_and_for_an_instant(client: Client) -> None:
    day = client.get("/api/calendars/EURUSD", at="2026-11-26", account="alpha")
    assert day["trading_date"] == "2026-11-26"
    assert client.get("/api/calendars/eurusd", at="2026-11-26T12:00:00Z")["is_open"] is True


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered_while_this_process_does_not_lead(standing: Client, question: str) -> None:
    found = standing.get(f"/api/{question}")
    assert found.get("live") in (False, None)


def test_what_only_a_leader_knows_is_null_while_another_leads(standing: Client) -> None:
    assert [row["live"] for row in standing.get("/api/accounts")["accounts"]] == [None, None]
    assert standing.get("/api/quotes")["quotes"] == []
    ours = standing.get("/api/positions")["ours"]
    assert [row["price"] for row in ours] == [None] * len(ours)
    health = standing.get("/api/health")
    assert not health["leads"]
    assert health["actors"] == []
    assert health["leases"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered_before_anything_has_happened(empty: Client, question: str) -> None:
    empty.get(f"/api/{question}")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("trades/99999", "no_such_trade"),
        ("decisions/99999999", "no_such_decision"),
        ("accounts/nobody", "no_such_account"),
        ("calendars/nothing", "unknown_commodity"),
        ("calendars/EURUSD?at=2026-02-30", "no_such_day"),
        ("calendars/EURUSD?account=nobody", "unknown_platform"),
        ("trades?platform=nobody", "unknown_platform"),
        ("trades?commodity=nothing", "unknown_commodity"),
        ("equity?platform=nobody", "unknown_platform"),
        ("nothing", "not_found"),
    ],
)
def test_what_is_not_there_is_named_in_a_problem(client: Client, path: str, code: str) -> None:
    assert client.refused(404, f"/api/{path}")["code"] == code


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("trades?limit=0", "limit"),
        ("trades?limit=501", "limit"),
        ("trades?before=-1", "before"),
        ("trades?state=happy", "state"),
        ("trades/x", "trade_id"),
        ("journal?search=a", "search"),
        ("journal?kind=%00", "kind"),
        ("calendars/EURUSD?at=tomorrow", "at"),
    ],
)
def test_a_malformed_value_names_its_field_and_itself(client: Client, path: str, field: str) -> None:
    said = client.refused(422, f"/api/{path}")
    assert said["code"] == "invalid"
    assert said["field"] == field
    assert said["said"].startswith(f"{field} is ")


def test_a_wrong_method_is_a_problem_that_names_the_right_one(client: Client) -> None:
    answer = client.ask("POST", "/api/trades", token="")
    assert answer.status_code == 401
    answer = client.ask("POST", "/api/trades")
    assert (answer.status_code, answer.json()["code"]) in {(405, "method_not_allowed"), (403, "not_enough")}


def test_a_ledger_that_is_away_is_a_problem_that_passes_and_health_says_so(tmp_path: Path) -> None:
    configuration = configured(tmp_path)
    Ledger.open(configuration.database_url, **of_crew(configuration)).close()
    with standing_console(configuration) as console:
        console.ledger.close()
        for question in set(QUESTIONS) - {"health", "settings"}:
            said = console.client.refused(503, f"/api/{question}")
            assert said["code"] == "ledger_unavailable"
        health = console.client.get("/api/health")
        assert not health["database"]["is_reachable"]
        assert "it was closed" in health["database"]["said"]


def test_a_trade_that_a_person_has_closed_names_the_command_and_who_gave_it(console: Console) -> None:
    (trade, *_) = console.ledger.trades.list(states=HELD)
    asked = {"request_id": "close-it-now", "trade_id": trade.trade_id}
    token = console.tokens.current().trade
    answer = console.client.ask("POST", "/api/commands/close", token=token, json=asked)
    assert answer.json()["state"] == "done", answer.text
    life = console.client.get(f"/api/trades/{trade.trade_id}")
    assert life["ending"]["reason"] == "operator"
    assert life["ending"]["request_id"] == "close-it-now"
    assert life["ending"]["by"] == "trade token from 127.0.0.1"
    assert life["trade"]["state"] == "closed"
