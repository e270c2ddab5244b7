"""The report's page: it holds all it shows, lets nobody in, and keeps its measure."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bars import walk
from made_trades import a_trade

from console.errors import CommandError
from console.markup import Markup, embedded_json, tag
from console.replay_report import replay_page, require_place, write_page
from console.replay_report_data import chosen, packed, thinned
from trading.settings import Settings

CUTS = ("by_commodity", "by_strategy", "by_regime", "by_side", "by_reason", "by_hour")
HOSTILE = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'


def figures(**changes: Any) -> dict[str, Any]:
    row = {"name": HOSTILE, "trades": 1, "win_rate": 1.0, "net_profit": 2.0, "profit_factor": None}
    row |= {"average_hold_seconds": 60.0}
    finding = {"what": HOSTILE, "count": 3, "example": HOSTILE, "left_out": True}
    source = {"name": HOSTILE, "commodity": HOSTILE, "bars": 3, "bar_seconds": 3600, "prices": "mid"}
    return {
        "source": HOSTILE,
        "commodities": [HOSTILE],
        "from": "2024-01-08T00:00:00Z",
        "to": "2024-01-09T00:00:00Z",
        "bars": 24,
        "data": [{**source, "clock": HOSTILE, "spread": HOSTILE, "findings": [finding]}],
        "net_profit": 2.0,
        "trades": 1,
        "open": 0,
        "win_rate": 1.0,
        "profit_factor": None,
        "sharpe": None,
        "maximum_drawdown_fraction": 0.01,
        "average_hold_seconds": 60.0,
        "refusals": {HOSTILE: 4},
        "failed": {HOSTILE: 1},
        "alerts": {HOSTILE: 1},
        "crashed": {HOSTILE: HOSTILE},
        "closes": {HOSTILE: 1},
        "accounts": [{**row, "platform": HOSTILE}],
        **{name: [row] for name in CUTS},
        "costs": {"gross_profit": 3.0, "swap": -0.5, "commission": -0.5},
        **changes,
    }


DRAWN = {"equity": [[0, 1.0]], "trades": [{"account": HOSTILE}], "left_out": 0, "bars": {HOSTILE: {}}}


class Reader(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        self._in_script = name == "script"

    def handle_endtag(self, name: str) -> None:
        self._in_script = False

    def handle_data(self, text: str) -> None:
        if self._in_script:
            self.scripts.append(text)


def test_hostile_names_stay_text_wherever_they_stand() -> None:
    reader = Reader(replay_page(figures(), DRAWN, Settings(), HOSTILE))

    assert [name for name, _ in reader.elements].count("script") == 2
    assert "img" not in {name for name, _ in reader.elements}
    assert json.loads(reader.scripts[0]) == DRAWN
    assert not any(key.startswith("on") for _, attributes in reader.elements for key in attributes)


def test_the_page_allows_its_own_script_and_asks_nobody_for_anything() -> None:
    page = replay_page(figures(), DRAWN, Settings(), "the defaults")
    reader = Reader(page)
    policy = next(a["content"] for name, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy")

    digest = base64.b64encode(hashlib.sha256(reader.scripts[1].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not any({"src", "href"} & set(attributes) for _, attributes in reader.elements)
    assert not re.search(r"@import|url\((?!#)", page)


def test_every_element_that_the_script_asks_for_is_in_the_page() -> None:
    reader = Reader(replay_page(figures(), DRAWN, Settings(), "the defaults"))
    asked = set(re.findall(r'(?:byId|getElementById)\("([^"]+)"\)', reader.scripts[1]))
    assert {"data", "equity", "candles", "more"} <= asked
    assert asked <= {attributes.get("id") for _, attributes in reader.elements}


def test_the_page_shows_the_settings_without_their_secrets() -> None:
    settings = Settings.model_validate({"database_url": "postgresql+psycopg://me:hunter2@host/ledger"})
    page = replay_page(figures(), DRAWN, settings, "the defaults")
    assert "hunter2" not in page
    assert "risk_per_trade_fraction" in page


def test_a_replay_without_trades_has_a_page_too() -> None:
    nothing: dict[str, list[Any]] = {name: [] for name in CUTS}
    empty = figures(trades=0, closes={}, refusals={}, failed={}, alerts={}, win_rate=None, **nothing)
    assert "Nothing." in replay_page(empty, {"equity": [], "trades": [], "left_out": 0, "bars": {}}, Settings(), "x")


@given(
    st.recursive(
        st.text() | st.none() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_embedded_data_cannot_end_its_element(data: object) -> None:
    text = embedded_json(data)
    assert "<" not in text
    assert json.loads(text) == data


def test_what_is_not_markup_is_escaped_in_text_and_in_attributes() -> None:
    made = tag("p", "a < b", tag("b", "&"), [Markup("<i></i>"), "<u>"], class_='"x"', hidden=True, open=False)
    assert made == '<p class="&quot;x&quot;" hidden>a &lt; b<b>&amp;</b><i></i>&lt;u&gt;</p>'


def test_the_page_has_a_picture_for_each_claim_so_that_none_is_cut_off() -> None:
    interval = {"low": 0.4, "high": 0.6}
    reliability = [{"low": 0.4, "high": 0.5, "claimed": 0.45, "happened": 0.5, "count": 9, "interval": interval}]
    claim = {"count": 9, "trades": 3, "calibration_error": 0.05, "reliability": reliability}
    found = {"claims": dict.fromkeys(("target", "stop", "profit"), claim)}
    page = replay_page(figures(calibration=found), DRAWN, Settings(), "the defaults")
    widths = [float(str(a["width"])) for name, a in Reader(page).elements if name == "svg"]
    assert len(widths) == 3
    assert max(widths) < 450


def test_names_of_files_may_break_so_that_the_page_never_scrolls_sideways() -> None:
    found = figures()
    name = "a_recording_with_a_very_long_name.parquet"
    found["data"] = [{**found["data"][0], "name": name}]
    assert f'<td class="text">{name}</td>' in replay_page(found, DRAWN, Settings(), "the defaults")


# ------------------------------------------------------------ data


def test_packed_bars_can_be_unpacked_to_a_tenth_of_a_point() -> None:
    bars = walk(500)
    data = packed(bars, 5)
    at, close, found = data["start"], 0, []
    for step, opened_by, closed_by, high, low in zip(
        *(data[name] for name in ("step", "open", "close", "high", "low")), strict=True
    ):
        at += step * data["seconds"]
        opened_at = close + opened_by
        close = opened_at + closed_by
        prices = (opened_at, max(opened_at, close) + high, min(opened_at, close) - low, close)
        found.append((at * 1_000, *(price / data["scale"] for price in prices)))
    times, *prices_found = zip(*found, strict=True)
    assert list(times) == bars.time.tolist()
    for column, name in zip(prices_found, ("open", "high", "low", "close"), strict=True):
        assert np.allclose(column, getattr(bars, name), atol=0.6e-6)


def test_thinned_equity_keeps_its_ends_its_lowest_and_its_highest() -> None:
    rng = np.random.default_rng(3)
    points = [(n * 1_000, float(value)) for n, value in enumerate(np.cumsum(rng.normal(0, 1, 20_000)).round(2))]
    kept = thinned(points, 1_000)

    assert len(kept) <= 1_002
    assert (kept[0], kept[-1]) == ([0, points[0][1]], [19_999, points[-1][1]])
    assert min(value for _, value in kept) == min(value for _, value in points)
    assert max(value for _, value in kept) == max(value for _, value in points)
    assert thinned(points[:500], 1_000) == [[at // 1_000, value] for at, value in points[:500]]


def test_of_too_many_trades_the_best_and_the_worst_stay() -> None:
    trades = [a_trade(trade_id=n, profit=float((n * 37) % 101)) for n in range(1, 102)]
    kept = chosen(trades, 30)

    profits = sorted(trade.profit or 0.0 for trade in trades)
    assert len(kept) == 30
    assert {*profits[:10], *profits[-10:]} <= {trade.profit for trade in kept}
    assert [trade.trade_id for trade in kept] == sorted(trade.trade_id for trade in kept)
    assert chosen(trades, 200) == trades


# ------------------------------------------------------------ where it goes


def test_a_place_that_cannot_hold_a_page_is_refused_before_the_replay(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"--report is page.pdf; expected a name that ends in \.html"):
        require_place(Path("page.pdf"))
    with pytest.raises(CommandError, match="there is no directory"):
        require_place(tmp_path / "nowhere" / "page.html")
    (tmp_path / "page.html").mkdir()
    with pytest.raises(CommandError, match="cannot be written"):
        write_page(tmp_path / "page.html", "")
