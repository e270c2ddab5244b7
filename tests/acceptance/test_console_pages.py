"""The pages in a headless Chromium, against the real program: that they are shown, live, and can stop it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
from made_browser import DESK, PHONE, Watched, chromium, needs_chromium, signed_in
from playwright.sync_api import Browser, Page, Route, expect
from processes import Program

pytestmark = needs_chromium

Scheme: TypeAlias = Literal["light", "dark"]

A_BAR_A_SECOND, TWENTY_BARS_A_SECOND = "3600", "72000"
PAGES = ("/", "/trades", "/decisions", "/closings", "/journal", "/health", "/settings", "/trades/1")
SMALLER = {"/journal": "/journal?kind=transition&trade=1"}  # for axe
LOOKS: tuple[tuple[Scheme, tuple[int, int]], ...] = (
    ("light", DESK),
    ("dark", (360, 740)),
    ("dark", DESK),
    ("light", PHONE),
)
PRICE = re.compile(r"^\d\.\d{5}$")  # as EURUSD has them
LONGEST_MILLISECONDS = 90_000  # until a trade comes, or goes
HOSTILE = "<img src=x onerror=alert(1)>"
NOTE_VIOLATIONS = """
    document.addEventListener("securitypolicyviolation",
        (event) => console.error(`policy: ${event.violatedDirective}`));
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running program, and how a browser gets in."""

    address: str
    trade: str
    read: str
    browser: Browser
    cookies: Any  # of one that has signed in to trade

    def page(self, first: str = "/", **options: Any) -> AbstractContextManager[Watched]:
        """A page that may give commands, without the detour by the page to sign in."""
        return signed_in(self.browser, self.address, self.trade, first=first, storage_state=self.cookies, **options)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@contextmanager
def serving(browser: Browser, directory: Path, speed: str) -> Iterator[Served]:
    """The default program, with its first trade."""
    settings = {"CONSOLE__ENABLED": "true", "CONSOLE__PORT": "0"}
    with Program(directory, "serve", "--no-view", "--speed", speed, settings=settings) as program:
        address = program.wait_for(r"the console is at (http://127\.0\.0\.1:\d+)").group(1)
        program.wait_for("trade_id 1")
        tokens = json.loads((directory / "state/console-tokens.json").read_text())
        with signed_in(browser, address, tokens["trade"]) as watched:
            cookies = watched.page.context.storage_state()
        yield Served(address, tokens["trade"], tokens["read"], browser, cookies)


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(browser, tmp_path_factory.mktemp("pages"), A_BAR_A_SECOND) as program:
        yield program


@pytest.fixture
def quick(browser: Browser, tmp_path: Path) -> Iterator[Served]:
    """One whose trades come and go while one looks on; it costs the machine more."""
    with serving(browser, tmp_path, TWENTY_BARS_A_SECOND) as program:
        yield program


@pytest.fixture(scope="module")
def shared(served: Served) -> Iterator[Watched]:
    with served.page() as page:
        yield page


@pytest.fixture
def watched(shared: Watched) -> Watched:
    """A page that may give commands, at the overview. One for all tests: a new one takes a process of the browser's."""
    shared.faults.clear()
    shared.requests.clear()
    shared.go("/")
    return shared


def look_at(served: Served, paths: Sequence[str], scheme: Scheme, size: tuple[int, int]) -> None:
    """Nothing is wrong with these pages, in these colours and of this size."""
    with served.page(paths[0], scheme=scheme, size=size) as watched:
        watched.page.add_init_script(NOTE_VIOLATIONS)
        for path in paths:
            assert watched.go(SMALLER.get(path, path)).status == 200, path
            expect(watched.page.locator("[data-live-state]")).to_have_attribute("data-is", "live")
            assert not watched.is_too_wide(), path
            if path == "/settings":
                watched.page.get_by_label("Search").fill("risk")  # axe looks at every element that is shown
            assert watched.axe() == [], path
        assert watched.faults == []


@pytest.mark.parametrize("look", range(len(LOOKS)))
def test_every_page_is_shown_without_a_fault(served: Served, look: int) -> None:
    look_at(served, PAGES[look :: len(LOOKS)], *LOOKS[look])


@pytest.mark.soak
@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_every_page_is_shown_without_a_fault_in_all_colours_and_sizes(
    served: Served, scheme: Scheme, size: tuple[int, int]
) -> None:
    look_at(served, PAGES, scheme, size)


def test_a_page_that_is_not_there_and_a_wrong_address_are_told_on_a_page(served: Served) -> None:
    with served.page() as watched:
        for path, status, said in (
            ("/nothing", 404, "There is no page /nothing."),
            ("/trades/987654", 404, "987654"),
            ("/journal?before=never", 400, "before is 'never'"),
            ("/journal?trade=x", 400, "trade is 'x'"),
        ):
            assert watched.go(path).status == status
            expect(watched.page.locator("main")).to_contain_text(said)
        assert watched.axe() == []


def test_the_sign_in_page_is_shown_to_anybody(served: Served) -> None:
    with signed_in(served.browser, served.address, None) as watched:
        watched.go("/")
        expect(watched.page.get_by_role("heading", name="Sign in")).to_be_visible()
        assert watched.axe() == []
        assert watched.faults == []


def test_two_clicks_halt_the_crew_and_two_lift_it(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("button", name="Halt…").click()
    expect(page.locator("#halt-dialog")).to_contain_text("nothing is guarded")
    page.get_by_role("button", name="Halt now").click()
    expect(page.locator("#halt-dialog [data-outcome]")).to_have_attribute("data-is", "done")
    page.keyboard.press("Escape")
    banner = page.locator("[data-banners]")
    expect(banner).to_contain_text("opens nothing and guards nothing")
    expect(banner).to_contain_text("Set by browser")
    assert watched.axe() == []
    watched.go("/health")
    page.get_by_role("button", name="Lift the halt").click()
    page.locator("#command-dialog [data-confirm]").click()
    expect(banner).not_to_contain_text("guards nothing")
    assert watched.faults == []


def test_the_keyboard_alone_halts_and_lifts(watched: Watched) -> None:
    page = watched.page
    page.keyboard.press("Shift+H")
    expect(page.get_by_role("button", name="Halt now")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#halt-dialog [data-outcome]")).to_have_attribute("data-is", "done")
    page.keyboard.press("Escape")
    lift = page.get_by_role("button", name="Lift the halt")
    expect(lift).to_be_visible()
    for _ in range(60):
        page.keyboard.press("Tab")
        if lift.evaluate("(button) => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#command-dialog [data-confirm]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#command-dialog [data-outcome]")).to_have_attribute("data-is", "done")
    page.keyboard.press("Escape")
    expect(page.locator("[data-banners]")).not_to_contain_text("guards nothing")
    assert watched.faults == []


def test_escape_leaves_everything_as_it_was(watched: Watched) -> None:
    page = watched.page
    page.keyboard.press("Shift+H")
    expect(page.locator("#halt-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#halt-dialog")).to_be_hidden()
    assert not [asked for asked in watched.requests if "/api/commands/" in asked]
    assert watched.faults == []


def test_a_pause_of_one_commodity_says_who_set_it_and_shows_any_reason_as_text(watched: Watched) -> None:
    page = watched.page
    page.get_by_role("button", name="Pause…").click()
    page.get_by_label("Commodity").last.select_option("EURUSD")
    page.locator("#pause-dialog input[name=reason]").fill(HOSTILE)
    page.locator("#pause-dialog [data-confirm]").click()
    expect(page.locator("#pause-dialog [data-outcome]")).to_have_attribute("data-is", "done")
    page.keyboard.press("Escape")
    banner = page.locator("[data-banners]")
    expect(banner).to_contain_text("Paused: EURUSD")
    expect(banner).to_contain_text(HOSTILE)
    watched.go("/journal")  # drawn by the server
    expect(banner).to_contain_text(HOSTILE)
    page.get_by_role("button", name="Resume EURUSD").click()
    page.locator("#command-dialog [data-confirm]").click()
    expect(banner).not_to_contain_text("Paused")
    assert watched.faults == []


def test_an_answer_that_is_lost_is_looked_for_under_the_same_id(served: Served) -> None:
    with served.page() as watched:
        page = watched.page
        asked: list[str] = []

        def lose(route: Route) -> None:
            asked.append(str(json.loads(route.request.post_data or "{}")["request_id"]))
            route.fetch()  # it arrives, and is done
            route.abort()  # and nobody here learns of it

        page.route("**/api/commands/pause", lose)
        page.get_by_role("button", name="Pause…").click()
        page.get_by_label("Account").last.select_option("beta")
        page.locator("#pause-dialog [data-confirm]").click()
        expect(page.locator("#pause-dialog [data-outcome]")).to_have_attribute("data-is", "done")
        assert len(asked) == 1
        assert [url for url in watched.requests if url.endswith(f"/api/commands/{asked[0]}")]
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Resume beta").click()
        page.locator("#command-dialog [data-confirm]").click()
        expect(page.locator("[data-banners]")).not_to_contain_text("Paused")


def test_a_command_is_followed_though_its_dialog_is_shut_and_its_page_left(served: Served) -> None:
    outcome: dict[str, Any] = {
        "command": "pause_opening",
        "detail": {},
        "by": "browser",
        "at": None,
        "is_repeated": False,
    }
    state, said = "unresolved", "unknown"

    def answer(route: Route) -> None:
        told = {**outcome, "request_id": "made-up-0001", "state": state, "said": said}
        route.fulfill(status=202 if state == "unresolved" and route.request.method == "POST" else 200, json=told)

    with served.page("/settings") as watched:
        page = watched.page
        page.context.route("**/api/commands/*", answer)
        page.get_by_role("button", name="Pause…").click()
        page.locator("#pause-dialog [data-confirm]").click()
        expect(page.locator("#pause-dialog [data-outcome]")).to_contain_text("Unknown, being resolved.")
        asked = page.locator("[data-asked]")
        expect(asked).to_be_empty()
        page.keyboard.press("Escape")
        expect(asked).to_contain_text("Pause opening: … Unknown, being resolved.")
        page.get_by_role("button", name="Pause…").click()  # another one may be given meanwhile
        expect(page.locator("#pause-dialog [data-outcome]")).to_be_empty()
        page.keyboard.press("Escape")
        watched.go("/closings")
        expect(asked).to_contain_text("Pause opening: … Unknown, being resolved.")
        state, said = "done", "opening is paused"
        expect(asked).to_contain_text("✓ Done: opening is paused")
        asked.get_by_role("button", name="Dismiss").click()
        expect(asked).to_be_empty()
        watched.go("/closings")
        expect(watched.page.locator("[data-live-state]")).to_have_attribute("data-is", "live")
        expect(asked).to_be_empty()
        assert watched.faults == []


def test_a_reader_sees_everything_and_no_command(served: Served) -> None:
    with signed_in(served.browser, served.address, served.read) as watched:
        expect(watched.page.get_by_text("You are signed in to read.")).to_be_visible()
        for name in ("Halt…", "Pause…", "Close all…", "Close…"):
            expect(watched.page.get_by_role("button", name=name)).to_have_count(0)
        expect(watched.page.locator("[data-live-state]")).to_have_attribute("data-is", "live")
        assert watched.faults == []


def test_without_scripts_the_pages_still_show_everything(served: Served) -> None:
    with served.page(java_script_enabled=False) as watched:
        expect(watched.page.get_by_role("heading", name="Open trades")).to_be_visible()
        expect(watched.page.get_by_text("Without scripts this page shows everything")).to_be_visible()
        expect(watched.page.get_by_role("button", name="Halt…")).to_have_count(0)
        for path in PAGES:
            assert watched.go(path).status == 200
            expect(watched.page.locator("main h1")).to_have_count(1)


def test_the_colours_are_chosen_and_remembered(watched: Watched) -> None:
    page = watched.page
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    toggle = page.locator("[data-theme-toggle]")
    toggle.click()
    toggle.click()
    expect(toggle).to_have_attribute("title", "Colours: dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    watched.go("/settings")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    toggle.click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == before
    assert watched.faults == []


def test_a_lost_connection_is_said_and_found_again(served: Served) -> None:
    with served.page() as watched:
        state = watched.page.locator("[data-live-state]")
        expect(state).to_have_attribute("data-is", "live")
        watched.page.route("**/api/live", lambda route: route.abort())
        watched.page.evaluate("dispatchEvent(new Event('pagehide'))")
        watched.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        expect(state).to_have_text("reconnecting")
        watched.page.unroute("**/api/live")
        expect(state).to_have_text("live")


def test_settings_are_searched_and_show_no_secret(watched: Watched) -> None:
    page = watched.page
    watched.go("/settings")
    page.get_by_label("Search").fill("risk_per_trade")
    expect(page.locator("[data-setting]:visible")).to_have_count(1)
    page.get_by_label("Search").fill("no such words")
    expect(page.get_by_text("No setting has these words.")).to_be_visible()
    assert watched.faults == []


def test_the_journal_is_searched_and_its_numbers_are_unfolded(watched: Watched) -> None:
    page = watched.page
    watched.go("/journal?kind=transition&trade=1")
    line = page.locator(".journal summary").first
    expect(line).to_contain_text("transition")
    line.click()
    expect(page.locator(".journal pre").first).to_be_visible()
    expect(page.get_by_role("link", name="trade 1").first).to_be_visible()
    assert watched.faults == []


def test_trades_come_and_go_on_the_page_by_themselves_and_are_closed_from_their_rows(quick: Served) -> None:
    with quick.page() as watched:
        come_and_go(watched.page)
        assert watched.faults == []
        close_from_its_row(watched)


def come_and_go(page: Page) -> None:
    """A trade ends, and another begins, while the page is looked at."""
    loaded = page.evaluate("performance.timeOrigin")
    rows = page.locator("[data-trades] tr")
    rows.first.wait_for(timeout=LONGEST_MILLISECONDS)
    first = rows.first.get_attribute("data-trade")
    expect(page.locator(f"[data-trades] tr[data-trade='{first}']")).to_have_count(0, timeout=LONGEST_MILLISECONDS)
    told = page.locator(f"[data-trades] tr:not([data-trade='{first}'])").first
    told.wait_for(timeout=LONGEST_MILLISECONDS)
    assert int(told.get_attribute("data-trade") or 0) > int(first or 0)
    expect(told.locator("[data-k=price]")).to_have_text(PRICE)
    expect(told.get_by_role("button", name="Close")).to_be_visible()
    assert page.evaluate("performance.timeOrigin") == loaded, "the page was loaded again"


def close_from_its_row(watched: Watched) -> None:
    """Close the first trade that is there."""
    page = watched.page
    row = page.locator("[data-trades] tr").first
    row.wait_for(timeout=LONGEST_MILLISECONDS)
    number = row.get_attribute("data-trade")
    row.get_by_role("button", name="Close").click()
    dialog = page.locator("#command-dialog")
    expect(dialog).to_contain_text(f"(trade {number})")
    dialog.locator("[data-confirm]").click()
    expect(dialog.locator("[data-outcome]")).not_to_have_attribute("data-is", "unresolved")
    page.keyboard.press("Escape")
    expect(page.locator(f"[data-trades] tr[data-trade='{number}']")).to_have_count(0)
    # At this speed a rule may have been quicker: then the command is refused, and the page says that.
    assert all("409" in fault for fault in watched.faults)
