"""The live stream over real sockets: what it says first and then, and what becomes of who does not read or may not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_console import DEADLINE_SECONDS, MadeConsole, a_snapshot, a_trade, made_console
from pydantic import ValidationError

from console.api import live_stream
from console.api.live_hub import MOST_STREAMS
from console.api.models_overview import Overview
from console.api.overview_changes import changes
from console.books import console_tokens_file
from console.records import Data
from console.web.access_tokens import TokenFile
from console.web.callers import Access
from persistence.journal import VALUATION, JournalEntry


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MadeConsole]:
    with made_console(tmp_path) as console:
        console.lead()
        yield console


def merged(known: Data, changed: Data) -> Data:
    """What a page makes of what it knows and what it is told."""
    trades = {row["trade_id"]: row for row in known["trades"]}
    parts = changed.get("trades", {"changed": [], "gone": []})
    for row in parts["changed"]:
        trades[row["trade_id"]] = {**trades.get(row["trade_id"], {}), **row}
    for gone in parts["gone"]:
        del trades[gone]
    events = {event["id"]: event for event in known["events"]}
    events |= {event["id"]: event for event in changed.get("events", {"new": []})["new"]}
    plain = {key: value for key, value in changed.items() if key not in ("trades", "events")}
    newest = [events[number] for number in sorted(events)][-30:]
    return {**known, **plain, "trades": [trades[number] for number in sorted(trades)], "events": newest}


def test_the_first_event_is_the_whole_overview_and_the_next_ones_what_has_changed(made: MadeConsole) -> None:
    trade = a_trade(made)
    made.tell(a_snapshot(made, trade))
    with made.stream() as stream:
        name, whole = stream.next()
        assert name == "overview"
        Overview.model_validate(whole)
        assert [row["trade_id"] for row in whole["trades"]] == [1]
        made.tell(a_snapshot(made, trade, a_trade(made, 2, commodity="GBPUSD"), bid=1.105))
        changed = stream.until("changes")
        while "trades" not in changed:  # the clock alone may be told before
            changed = stream.until("changes")
    rows = {row["trade_id"]: row for row in changed["trades"]["changed"]}
    assert rows[1]["price"] == 1.105
    assert "stop_price" not in rows[1], "a field that has not changed is not told again"
    assert rows[2]["commodity"] == "GBPUSD"
    assert "mode" not in changed
    Overview.model_validate(merged(whole, changed))


def test_a_row_that_is_gone_is_told_by_its_number(made: MadeConsole) -> None:
    made.tell(a_snapshot(made, a_trade(made)))
    with made.stream() as stream:
        stream.until("overview")
        made.tell(a_snapshot(made))
        changed = stream.until("changes")
        while "trades" not in changed:
            changed = stream.until("changes")
        assert changed["trades"] == {"changed": [], "gone": [1]}
        assert changed["counts"]["open"] == 0


def test_the_changes_added_up_are_the_overview(made: MadeConsole) -> None:
    with made.stream() as stream:
        known = stream.until("overview")
        for step in range(1, 5):
            trades = [a_trade(made, number, commodity=name) for number, name in ((1, "EURUSD"), (2, "GBPUSD"))][
                : step % 3
            ]
            made.ledger.journal.append(JournalEntry(made.now, "alert", f"number {step}", detail={"said": "something"}))
            made.tell(a_snapshot(made, *trades, bid=1.1 + step / 1000))
            while True:
                known = merged(known, stream.until("changes"))
                newest = made.get("/api/overview")
                if [row["trade_id"] for row in known["trades"]] == [trade.trade_id for trade in trades] and {
                    **known,
                    "market_time": "",
                    "trades": [],
                } == {**newest, "market_time": "", "trades": []}:
                    break


def test_what_a_trade_is_worth_comes_from_its_newest_valuation(made: MadeConsole) -> None:
    made.tell(a_snapshot(made, a_trade(made), bid=1.105))
    worth = {"profit": 0.61, "target": 0.4, "stop": 0.3, "expected_value": 0.05}
    made.ledger.journal.append(JournalEntry(made.now, VALUATION, "revalued", "alpha", "EURUSD", 1, detail=worth))
    with made.stream() as stream:
        row = stream.until("overview")["trades"][0]
        assert (row["probability_of_profit"], row["expected_value"]) == (0.61, 0.05)
        assert row["profit"] == pytest.approx(0.005 * 100_000 * 0.1 - 2 * 3.5 * 0.1)
        assert row["to_stop"]["distance"] == pytest.approx(0.015)
        assert row["to_target"]["distance"] == pytest.approx(0.015)
        assert row["progress"] == pytest.approx(0.5)
        better = {**worth, "profit": 0.8}
        made.ledger.journal.append(JournalEntry(made.now, VALUATION, "revalued", "alpha", "EURUSD", 1, detail=better))
        changed = stream.until("changes")
        while "trades" not in changed or "probability_of_profit" not in changed["trades"]["changed"][0]:
            changed = stream.until("changes")
        assert changed["trades"]["changed"][0]["probability_of_profit"] == 0.8


def test_a_process_that_stands_by_shows_what_the_ledger_says(tmp_path: Path) -> None:
    with made_console(tmp_path) as made:
        made.running.stands_by("standing by: crew default is led by other:1")
        with made.stream() as stream:
            whole = stream.until("overview")
    Overview.model_validate(whole)
    assert (whole["leads"], whole["said"]) == (False, "standing by: crew default is led by other:1")
    assert [account["ready"] for account in whole["accounts"]] == [False, False]


def test_nothing_is_built_while_nobody_watches(made: MadeConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    built = threading.Semaphore(0)
    ask = made.system.ask

    def counted(*asked: object, **named: object) -> object:
        built.release()
        return ask(*asked, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(made.system, "ask", counted)
    with made.stream() as stream:
        stream.until("overview")
    assert built.acquire(timeout=DEADLINE_SECONDS)
    deadline = time.monotonic() + DEADLINE_SECONDS
    quiet = False
    while not quiet and time.monotonic() < deadline:
        quiet = not built.acquire(timeout=1.5)  # three pushes long
    assert quiet


def test_there_are_at_most_two_pushes_a_second(made: MadeConsole) -> None:
    with made.stream() as stream:
        stream.until("overview")
        began = time.monotonic()
        for step in range(6):
            made.tell(a_snapshot(made, bid=1.1 + step / 1000))
            stream.until("changes")
        assert time.monotonic() - began > 5 * 0.4


def test_the_answer_is_not_kept_anywhere_on_its_way(made: MadeConsole) -> None:
    with made.stream() as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in stream.headers


def test_the_sixty_fifth_stream_is_refused_and_let_in_when_another_has_gone(made: MadeConsole) -> None:
    streams = [made.stream() for _ in range(MOST_STREAMS)]
    try:
        for stream in streams:
            assert stream.headers["content-type"].startswith("text/event-stream")
        status, said, headers = made.ask("GET", "/api/live", token="read")
        assert (status, said["code"]) == (503, "too_many")
        assert int(headers["retry-after"]) > 0
        streams.pop().close()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            with made.stream() as again:
                _ = again.headers
                if again.status == 200:
                    return
        raise AssertionError("there was no room again")
    finally:
        for stream in streams:
            stream.close()


def test_a_client_that_does_not_read_is_dropped_while_the_others_go_on(
    made: MadeConsole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_stream, "UNREAD_SECONDS", 0.5)
    many = [a_trade(made, number, commodity=name) for number, name in enumerate(made.market.commodities, 1)]
    with made.stream(receive_bytes=4096) as deaf, made.stream() as reader:
        step = 0
        deadline = time.monotonic() + DEADLINE_SECONDS
        while "dropped" not in caplog.text and time.monotonic() < deadline:
            step += 1
            made.ledger.journal.append(
                *(
                    JournalEntry(made.now, "alert", f"long {step} {line} {'x' * 3000}", detail={"said": "y" * 3000})
                    for line in range(30)
                )
            )
            made.tell(a_snapshot(made, *many, bid=1.1 + step / 1000))
            reader.until("changes")
        assert "a live page was dropped: it has read nothing" in caplog.text
        assert deaf.is_cut_off(), "ended in order: then the system keeps for it what it has not read"
        made.tell(a_snapshot(made, bid=1.2))
        reader.until("changes")


def test_a_client_that_was_behind_gets_the_whole_of_the_newest(
    made: MadeConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_stream, "UNREAD_SECONDS", DEADLINE_SECONDS)
    with made.stream(receive_bytes=4096) as slow, made.stream() as reader:
        slow.until("overview")
        for step in range(4):  # each is more than all the buffers hold
            said = {"said": "y" * 9000}
            lines = [JournalEntry(made.now, "alert", f"{step} {line} {'x' * 9000}", detail=said) for line in range(30)]
            made.ledger.journal.append(*lines)
            while "events" not in reader.until("changes"):
                pass
        whole = slow.until("overview")
        Overview.model_validate(whole)


def test_a_rotated_token_ends_the_stream(made: MadeConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "ASKED_AGAIN_SECONDS", 0.2)
    with made.stream() as stream, made.stream(token="trade") as other:
        stream.until("overview")
        other.until("overview")
        TokenFile(console_tokens_file(made.configuration)).rotate([Access.READ])
        assert stream.is_ended()
        other.until("changes")


def test_the_end_of_the_server_ends_the_streams_at_once(tmp_path: Path) -> None:
    with made_console(tmp_path) as made:
        made.lead()
        stream = made.stream()
        stream.until("overview")
        began = time.monotonic()
    assert time.monotonic() - began < 2.0
    with stream:
        assert stream.is_ended()


def test_somebody_is_still_there_where_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "STILL_HERE_SECONDS", 0.3)
    with made_console(tmp_path) as made, made.stream() as stream:  # nobody leads, so not even the time goes on
        stream.until("overview")
        stream.until_comment(": still here")
        assert stream.until("here") == {}


def test_an_overview_with_a_field_too_many_is_no_overview(made: MadeConsole) -> None:
    with pytest.raises(ValidationError):
        Overview.model_validate({**made.get("/api/overview"), "more": 1})


def test_nothing_is_told_where_nothing_has_changed(made: MadeConsole) -> None:
    whole = made.get("/api/overview")
    assert changes(whole, whole) == {}
