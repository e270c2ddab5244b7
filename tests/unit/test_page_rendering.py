"""The pages as text: what strangers write stays text, two hundred trades stay small, figures are for people."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from console.shown_settings import HIDDEN, settings_data
from console.web import static_files
from console.web.callers import Access, Caller
from console.web.page_figures import FILTERS
from console.web.page_head import Head
from console.web.pages_overview import BLANK_TRADE, exposures, tiles
from console.web.rendering import TEMPLATES, templates

HOSTILE = "<script>alert('x')</script>\"'"
MOST_BYTES = 300_000
MOST_BYTES_SENT = 60_000


def overview(trades: int = 0, **values: Any) -> dict[str, Any]:
    """An overview of one account."""
    row = {
        **BLANK_TRADE,
        "platform": "alpha",
        "commodity": "EURUSD",
        "volume_lots": 0.11,
        "strategy": "momentum",
        "currency": "USD",
        "entry_price": 1.17107,
        "price": 1.1750,
        "stop_price": 1.16973,
        "target_price": 1.1890,
        "profit": -44.0,
        "probability_of_profit": 0.62,
        "expected_value": 0.213,
        "expected_gain": 18.55,
        "one_sigma": 87.1,
        "closes_in_seconds": 40_000,
        "checked_seconds_ago": 3,
    }
    account = {
        "name": "alpha",
        "currency": "USD",
        "balance": 10_000.0,
        "equity": 9_956.0,
        "open_risk": 96.03,
        "exposure": {"commodities": [], "groups": []},
        "external": 0,
        "ready": True,
        "reason": "",
        "paused": False,
        "held_back": [],
        "stale_seconds": None,
    }
    return {
        "market_time": "2017-08-09T14:20:00Z",
        "speed": 3600.0,
        "source": "recorded hours",
        "market_open": True,
        "leads": True,
        "said": "leading",
        "mode": {"mode": "trading", "causes": [], "paused": []},
        "counts": {"open": trades, "opened": trades, "closed": 0, "refused": 7, "external": 0},
        "realised_profit": {"USD": 127.28},
        "realised_today": {"USD": -12.5},
        "accounts": [account],
        "trades": [{**row, "trade_id": number} for number in range(1, trades + 1)],
        "events": [],
        "alerts": [],
        **values,
    }


def drawn(shown: dict[str, Any], access: Access = Access.TRADE) -> str:
    """The page of the overview."""
    head = Head("default", Caller(access, "browser", True), shown, "", ["alpha"], ["EURUSD"])
    return (
        templates()
        .get_template("overview.html")
        .render(
            head=head,
            path="/",
            tiles=tiles(shown),
            exposures=exposures(shown),
            equity_lines={},
            next_closes=[],
            closings_fault="",
            blank_trade=BLANK_TRADE,
        )
    )


def test_a_page_of_two_hundred_trades_is_below_300_kb_and_is_sent_with_all_its_files_in_60() -> None:
    page = drawn(overview(200))
    sent = re.findall(r'"/static/([a-z_.]+)\?', page)
    files = [file for name in set(sent) if (file := static_files.file_named(name)) is not None]
    assert len(files) >= 6
    assert len(page.encode()) < MOST_BYTES
    assert (
        len(gzip.compress(page.encode(), 5)) + sum(len(file.packed or file.plain) for file in files) < MOST_BYTES_SENT
    )


def test_whatever_a_stranger_has_written_is_text_on_the_page() -> None:
    cause = {
        "mode": "paused", "opens": False, "guards": True, "cause": "operator", "reason": HOSTILE, "by": HOSTILE,
        "since": "2017-08-09T14:20:00Z", "lifted_by": HOSTILE,
    }  # fmt: skip
    scope = {"platform": HOSTILE, "commodity": None, "reason": HOSTILE, "by": HOSTILE, "since": HOSTILE}
    line = {"id": 1, "at": HOSTILE, "kind": HOSTILE, "about": HOSTILE, "text": HOSTILE, "repeated": 1, "trade_id": None}
    alert = {"key": "k", "at": HOSTILE, "about": HOSTILE, "said": HOSTILE}
    shown = overview(
        1, said=HOSTILE, leads=False, mode={"causes": [cause], "paused": [scope]}, events=[line], alerts=[alert]
    )
    shown["trades"][0].update(commodity=HOSTILE, platform=HOSTILE, strategy=HOSTILE)
    page = drawn(shown)
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") >= 10


def test_no_page_has_a_script_or_a_style_within_itself() -> None:
    for template in TEMPLATES.glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), template.name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), template.name


def test_a_reader_is_given_no_command() -> None:
    page = drawn(overview(3), Access.READ)
    assert "data-command" not in page
    assert "halt-dialog" not in page
    assert "signed in to read" in page


def test_every_static_file_that_a_page_names_is_there_and_named_by_its_contents() -> None:
    address = static_files.address_of("watchbill.css")
    assert re.fullmatch(r"/static/watchbill\.css\?v=[0-9a-f]{12}", address)
    with pytest.raises(KeyError):
        static_files.address_of("../pages.py")
    assert static_files.file_named("../pages.py") is None


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("money", 12.3, "+12.30"),
        ("money", None, "-"),
        ("money", float("nan"), "-"),
        ("sign", -0.001, "even"),
        ("sign", -1.0, "loss"),
        ("span", 90_000, "1 d 1 h"),
        ("age", 3, "3 s ago"),
        ("moment", "2017-08-09T14:20:07Z", '<time datetime="2017-08-09T14:20:07Z">2017-08-09 14:20:07</time>'),
        ("moment", "soon", "-"),
        ("way", {"price": 1.5, "stop_price": 1.0, "target_price": 2.0}, 50.0),
        ("way", {"price": 1.5, "stop_price": 2.0, "target_price": 1.0}, 50.0),
        ("way", {"price": 9.0, "stop_price": 1.0, "target_price": 2.0}, 100.0),
        ("way", {"price": 1.5, "stop_price": 1.0, "target_price": None}, None),
    ],
)
def test_figures_are_written_for_people(name: str, value: Any, written: Any) -> None:
    assert FILTERS[name](value) == written


def test_settings_show_what_differs_from_the_default_and_no_secret(tmp_path: Any, monkeypatch: Any) -> None:
    from console.configuration import load

    monkeypatch.setenv("WATCHBILL__RISK__RISK_PER_TRADE_FRACTION", "0.007")
    monkeypatch.setenv("WATCHBILL__ACCOUNTS__0__PASSWORD", "very-secret")
    monkeypatch.setenv("WATCHBILL__DATABASE_URL", "postgresql://me:hush@db/ledger")
    monkeypatch.chdir(tmp_path)
    shown = settings_data(load())
    settings = {setting["name"]: setting for group in shown["groups"] for setting in group["settings"]}
    assert settings["risk.risk_per_trade_fraction"]["value"] == "0.007"
    assert settings["risk.risk_per_trade_fraction"]["is_changed"]
    assert not settings["crew"]["is_changed"]
    assert settings["accounts[alpha].password"]["value"] == HIDDEN
    assert "very-secret" not in str(shown)
    assert "hush" not in str(shown)
