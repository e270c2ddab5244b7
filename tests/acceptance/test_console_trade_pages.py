"""The pages that explain, in a browser: the chart is drawn, follows the trade, and anybody can read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from made_browser import DESK, PHONE, Watched, chromium, needs_chromium, signed_in
from made_console import MadeConsole, made_console
from made_life import Life
from playwright.sync_api import Browser, expect
from processes import FIFTY_BARS_A_SECOND, Program

pytestmark = needs_chromium

LOOKS: tuple[tuple[Literal["light", "dark"], tuple[int, int]], ...] = (
    ("dark", DESK),
    ("light", PHONE),
    ("light", DESK),
)
INK = """place => [...place.querySelectorAll("canvas")].map(canvas => {
  const { width, height } = canvas;
  if (!width || !height) return 0;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4) if (data[at + 3]) colours.add(data.slice(at, at + 3).join());
  return colours.size;
})"""
"""How many colours each canvas of the chart has."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def made(tmp_path: Path) -> Iterator[MadeConsole]:
    with made_console(tmp_path) as console:
        console.lead()
        yield console


def address(made: MadeConsole) -> str:
    return f"http://127.0.0.1:{made.port}"


def drawn(watched: Watched, times: int = 1) -> None:
    """Wait until the chart was drawn so many times."""
    expect(watched.page.locator("[data-chart]")).to_have_attribute("data-drawn", re.compile(rf"^([{times}-9]|\d\d+)$"))
    watched.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def colours(watched: Watched) -> int:
    """The colours of the most colourful canvas."""
    return max(int(found) for found in watched.page.locator("[data-chart]").evaluate(INK))


def test_the_chart_of_an_open_trade_is_drawn_without_a_word_of_complaint(browser: Browser, made: MadeConsole) -> None:
    life = Life(made)
    life.bars()
    trade = life.adjust(life.open(), 1.0975, after_hours=3)
    life.value(trade)
    life.show(trade)
    with signed_in(browser, address(made), made.token("trade")) as watched:
        answer = watched.go(f"/trades/{trade.trade_id}")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        drawn(watched)
        assert watched.page.locator("[data-chart]").get_attribute("data-bars") == "90"
        assert colours(watched) > 5  # candles, levels, marks
        expect(watched.page.locator("[data-live=price]")).to_have_text("1.10300")
        watched.page.click("text=Closer")
        watched.page.click("text=Whole trade")
        trade = life.adjust(trade, 1.098, after_hours=5)
        life.show(trade)
        expect(watched.page.locator("[data-part=tiles]")).to_contain_text("1.09800")
        watched.page.locator("[data-part=heading] [data-command=close]").click()  # the button outlives the redrawing
        expect(watched.page.locator("dialog[open]")).to_contain_text("EURUSD")
        assert watched.faults == []


def test_a_stop_that_is_adjusted_moves_on_the_page_that_is_being_looked_at(browser: Browser, made: MadeConsole) -> None:
    life = Life(made)
    life.bars()
    trade = life.open()
    life.show(trade)
    with signed_in(browser, address(made), made.token("read")) as watched:
        watched.go(f"/trades/{trade.trade_id}")
        drawn(watched)
        expect(watched.page.locator("[data-live=price]")).to_have_text("1.10300")
        expect(watched.page.locator("[data-part=adjustments]")).to_contain_text("Nothing was adjusted")
        trade = life.adjust(trade, 1.0985, after_hours=4)
        life.show(trade, bid=1.105)
        adjustments = watched.page.locator("[data-part=adjustments]")
        expect(adjustments).to_contain_text("1.09500 → 1.09850")
        expect(watched.page.locator("[data-part=tiles]")).to_contain_text("1.09850")
        expect(watched.page.locator("[data-live=price]")).to_have_text("1.10500")
        drawn(watched, times=2)
        life.close(trade)
        life.show_nothing()
        expect(watched.page.locator("[data-part=heading]")).to_contain_text("closed")
        expect(watched.page.locator("[data-part=tiles]")).to_contain_text("-153.00")
        assert watched.faults == []


def look_at(browser: Browser, made: MadeConsole, look: int, paths: slice) -> None:
    """Nothing is wrong with these pages, in these colours and of this size."""
    life = Life(made)
    life.bars()
    trade = life.adjust(life.open(), 1.0975, after_hours=3)
    life.value(trade)
    made.ledger.journal.append(life.decide("refused:confidence", passed=False))
    refused = made.ledger.journal.list(kind="decision", limit=1)[0]
    scheme, size = LOOKS[look]
    with signed_in(browser, address(made), made.token("trade"), scheme=scheme, size=size) as watched:
        for path in (f"/trades/{trade.trade_id}", "/trades", f"/decisions/{refused.id}", "/decisions")[paths]:
            watched.go(path)
            if "/trades/" in path:
                drawn(watched)
                for summary in watched.page.locator("details.as-table > summary").all():
                    summary.click()
            assert watched.axe() == []
            assert not watched.is_too_wide(), path
        assert watched.faults == []


@pytest.mark.parametrize("look", range(2))
def test_whoever_needs_contrast_a_keyboard_or_a_narrow_screen_can_read_it(
    browser: Browser, made: MadeConsole, look: int
) -> None:
    look_at(browser, made, look, slice(look, None, 2))


@pytest.mark.soak
@pytest.mark.parametrize("look", range(len(LOOKS)))
def test_whoever_needs_any_of_them_can_read_every_page(browser: Browser, made: MadeConsole, look: int) -> None:
    look_at(browser, made, look, slice(None))


def test_the_chart_takes_the_colours_of_the_theme(browser: Browser, made: MadeConsole) -> None:
    life = Life(made)
    life.bars()
    trade = life.open()
    with signed_in(browser, address(made), made.token("read")) as watched:
        watched.go(f"/trades/{trade.trade_id}")
        drawn(watched)
        light = watched.page.locator("[data-chart]").screenshot()
        watched.page.emulate_media(color_scheme="dark")
        drawn(watched, times=2)
        assert watched.page.locator("[data-chart]").screenshot() != light
        assert watched.faults == []


def test_a_trade_without_bars_shows_its_levels_and_says_why(browser: Browser, made: MadeConsole) -> None:
    life = Life(made)
    trade = life.close(life.adjust(life.open(), 1.0975, after_hours=3))
    with signed_in(browser, address(made), made.token("read")) as watched:
        watched.go(f"/trades/{trade.trade_id}")
        drawn(watched)
        expect(watched.page.locator("[data-chart-said]")).to_have_text("No bar of EURUSD on alpha has come yet.")
        assert colours(watched) > 2
        assert watched.faults == []


def test_without_scripts_everything_but_the_drawing_is_there(browser: Browser, made: MadeConsole) -> None:
    life = Life(made)
    trade = life.adjust(life.open(), 1.0975, after_hours=3)
    headers = {"Authorization": f"Bearer {made.token('read')}"}
    asking = signed_in(browser, address(made), None, java_script_enabled=False, extra_http_headers=headers)
    with asking as watched:
        watched.go(f"/trades/{trade.trade_id}")
        page = watched.page
        expect(page.locator("main noscript p")).to_be_visible()
        page.click("details.as-table >> nth=0 >> summary")
        expect(page.locator("[data-part=levels]")).to_contain_text("1.09750")
        expect(page.locator("[data-part=adjustments]")).to_contain_text("the price has moved on")
        page.get_by_role("link", name="Decisions", exact=True).click()
        expect(page.locator("main")).to_contain_text("told alpha to open")


def test_the_default_program_draws_the_trades_that_it_makes(browser: Browser, tmp_path: Path) -> None:
    settings = {"CONSOLE__ENABLED": "true", "CONSOLE__PORT": "0"}
    with Program(tmp_path, "serve", "--no-view", "--speed", FIFTY_BARS_A_SECOND, settings=settings) as program:
        place = program.wait_for(r"the console is at (http://127\.0\.0\.1:\d+)").group(1)
        trade_id = program.wait_for(r"closing to closed.*\(trade_id (\d+)\)").group(1)
        token = json.loads((tmp_path / "state" / "console-tokens.json").read_text(encoding="utf-8"))["trade"]
        with signed_in(browser, place, token) as watched:
            watched.go(f"/trades/{trade_id}")
            drawn(watched)
            assert int(watched.page.locator("[data-chart]").get_attribute("data-bars") or 0) > 60
            assert colours(watched) > 5
            watched.page.get_by_role("link", name="Decisions", exact=True).click()
            watched.page.locator("svg.strip").first.wait_for()
            assert watched.faults == []
