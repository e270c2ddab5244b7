"""The real program, scraped from outside: what it counts is what its ledger holds."""

from __future__ import annotations

import http.client
import json
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from processes import DEADLINE_SECONDS, FIFTY_BARS_A_SECOND, Program, run_json
from prometheus_client.parser import text_string_to_metric_families

WITH_CONSOLE = {"CONSOLE__ENABLED": "true", "CONSOLE__PORT": "0"}


def scraped(directory: Path, port: int) -> dict[str, dict[tuple[str, ...], float]]:
    """By name, and the values of the labels in the order of their names."""
    tokens = json.loads((directory / "state" / "console-tokens.json").read_text())
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_SECONDS)) as connection:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {tokens['read']}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_opens_and_closes_are_counted_as_the_ledger_has_them(tmp_path: Path) -> None:
    words = ("serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND)
    with Program(tmp_path, *words, settings=WITH_CONSOLE) as program:
        port = int(program.wait_for(r"the console is at http://127\.0\.0\.1:(\d+)")[1])
        program.wait_for("closing to closed", lines=4)
        running = scraped(tmp_path, port)
        assert running["watchbill_leader"] == running["watchbill_ready"] == {(): 1.0}
        assert sum(running["watchbill_orders_total"].values()) >= 8
        assert set(running["watchbill_scrape_failures_total"].values()) == {0.0}
        program.stop()

    # On the same ledger it stands by for nobody, and at one market second a second nothing more closes soon.
    with Program(tmp_path, "serve", "--no-view", "--speed", "1", settings=WITH_CONSOLE) as program:
        port = int(program.wait_for(r"the console is at http://127\.0\.0\.1:(\d+)")[1])
        program.wait_for("leading crew")
        deadline = time.monotonic() + DEADLINE_SECONDS
        found = scraped(tmp_path, port)
        while "watchbill_account_equity" not in found:
            assert time.monotonic() < deadline
            time.sleep(0.2)
            found = scraped(tmp_path, port)
        trades = run_json(["trades"], tmp_path)["trades"]
        program.stop()

    opened = Counter(trade["platform"] for trade in trades if trade["state"] not in ("submitted", "unknown", "failed"))
    closed = Counter((t["platform"], t["close_reason"]) for t in trades if t["state"] == "closed")
    profit = {name: sum(t["profit"] or 0.0 for t in trades if t["platform"] == name) for name in opened}
    assert found["watchbill_trades_opened_total"] == {(name,): count for name, count in opened.items()}
    assert found["watchbill_trades_closed_total"] == closed
    assert {name: round(sum_, 6) for (name,), sum_ in found["watchbill_realised_profit"].items()} == {
        name: round(sum_, 6) for name, sum_ in profit.items()
    }
    assert found["watchbill_orders_total"]["alpha", "open", "unknown"] == 0.0
