"""Who the console lets in: by which name, with what, from which page."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_door import HOST, ORIGIN, PORT, Door
from pydantic import ValidationError

from console.web import keeper as keepers
from console.web.access_tokens import TokenFile
from console.web.answers import POLICY
from console.web.callers import Access, Caller
from console.web.guard import LONGEST_BODY_BYTES, MOST_STREAMS
from console.web.hosts import hosts_of
from console.web.wrong_tokens import MOST_ADDRESSES, MOST_WRONG, WINDOW_SECONDS, WrongTokens
from trading.settings_console import ConsoleSettings


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "DELAY_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("method", "path", "access", "status"),
    [
        ("GET", "/api/status", None, 401),
        ("POST", "/api/commands/pause", None, 401),
        ("GET", "/metrics", None, 401),
        ("GET", "/", None, 303),
        ("GET", "/trades/7", None, 303),
        ("GET", "/healthz", None, 200),
        ("GET", "/readyz", None, 200),
        ("GET", "/sign-in", None, 200),
        ("POST", "/sign-in", None, 200),
        ("GET", "/static/page.js", None, 200),
        ("GET", "/api/status", Access.READ, 200),
        ("GET", "/", Access.READ, 200),
        ("POST", "/api/commands/pause", Access.READ, 403),
        ("POST", "/api/commands/analyses", Access.READ, 403),
        ("GET", "/api/commands/12345678", Access.READ, 200),
        ("POST", "/api/commands/pause", Access.TRADE, 200),
        ("POST", "/api/commands/analyses", Access.TRADE, 200),
        ("POST", "/api/commands/analyses", Access.SIGNAL, 200),
        ("POST", "/api/commands/pause", Access.SIGNAL, 403),
        ("GET", "/api/status", Access.SIGNAL, 403),
        ("GET", "/api/commands/analyses", Access.SIGNAL, 403),
        ("GET", "/", Access.SIGNAL, 403),
    ],
)
def test_each_token_opens_what_it_is_for(
    door: Door, method: str, path: str, access: Access | None, status: int
) -> None:
    shown = {} if access is None else {"authorization": door.bearer(access)}
    assert door.status(method, path, **shown) == status


def test_a_route_is_told_who_asks(door: Door) -> None:
    door.status("GET", "/api/status", authorization=door.bearer(Access.READ))
    assert door.callers == [Caller(Access.READ, "read token from 127.0.0.1")]
    door.status("GET", "/", cookie=door.cookie())
    caller = door.callers[-1]
    assert caller is not None
    assert caller.is_page
    assert caller.may_trade
    assert caller.name.startswith("browser ")
    assert caller.name.endswith(" (trade) from 127.0.0.1")


@pytest.mark.parametrize(
    ("said", "told_as"),
    [
        ("anna@desk", "trade token from 127.0.0.1 (anna@desk)"),
        ("anna) from 10.0.0.1 (x", "trade token from 127.0.0.1 (anna from 10.0.0.1 x)"),
        ("a" * 500, f"trade token from 127.0.0.1 ({'a' * 80})"),
        (" \t\x7f\xe9 ", "trade token from 127.0.0.1"),
    ],
)
def test_who_shows_a_token_may_say_who_stands_behind_it_and_it_is_kept_as_a_remark(
    door: Door, said: str, told_as: str
) -> None:
    door.status("GET", "/api/status", authorization=door.bearer(Access.TRADE), x_watchbill_asked_by=said)
    caller = door.callers[-1]
    assert caller is not None
    assert (caller.access, caller.name, caller.told_as) == (Access.TRADE, "trade token from 127.0.0.1", told_as)


@pytest.mark.parametrize(
    "wrong", ["", "Bearer", "Bearer ", "Basic {token}", "Bearer {token}x", "Bearer trade", "{token}"]
)
def test_what_is_not_the_token_opens_nothing(door: Door, wrong: str) -> None:
    token = door.tokens.current().trade
    assert door.status("GET", "/api/status", authorization=wrong.format(token=token)) == 401


@given(shown=st.text(max_size=60), cut=st.integers(0, 48))
def test_no_text_but_the_token_is_the_token(tmp_path_factory: pytest.TempPathFactory, shown: str, cut: int) -> None:
    tokens = TokenFile(tmp_path_factory.getbasetemp() / "guessed.json")
    trade = tokens.current().trade
    assert tokens.access_of(shown) is None
    assert tokens.access_of(trade[:cut]) is None
    assert tokens.access_of(trade) is Access.TRADE


def test_a_token_in_the_address_opens_nothing(door: Door) -> None:
    token = door.tokens.current().trade
    assert door.status("GET", f"/api/status?token={token}&access_token={token}") == 401


def test_a_rotation_counts_at_once(door: Door) -> None:
    old, cookie = door.bearer(Access.TRADE), door.cookie()
    reading = door.cookie(Access.READ)
    assert door.status("GET", "/", authorization=old) == 200
    assert door.status("GET", "/", cookie=cookie) == 200
    still_token, still_page = door.stills
    TokenFile(door.tokens.path).rotate([Access.TRADE])  # as another process does it
    assert door.status("GET", "/api/status", authorization=old) == 401
    assert door.status("GET", "/api/status", cookie=cookie) == 401
    assert not still_token()
    assert not still_page()
    assert door.status("GET", "/", cookie=reading) == 200
    assert door.status("GET", "/", authorization=door.bearer(Access.TRADE)) == 200


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HOST, 200),
        (f"localhost:{PORT}", 200),
        (f"LOCALHOST.:{PORT}", 200),
        (f"[::1]:{PORT}", 200),
        ("127.0.0.1", 421),
        ("127.0.0.1:80", 421),
        (f"evil.example:{PORT}", 421),
        (f"127.0.0.1.evil.example:{PORT}", 421),
        (f"evil@127.0.0.1:{PORT}", 421),
        (f"127.0.0.1:{PORT}:{PORT}", 421),
        (f"127.0.0.1:{PORT}, evil.example", 421),
        ("", 400),
    ],
)
def test_it_answers_by_its_own_names_only(door: Door, host: str, status: int) -> None:
    assert door.status("GET", "/healthz", host=host) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("watch.example.org", 200),
        (f"watch.example.org:{PORT}", 200),
        ("localhost:9000", 200),
        ("other.example.org", 421),
        ("watch.example.org:9000", 421),
    ],
)
def test_names_of_the_settings_are_its_own_too(tmp_path: Path, host: str, status: int) -> None:
    door = Door(tmp_path, ConsoleSettings(names=("watch.example.org", "localhost:9000")))
    assert door.status("GET", "/healthz", host=host) == status


@given(host=st.text(max_size=40))
def test_no_host_is_an_accident(host: str) -> None:
    known = hosts_of(ConsoleSettings(), PORT).knows(host, "127.0.0.1")
    assert not known or host.lower().startswith(("localhost", "127.0.0.1", "[::", "[0"))


# ---------------------------------------------------------------- other sites


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN, "x_watchbill": "page"}, 200),
        ({"origin": ORIGIN, "x_watchbill": "page", "sec_fetch_site": "same-origin"}, 200),
        ({"origin": ORIGIN}, 403),
        ({"x_watchbill": "page"}, 403),
        ({}, 403),
        ({"origin": "null", "x_watchbill": "page"}, 403),
        ({"origin": "http://evil.example", "x_watchbill": "page"}, 403),
        ({"origin": "http://127.0.0.1:3000", "x_watchbill": "page"}, 403),
        ({"origin": f"https://{HOST}.evil.example", "x_watchbill": "page"}, 403),
        ({"origin": ORIGIN, "x_watchbill": "page", "sec_fetch_site": "cross-site"}, 403),
        ({"origin": ORIGIN, "x_watchbill": "page", "sec_fetch_site": "same-site"}, 403),
    ],
)
def test_a_browser_gives_commands_from_the_consoles_own_pages_only(
    door: Door, headers: dict[str, str], status: int
) -> None:
    assert door.status("POST", "/api/commands/pause", cookie=door.cookie(), **headers) == status


def test_another_site_cannot_use_a_token_either(door: Door) -> None:
    shown = {"authorization": door.bearer(Access.TRADE)}
    assert door.status("POST", "/api/commands/pause", origin="http://evil.example", **shown) == 403
    assert door.status("GET", "/api/status", origin="http://evil.example", **shown) == 403
    assert door.status("POST", "/api/commands/pause", **shown) == 200


def test_a_link_on_another_site_leads_to_a_page_but_nothing_is_fetched_from_there(door: Door) -> None:
    cookie = door.cookie()
    assert door.status("GET", "/trades", cookie=cookie, sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 200
    assert door.status("GET", "/api/status", cookie=cookie, sec_fetch_site="cross-site", sec_fetch_mode="cors") == 403


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": ORIGIN}, 200),
        ({"origin": "null", "sec_fetch_site": "same-origin"}, 200),
        ({"origin": "null", "sec_fetch_site": "cross-site"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://evil.example"}, 403),
    ],
)
def test_a_form_of_another_site_neither_signs_in_nor_out(
    door: Door, path: str, headers: dict[str, str], status: int
) -> None:
    assert door.status("POST", path, cookie=door.cookie(), **headers) == status


def test_a_browser_that_may_only_read_gives_no_command(door: Door) -> None:
    headers = {"cookie": door.cookie(Access.READ), "origin": ORIGIN, "x_watchbill": "page"}
    assert door.status("POST", "/api/commands/pause", **headers) == 403


def test_a_cookie_that_another_program_set_besides_does_not_sign_out(door: Door) -> None:
    name = door.keeper.cookie_name
    assert door.status("GET", "/", cookie=f"{name}=nonsense; a=b; {door.cookie()}") == 200
    assert door.status("GET", "/", cookie=f"{name}=nonsense; a=b; ={{}};;") == 303


# ---------------------------------------------------------------- headers and limits


@pytest.mark.parametrize("target", ["/healthz", "/", "/api/status", "/%2e%2e/x", "/sign-in", "/static/none"])
def test_every_answer_has_the_headers_that_keep_a_page_to_itself(door: Door, target: str) -> None:
    _, headers = asyncio.run(door.answered("GET", target))
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_tls_is_asked_for_ever_after(tmp_path: Path) -> None:
    door = Door(tmp_path, ConsoleSettings(certificate="c.pem"))
    _, headers = asyncio.run(door.answered("GET", "/healthz"))
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert door.keeper.cookie_name.startswith("__Host-")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/static/../console-tokens.json", 400),
        ("/static/%2e%2e%2fx", 400),
        ("//evil.example/", 400),
        ("/static//x", 400),
        ("/static/a\\b", 400),
        ("/static/\x00", 400),
        ("http://127.0.0.1/healthz", 400),
        ("*", 400),
        (f"/healthz?{'x' * 4096}", 414),
    ],
)
def test_a_path_that_means_something_else_is_refused(door: Door, target: str, status: int) -> None:
    assert door.status("GET", target) == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO", "get"])
def test_other_methods_are_refused(door: Door, method: str) -> None:
    assert door.status(method, "/api/status", authorization=door.bearer(Access.TRADE)) == 405


def test_a_long_body_is_refused_whether_or_not_it_says_how_long(door: Door) -> None:
    shown = {"authorization": door.bearer(Access.TRADE)}
    long = b"x" * (LONGEST_BODY_BYTES // 2 + 1)
    assert door.status("POST", "/api/commands/pause", content_length=str(10**9), **shown) == 413
    door.body = (long, long)
    assert door.status("POST", "/api/commands/pause", **shown) == 413
    assert door.bodies == []
    door.body = (b"a", b"b")
    assert door.status("POST", "/api/commands/pause", **shown) == 200
    assert door.bodies == [b"ab"]


def test_no_more_streams_than_it_can_serve(door: Door) -> None:
    async def many() -> list[Any]:
        door.hold = asyncio.Event()
        shown = {"authorization": door.bearer(Access.READ)}
        asked = [asyncio.create_task(door.answered("GET", "/api/live", **shown)) for _ in range(MOST_STREAMS + 1)]
        while len(door.stills) < MOST_STREAMS or not any(one.done() for one in asked):
            await asyncio.sleep(0)
        door.hold.set()
        return [status for status, _ in await asyncio.gather(*asked)]

    statuses = asyncio.run(many())
    assert (statuses.count(200), statuses.count(503)) == (MOST_STREAMS, 1)
    assert door.status("GET", "/api/live", authorization=door.bearer(Access.READ)) == 200  # they were given back


def test_wrong_tokens_are_slowed_down_and_the_right_one_never_is(door: Door) -> None:
    wrong = {"authorization": f"Bearer {'x' * 43}"}
    statuses = [door.status("GET", "/api/status", **wrong) for _ in range(MOST_WRONG + 2)]
    assert statuses == [401] * MOST_WRONG + [429, 429]
    assert door.status("GET", "/api/status", authorization=door.bearer(Access.READ)) == 200


def test_wrong_tokens_are_forgotten_after_a_minute_and_counted_for_each_address() -> None:
    now = [0.0]
    wrong = WrongTokens(lambda: now[0])
    assert not any(wrong.count("a") for _ in range(MOST_WRONG))
    assert wrong.count("a")
    assert not wrong.count("b")
    now[0] += WINDOW_SECONDS
    assert not wrong.count("a")
    for number in range(MOST_ADDRESSES + 1):
        wrong.count(str(number))
    assert len(wrong._seen) <= MOST_ADDRESSES


@pytest.mark.parametrize("name", ["http://evil/", "a b", "*", "", "watch.example.org:port", "[::1"])
def test_what_is_no_hosts_name_is_refused_by_the_settings(name: str) -> None:
    with pytest.raises(ValidationError, match="names"):
        ConsoleSettings(names=(name,))


def test_an_address_in_brackets_is_refused_for_the_brackets() -> None:
    with pytest.raises(ValidationError, match="without brackets"):
        ConsoleSettings(host="[::1]")
    assert ConsoleSettings(host="::1").host == "::1"
