"""The real gateway process over the workers of simulated terminals: asked, fenced, stopped, killed and pestered."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from processes import DEADLINE_SECONDS, ROOT, Program, answer, environment

from connectors import wire
from connectors.base import StaleToken
from connectors.gateway_protocol import read_secret
from connectors.mt5.calls import Given, Look, SendOrder, Sent
from connectors.mt5.channel import AnswerLost, NotSent
from connectors.mt5.gateway_client import GatewayChannel

CALL_SECONDS = 30.0
LOGIN, SERVER = 1001, "Simulated-Demo"
ORDER = SendOrder("EURUSDm", 0, 0.1, 1.1, 100_000, "wb-1", None, (0, 1), LOGIN, SERVER, 0)
BAD_CONNECTIONS = 400
MOST_GROWTH_KILOBYTES = 8_192

ALPHA = """
[[accounts]]
name = "alpha"
connector = "mt5"
login = 1001
password = "pw"
server = "Simulated-Demo"
symbols = { EURUSD = "EURUSDm" }
[accounts.mt5]
package = "simulator"
terminal = "alpha.json"
"""

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """With the settings of one account."""
    (tmp_path / "watchbill.toml").write_text(ALPHA, encoding="utf-8")
    return tmp_path


@contextmanager
def terminal(directory: Path) -> Iterator[Program]:
    """A simulated terminal, which has its file."""
    with Program(directory, "terminal", "--speed", "18000") as program:
        program.wait_for("listening on")
        yield program


@contextmanager
def gateway(directory: Path, *words: str) -> Iterator[tuple[Program, int]]:
    """A gateway that listens, and its port."""
    with Program(directory, "gateway", *(words or ("--listen", "127.0.0.1:0"))) as program:
        yield program, int(program.wait_for(r"listening on 127\.0\.0\.1:(\d+) for alpha")[1])


def client(directory: Path, port: int, name: str = "test:1") -> GatewayChannel:
    secret = directory / "state" / "gateway" / "secret"
    return GatewayChannel(
        ("127.0.0.1", port), lambda: read_secret(secret, "gateway"), None, login=LOGIN, server=SERVER, client=name
    )


def question(channel: GatewayChannel, call: str, **arguments: Any) -> Any:
    """What the package gave."""
    given = wire.decode(Given, channel.call(call, arguments, CALL_SECONDS), call)
    assert given.code == 1, given
    return given.value


def send(channel: GatewayChannel, magic: int, token: int) -> Sent:
    (tick,) = question(channel, "ticks", names=["EURUSDm"])
    order = wire.encode(replace(ORDER, price=tick["ask"]))
    return wire.decode(Sent, channel.call("send", {"order": order, "token": token, "magic": magic}, CALL_SECONDS), "")


def is_gone_soon(process_id: int) -> bool:
    """The process ends by itself. It is no child of ours, so there is nothing to wait for but its absence."""
    deadline = time.monotonic() + CALL_SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@posix_only
def test_two_parents_on_one_gateway_the_one_with_the_lower_token_is_refused(directory: Path) -> None:
    with terminal(directory), gateway(directory) as (program, port):
        with closing(client(directory, port, "old")) as old, closing(client(directory, port, "new")) as new:
            for channel in (old, new):
                channel.open(CALL_SECONDS)
            look = wire.decode(Look, old.call("initialize", {}, CALL_SECONDS), "look")
            assert look.account is not None
            assert look.account["login"] == LOGIN
            question(old, "symbols", names=["EURUSDm"])
            old.call("fence", {"token": 5}, CALL_SECONDS)
            first = send(old, 77, token=5)
            assert (first.refused, first.result and first.result["retcode"]) == (None, 10009), first
            new.call("fence", {"token": 6}, CALL_SECONDS)
            assert send(old, 78, token=5).refused == "stale_token"
            with pytest.raises(StaleToken, match="5"):
                old.call("fence", {"token": 5}, CALL_SECONDS)
            assert send(new, 77, token=6).refused == "repeated"
            assert send(new, 79, token=6).refused is None
            assert [position["magic"] for position in question(new, "positions")] == [77, 79]
        program.wait_for("new leads account alpha with token 6")
        assert "pw" not in program.said.split()


@posix_only
def test_serve_trades_through_a_gateway_and_finds_it_again_when_it_was_killed(directory: Path) -> None:
    with terminal(directory), gateway(directory) as (first, port):
        here = {
            "ACCOUNTS__0__MT5__GATEWAY": f"127.0.0.1:{port}",
            "AI_DB_RESERVATION_TTL_SECONDS": "3",
            "CONFIDENCE_PROFILE": "aggressive",
        }
        with Program(directory, "serve", "--no-view", settings=here) as leader:
            leader.wait_for(r"leading crew default on alpha")
            leader.wait_for(r"alpha:EURUSD \w+ [\d.]+ lots: submitted to open")
            first.send(signal.SIGKILL)
            first.end()
            with gateway(directory, "--listen", f"127.0.0.1:{port}") as (second, _):
                second.wait_for("leads account alpha with token")
                leader.wait_for("alpha: the broker answers again")
                assert leader.stop() < 10
        assert "Traceback" not in leader.said


@posix_only
def test_an_order_that_a_stopped_gateway_gets_to_too_late_is_dropped_there_and_unknown_here(directory: Path) -> None:
    with terminal(directory), gateway(directory) as (program, port), closing(client(directory, port)) as channel:
        program.wait_for("account alpha: its terminal is logged in")
        channel.open(CALL_SECONDS)
        question(channel, "symbols", names=["EURUSDm"])
        program.freeze()
        try:
            with pytest.raises(AnswerLost):
                channel.call("send", {"order": wire.encode(ORDER), "token": 5, "magic": 77}, 0.3)
        finally:
            program.send(signal.SIGCONT)
        channel.open(CALL_SECONDS)
        # The order's deadline may have ended the worker, and a new one has to be connected, as `serve` does it.
        assert wire.decode(Look, channel.call("initialize", {}, CALL_SECONDS), "look").account is not None
        assert question(channel, "positions") == []
        assert send(channel, 77, token=5).refused is None, "its number was not used up"


@posix_only
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_gateway_and_its_workers_within_seconds(directory: Path, number: signal.Signals) -> None:
    with gateway(directory) as (program, port):
        worker = int(program.wait_for(r"process (\d+)")[1])
        program.wait_for("account alpha: its terminal answers")
        with closing(client(directory, port)) as channel:
            channel.open(CALL_SECONDS)
            assert program.stop(number) < 8
            assert f"stopped by {number.name}" in program.said
            assert "Traceback" not in program.said
            with pytest.raises(NotSent):
                channel.call("look", {}, CALL_SECONDS)
        assert is_gone_soon(worker)


@posix_only
def test_a_gateway_that_was_killed_leaves_no_worker_behind(directory: Path) -> None:
    with gateway(directory) as (program, _):
        worker = int(program.wait_for(r"process (\d+)")[1])
        program.wait_for("account alpha: its terminal answers")
        program.send(signal.SIGKILL)
        program.end()
        assert is_gone_soon(worker)


def test_with_json_the_one_object_comes_when_it_listens(directory: Path) -> None:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "gateway", "--listen", "127.0.0.1:0", "--json"],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.terminate()
        rest, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert rest == ""
    assert said == {
        "listening": f"127.0.0.1:{said['port']}",
        "host": "127.0.0.1",
        "port": said["port"],
        "pid": process.pid,
        "accounts": ["alpha"],
        "tls": False,
    }
    assert process.returncode == 0 or sys.platform == "win32"


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from its system")
def test_a_gateway_that_was_pestered_serves_and_is_no_bigger(directory: Path) -> None:
    with gateway(directory) as (program, port):
        program.wait_for("account alpha: its terminal answers")
        rng = random.Random(3)
        pester(port, rng, BAD_CONNECTIONS // 4)
        before = resident_kilobytes(program.process.pid)
        pester(port, rng, BAD_CONNECTIONS)
        with closing(client(directory, port)) as channel:
            channel.open(CALL_SECONDS)
            channel.call("look", {}, CALL_SECONDS)
        grown = resident_kilobytes(program.process.pid) - before
        assert grown < MOST_GROWTH_KILOBYTES, f"{grown:,} kilobytes more after {BAD_CONNECTIONS:,} bad connections"
        assert program.stop() < 8
        assert "Traceback" not in program.said
        assert len(program.lines) < 10, "it does not complain of each"


def pester(port: int, rng: random.Random, count: int) -> None:
    """Connect so often, with something that is no greeting; up to twenty at a time."""
    held: list[socket.socket] = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), CALL_SECONDS)
        with suppress(OSError):  # it may have been cut off by then
            connection.sendall(
                rng.choice([b"", b"\x00\x00\x00\x20", b"\xff" * 4]) + rng.randbytes(rng.randrange(2_000))
            )
        held.append(connection)
        if len(held) == 20:
            for each in held:
                each.close()
            held.clear()
    for each in held:
        each.close()


def resident_kilobytes(process_id: int) -> int:
    (line,) = (
        line
        for line in Path(f"/proc/{process_id}/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmRSS")
    )
    return int(line.split()[1])


# ------------------------------------------------------------ what it refuses


@pytest.mark.parametrize(
    ("words", "settings", "complaint"),
    [
        ((), {"ACCOUNTS__0__CONNECTOR": "paper"}, "accounts: none has a terminal on this machine"),
        ((), {"ACCOUNTS__0__ENABLED": "false"}, "none"),
        (("--listen", "0.0.0.0:0"), {}, "--listen is 0.0.0.0:0, which others can reach, and without TLS they can read"),
        (("--listen", "[::]:0"), {}, "--listen is [::]:0, which others can reach"),
        (("--listen", "no.such.host.invalid:0"), {}, "there is no such host"),
        (("--certificate", "a.pem"), {}, "--key is missing"),
        (("--key", "a.key"), {}, "--certificate is missing"),
        (("--certificate", "a.pem", "--key", "a.key"), {}, "a.pem cannot be read: No such file"),
        ((), {"ACCOUNTS__0__MT5__GATEWAY_SECRET": "x" * 31}, "gateway_secret"),
        pytest.param(
            (),
            {"ACCOUNTS__0__MT5__PACKAGE": "MetaTrader5"},
            "has no MetaTrader 5; start run.py gateway on Windows, or with a Python for Windows under Wine",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has it"),
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    directory: Path, words: tuple[str, ...], settings: dict[str, str], complaint: str
) -> None:
    done = answer(["gateway", *words], directory, **settings)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "x" * 31 not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named_and_no_secret_is_made(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = answer(["gateway", "--listen", f"127.0.0.1:{port}"], directory)
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened at: Address already in use" in done.stderr
    assert "--listen chooses another" in done.stderr
    assert not (directory / "state" / "gateway").exists()


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_a_secret_that_others_may_read_is_refused(directory: Path) -> None:
    secret = directory / "state" / "gateway" / "secret"
    secret.parent.mkdir(parents=True)
    secret.write_text("0" * 64, encoding="ascii")
    secret.chmod(0o644)
    done = answer(["gateway", "--listen", "127.0.0.1:0"], directory)
    assert done.returncode == 2
    assert "others may read the gateway's secret" in done.stderr
