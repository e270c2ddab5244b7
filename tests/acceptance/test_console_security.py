"""The console's doors, tried from outside of a running `serve`: each default of its security, with real requests."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from consoles import Reply, Running, made_certificate
from processes import DEADLINE_SECONDS, Program, answer, run_json

WITH_CONSOLE = {"CONSOLE__ENABLED": "true", "CONSOLE__PORT": "0"}
SLOW = ("serve", "--no-view", "--speed", "60")
LISTENS = r"the console is at (https?)://127\.0\.0\.1:(\d+);"
SETTINGS = '[[analyses.sources]]\nname = "model"\n'
OPEN = ("/healthz", "/readyz", "/sign-in", "/static/watchbill.css")
PAGES = ("/", "/trades", "/decisions", "/closings", "/health", "/settings", "/journal")
READ_ROUTES = ("/api/status", "/api/settings", "/api/health", "/api/journal", "/api/overview", "/api/openapi.json")
COMMANDS = ("pause", "resume", "halt", "lift", "reset", "forgive-drawdown", "close", "close-all", "analyses")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("console")
    (directory / "watchbill.toml").write_text(SETTINGS)
    assert answer(["submit", "model", "--new-key"], directory).returncode == 0
    with Program(directory, *SLOW, settings=WITH_CONSOLE | {"ANALYSIS_MAX_AGE_SECONDS": "7200"}) as program:
        port = int(program.wait_for(LISTENS).group(2))
        program.wait_for("leading crew")
        yield Running(program, directory, port, [])
        program.stop()


# ---------------------------------------------------------------- who is let in


@pytest.mark.parametrize("path", OPEN)
def test_what_tells_nothing_is_open(console: Running, path: str) -> None:
    assert console.ask("GET", path).status == 200


@pytest.mark.parametrize("path", PAGES)
def test_a_page_sends_a_stranger_to_sign_in(console: Running, path: str) -> None:
    reply = console.ask("GET", path)
    assert (reply.status, reply.headers["location"], reply.body) == (303, "/sign-in", "")
    assert console.ask("GET", path, token="read").status == 200


@pytest.mark.parametrize("path", [*READ_ROUTES, "/metrics"])
def test_the_api_wants_a_token(console: Running, path: str) -> None:
    reply = console.ask("GET", path)
    assert (reply.status, reply.code) == (401, "who_asks")
    assert reply.headers["www-authenticate"] == "Bearer"
    assert console.ask("GET", path, token="read").status == 200
    assert console.ask("GET", path, token="signal").status == 403


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_wants_the_trade_token(console: Running, command: str) -> None:
    path = f"/api/commands/{command}"
    assert console.ask("POST", path, "{}").status == 401
    reply = console.ask("POST", path, "{}", token="read")
    assert (reply.status, reply.code) == (403, "not_enough")
    with_signal = console.ask("POST", path, "{}", token="signal").status
    assert (with_signal == 403) is (command != "analyses")


def test_wrong_and_short_tokens_open_nothing(console: Running) -> None:
    trade = console.tokens["trade"]
    for wrong in ("", "x", trade[:-1], f"{trade}x", trade.swapcase(), "trade", "*", "null"):
        assert console.ask("GET", "/api/status", authorization=f"Bearer {wrong}").status == 401, wrong
    assert console.ask("GET", "/api/status", authorization=f"Basic {trade}").status == 401
    assert console.ask("GET", f"/api/status?token={trade}").status == 401
    assert console.ask("GET", "/api/status", cookie=f"watchbill-{console.port}={trade}").status == 401


# ---------------------------------------------------------------- by which name, from which page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:{port}"])
def test_it_is_not_called_by_other_names(console: Running, host: str) -> None:
    reply = console.ask("GET", "/healthz", host=host.format(port=console.port))
    assert (reply.status, reply.code) == (421, "wrong_host")
    assert console.ask("GET", "/healthz", host=f"localhost:{console.port}").status == 200


def test_another_sites_page_can_ask_nothing_whatever_the_browser_sends_along(console: Running) -> None:
    cookie = console.signed_in()
    body = json.dumps({"request_id": "from-evil-1", "reason": "evil"})
    evil = {"origin": "http://evil.example", "sec_fetch_site": "cross-site"}
    assert console.ask("POST", "/api/commands/pause", body, cookie=cookie, **evil).status == 403
    assert console.ask("POST", "/api/commands/pause", body, cookie=cookie, x_watchbill="page", **evil).status == 403
    assert console.ask("POST", "/api/commands/pause", body, cookie=cookie).status == 403
    assert console.ask("POST", "/api/commands/pause", body, cookie=cookie, origin=console.origin).status == 403
    assert console.ask("POST", "/api/commands/pause", body, token="trade", origin="http://evil.example").status == 403
    assert console.sign_in(console.tokens["trade"], origin="http://evil.example").status == 403
    assert console.ask("OPTIONS", "/api/commands/pause", **evil).status in (401, 405)
    preflight = console.ask("OPTIONS", "/api/commands/pause", access_control_request_method="POST", **evil)
    assert not any(name.startswith("access-control") for name in preflight.headers)
    assert "evil" not in json.dumps(run_json(["status"], console.directory))


def test_a_page_of_its_own_gives_commands_and_the_journal_says_who_asked(console: Running) -> None:
    cookie = console.signed_in()
    own = {"cookie": cookie, "origin": console.origin, "x_watchbill": "page", "content_type": "application/json"}
    body = {"request_id": "from-a-page-1", "reason": "a look"}
    assert console.ask("POST", "/api/commands/pause", json.dumps(body), **own).status == 200
    body = {"request_id": "from-a-program-1"}
    in_json = {"content_type": "application/json"}
    assert console.ask("POST", "/api/commands/resume", json.dumps(body), token="trade", **in_json).status == 200
    journal = console.ask("GET", "/api/journal?limit=50", token="read").body
    assert re.search(r"browser \S{6} \(trade\) from 127\.0\.0\.1", journal)
    assert "trade token from 127.0.0.1" in journal


# ---------------------------------------------------------------- signing in and out


def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites_and_ends(console: Running) -> None:
    said = console.sign_in(console.tokens["read"]).headers["set-cookie"]
    words = {word.strip().lower() for word in said.split(";")[1:]}
    assert words == {"httponly", "samesite=strict", "path=/", f"max-age={12 * 3600}"}
    assert console.tokens["read"] not in said


def test_a_code_signs_in_once(console: Running) -> None:
    data = run_json(["sign-in", "--read"], console.directory, **WITH_CONSOLE)
    address, _, code = data["link"].partition("#code=")
    assert address == f"{console.origin}/sign-in"
    reply = console.sign_in(code)
    assert reply.status == 303
    assert console.ask("GET", "/", cookie=reply.cookie).status == 200
    assert console.sign_in(code).status == 401
    own = {"cookie": reply.cookie, "origin": console.origin, "x_watchbill": "page"}
    assert console.ask("POST", "/api/commands/pause", "{}", **own).status == 403


@pytest.mark.parametrize(
    ("shown", "status"), [("", 400), ("x", 401), ("trade.99999999999.a.b", 401), ("%ff%00", 401), ("x&token=b", 400)]
)
def test_nothing_else_signs_in(console: Running, shown: str, status: int) -> None:
    reply = console.sign_in(shown)
    assert reply.status == status
    assert "set-cookie" not in reply.headers
    assert console.sign_in(console.tokens["signal"]).status == 403


def test_who_signs_out_is_out_with_every_copy_of_the_cookie(console: Running) -> None:
    cookie, other = console.signed_in(), console.signed_in()
    assert console.ask("POST", "/sign-out", cookie=cookie, origin=console.origin).status == 303
    assert console.ask("GET", "/", cookie=cookie).status == 303
    assert console.ask("GET", "/", cookie=other).status == 200


# ---------------------------------------------------------------- webhooks


def signed(console: Running, name: str, made_at: int, **more: Any) -> str:
    """An analysis, signed by its source."""
    pillars = {name: {"score": 0.8} for name in ("base", "trend", "volatility", "sentiment")}
    words = {"commodity": "EURUSD", "side": "buy", "strategy": "day", "regime": "trend", "pillars": pillars}
    said = {"id": name, **words, "confidence": 80.0, "daily_volatility": 0.005, "made_at": made_at, **more}
    file = console.directory / "analysis.json"
    file.write_text(json.dumps(said))
    text: str = run_json(["submit", "model", str(file), "--print"], console.directory)["signed"]
    return text


def hand_in(console: Running, text: str, token: str = "signal") -> Reply:
    return console.ask("POST", "/api/commands/analyses", text, token=token, content_type="application/jose")


def test_a_signed_analysis_is_taken_once_in_time_and_unchanged(console: Running) -> None:
    newest = json.loads(console.ask("GET", "/api/overview", token="read").body)["market_time"]
    now = int(time.mktime(time.strptime(newest[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone) * 1000
    text = signed(console, "once", now)
    first = hand_in(console, text)
    assert (first.status, json.loads(first.body)["is_repeated"]) == (200, False)
    again = hand_in(console, text)
    assert (again.status, json.loads(again.body)["is_repeated"]) == (200, True)
    late = hand_in(console, signed(console, "late", now - 86_400_000))
    assert (late.status, late.code) == (409, "stale")
    head, payload, seal = text.split(".")
    for forged in (f"{head}.{payload}.{seal[:-4]}AAAA", f"{head}.{payload}x.{seal}", f"{head}.{payload}.", "{}", ""):
        assert hand_in(console, forged).status in (409, 422), forged
    assert hand_in(console, text, "read").status == 403


# ---------------------------------------------------------------- long, many, slow, odd


def test_long_requests_are_refused(console: Running) -> None:
    host = b"Host: 127.0.0.1:%d\r\n" % console.port
    bearer = b"Authorization: Bearer %s\r\n" % console.tokens["trade"].encode()
    assert console.ask("POST", "/api/commands/analyses", "x" * 70_000, token="signal").status == 413
    chunks = b"2000\r\n%s\r\n" % (b"x" * 8192) * 20
    post = b"POST /api/commands/pause HTTP/1.1\r\n" + host + bearer + b"Transfer-Encoding: chunked\r\n\r\n"
    assert console.raw(post + chunks).startswith(b"HTTP/1.1 413")
    assert console.raw(b"GET /?" + b"x" * 5000 + b" HTTP/1.1\r\n" + host + b"\r\n").startswith(b"HTTP/1.1 414")
    many = b"".join(b"a%d: b\r\n" % number for number in range(100))
    assert console.raw(b"GET / HTTP/1.1\r\n" + host + many + b"\r\n").startswith(b"HTTP/1.1 431")
    long = b"a: " + b"b" * 20_000 + b"\r\n"
    assert console.raw(b"GET / HTTP/1.1\r\n" + host + long + b"\r\n").startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../state/console-tokens.json",
        "/static/..%2f..%2fstate%2fconsole-tokens.json",
        "/static/%2e%2e/%2e%2e/state/console-tokens.json",
        "/static/....//x",
        "/static/..%5c..%5cstate",
        "//static/watchbill.css",
        "/static/watchbill.css%00.html",
        "/static/%c0%ae%c0%ae/x",
    ],
)
def test_no_path_leads_out_of_the_console(console: Running, path: str) -> None:
    reply = console.raw(
        b"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % (path.encode(), console.port)
    )
    assert reply.startswith(b"HTTP/1.1 400"), reply
    for secret in console.tokens.values():
        assert str(secret).encode() not in reply


def test_who_is_slow_is_given_up_and_holds_up_nobody(console: Running) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        for _ in range(120):
            slow = socket.create_connection(("127.0.0.1", console.port), DEADLINE_SECONDS)
            stack.enter_context(slow).sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert console.ask("GET", "/healthz").status == 200
        assert console.ask("GET", "/readyz").status == 200
        assert time.monotonic() - began < 5.0  # half of what each of them has


def test_who_guesses_tokens_is_slowed_down_and_keeps_nobody_out(console: Running) -> None:
    guess = {"authorization": f"Bearer {'x' * 43}"}
    statuses = (console.ask("GET", "/api/status", **guess).status for _ in range(25))
    assert any(status == 429 for status in statuses)
    assert console.ask("GET", "/api/status", token="read").status == 200
    assert console.sign_in(console.tokens["trade"]).status == 303


def test_every_answer_forbids_what_is_not_needed(console: Running) -> None:
    console.ask("GET", "/nowhere", token="read")
    console.ask("DELETE", "/", token="trade")
    for reply in console.replies:
        assert "default-src 'none'; script-src 'self'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["cache-control"] == "no-store" or "immutable" in reply.headers["cache-control"]
        assert "server" not in reply.headers
        assert reply.status < 500, reply.body


# ---------------------------------------------------------------- secrets


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_the_tokens_are_their_owners_alone_and_were_seen_nowhere(console: Running) -> None:
    for name in ("console-tokens.json", "console-address.json"):
        assert stat.S_IMODE((console.directory / "state" / name).stat().st_mode) == 0o600
    before = console.tokens
    cookie, trade = console.signed_in(), f"Bearer {before['trade']}"
    outputs = [
        answer([*words, *more], console.directory, **WITH_CONSOLE)
        for words in (["tokens"], ["tokens", "--rotate", "trade"], ["status"], ["doctor"])
        for more in ([], ["--json"])
    ]
    after = console.tokens
    assert after["trade"] != before["trade"]
    assert (after["read"], after["cookies"]) == (before["read"], before["cookies"])
    assert console.ask("GET", "/api/status", authorization=trade).status in (401, 429)
    assert console.ask("GET", "/", cookie=cookie).status == 303
    assert console.ask("GET", "/api/status", token="trade").status == 200
    for path in (*PAGES, *READ_ROUTES, "/metrics"):
        console.ask("GET", path, token="trade")
    seen = [console.program.said, *(done.stdout + done.stderr for done in outputs)]
    seen += [reply.body for reply in console.replies]
    for tokens in (before, after):
        for name in ("read", "trade", "signal", "cookies"):
            assert not any(tokens[name] in text for text in seen), name


def test_nothing_was_logged_about_what_strangers_did(console: Running) -> None:
    errors = [line for line in console.program.lines if "  error " in line or "Traceback" in line]
    assert errors == []


# ---------------------------------------------------------------- other addresses


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_another_address_is_refused_without_a_certificate(tmp_path: Path, host: str) -> None:
    done = answer(["serve", "--no-view"], tmp_path, **{**WITH_CONSOLE, "CONSOLE__HOST": host})
    assert done.returncode == 2
    assert "expected 127.0.0.1, or a certificate" in " ".join(done.stderr.split())


def test_under_tls_it_says_so_and_a_second_process_waits_for_the_port(tmp_path: Path) -> None:
    certificate = made_certificate(tmp_path)
    (tmp_path / "state").mkdir()
    own = {**WITH_CONSOLE, "CONSOLE__HOST": "0.0.0.0", "CONSOLE__CERTIFICATE": str(certificate)}
    own["CONSOLE__NAMES"] = '["localhost"]'
    with Program(tmp_path, *SLOW, settings=own) as program:
        port = int(program.wait_for(r"the console is at https://localhost:(\d+);").group(1))
        trusting = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", port, timeout=DEADLINE_SECONDS, context=trusting)
        connection.request("GET", "/api/status")
        refused = connection.getresponse()
        assert refused.status == 401
        assert refused.headers["strict-transport-security"] == "max-age=31536000"
        refused.read()
        token = json.loads((tmp_path / "state" / "console-tokens.json").read_text())["read"]
        connection.request("POST", "/sign-in", f"token={token}", {"content-type": "application/x-www-form-urlencoded"})
        signed_in = connection.getresponse()
        assert signed_in.headers["set-cookie"].startswith("__Host-watchbill=")
        assert "Secure" in signed_in.headers["set-cookie"]
        connection.close()
        with socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert not plain.recv(100).startswith(b"HTTP")
        same = {**own, "CONSOLE__PORT": str(port)}
        with Program(tmp_path, *SLOW, settings=same) as second:
            second.wait_for(rf"the console cannot be reached: 0\.0\.0\.0:{port}: .* another one can be set")
            second.wait_for("standing by")
            program.stop()
            second.wait_for(rf"the console is at https://localhost:{port};")
            second.stop()
