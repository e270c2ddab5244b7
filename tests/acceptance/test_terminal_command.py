"""The real terminal process: found by its files, traded on through the package's double, refused, stopped."""

from __future__ import annotations

import os
import signal
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest
from processes import DEADLINE_SECONDS, Program, answer

from connectors.mt5 import facts
from connectors.mt5.simulated_script import Trouble
from connectors.mt5.simulator import Package
from connectors.mt5.terminal_file import read_terminal_file
from connectors.mt5.terminal_link import RemoteHands, open_terminal
from connectors.remote_market import RemoteMarket
from trading.market import Side

SIMULATED = {
    "ACCOUNTS__0__CONNECTOR": "mt5",
    "ACCOUNTS__0__LOGIN": "1001",
    "ACCOUNTS__0__SERVER": "Sim-Demo",
    "ACCOUNTS__0__PASSWORD": "open sesame",
    "ACCOUNTS__0__MT5__PACKAGE": "simulator",
    "ACCOUNTS__0__MT5__TERMINAL": "terminals/alpha.json",
    "ACCOUNTS__1__CONNECTOR": "mt5",
    "ACCOUNTS__1__LOGIN": "1002",
    "ACCOUNTS__1__SERVER": "Sim-Demo",
    "ACCOUNTS__1__SYMBOLS__EURUSD": "EURUSD.m",
    "ACCOUNTS__1__MT5__PACKAGE": "simulator",
    "ACCOUNTS__1__MT5__TERMINAL": "terminals/beta.json",
    "ACCOUNTS__1__MT5__NETTING": "true",
}
COMMAND = ("terminal", "--speed", "36000")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def buy(package: Package, symbol: str, lots: float) -> int:
    """Buy at the market; the return code."""
    tick = package.symbol_info_tick(symbol)
    request = {
        "action": facts.TRADE_ACTION_DEAL,
        "symbol": symbol,
        "volume": lots,
        "type": facts.ORDER_TYPE_BUY,
        "price": tick.ask,
        "deviation": 20,
        "magic": 7,
        "type_filling": facts.ORDER_FILLING_FOK,
        "type_time": facts.ORDER_TIME_GTC,
    }
    return int(package.order_send(request).retcode)


def test_the_terminals_of_the_settings_are_traded_on_and_go_when_told_to(tmp_path: Path) -> None:
    alpha, beta = tmp_path / "terminals" / "alpha.json", tmp_path / "terminals" / "beta.json"
    options = ("--from", "2017-07-05T10:00", "--zone", "europe", "--faults", "10", "--faults-until", "2017-07-05")
    with Program(tmp_path, *COMMAND, *options, settings=SIMULATED) as program:
        program.wait_for(r"listening on 127\.0\.0\.1:\d+ for alpha, beta, market time 2017-07-05T10:00:00Z")
        assert stat.S_IMODE(alpha.stat().st_mode) == 0o600
        address = read_terminal_file(alpha)
        with closing(RemoteMarket((address.host, address.port), lambda: address.secret, "test")) as market:
            begun = market.facts()
            assert begun.accounts == ("alpha", "beta")
            assert market.beyond(begun.now).now > begun.now

        package = Package(open_terminal)
        assert not package.initialize(str(alpha), login=1001, password="wrong", server="Sim-Demo")
        assert package.initialize(str(alpha), login=1001, password="open sesame", server="Sim-Demo")
        assert package.symbol_select("EURUSD", True)
        assert buy(package, "EURUSD", 0.1) == facts.TRADE_RETCODE_DONE
        (held,) = package.positions_get()
        assert held.magic == 7
        package.shutdown()

        assert package.initialize(str(beta), login=1002)
        assert package.account_info().margin_mode == facts.ACCOUNT_MARGIN_MODE_RETAIL_NETTING
        assert [symbol.name for symbol in package.symbols_get()] == ["EURUSD.m"]
        hands = RemoteHands(beta)
        assert hands.open("EURUSD.m", Side.SELL, 0.2) is not None
        hands.trouble("order_send", Trouble(code=facts.TRADE_RETCODE_REQUOTE))
        package.symbol_select("EURUSD.m", True)
        assert buy(package, "EURUSD.m", 0.1) == facts.TRADE_RETCODE_REQUOTE
        assert buy(package, "EURUSD.m", 0.1) == facts.TRADE_RETCODE_DONE
        assert package.positions_get()[0].volume == 0.1
        package.shutdown()

        other = answer(["terminal"], tmp_path, **SIMULATED)
        assert other.returncode == 2
        assert f"a terminal for it answers at 127.0.0.1:{address.port}; stop it first" in other.stderr
        program.stop(signal.SIGTERM)
        assert list(alpha.parent.iterdir()) == []


def test_a_terminal_that_was_killed_leaves_a_file_that_the_next_one_replaces(tmp_path: Path) -> None:
    alpha = tmp_path / "terminals" / "alpha.json"
    with Program(tmp_path, *COMMAND, settings=SIMULATED) as program:
        program.wait_for("listening on")
        package = Package(open_terminal)
        assert package.initialize(str(alpha), login=1001)
        program.send(signal.SIGKILL)
        program.process.wait(DEADLINE_SECONDS)
    assert package.positions_get() is None
    assert package.last_error()[0] == facts.RES_E_INTERNAL_FAIL_CONNECT
    assert not package.initialize(str(alpha))
    assert package.last_error()[0] == facts.RES_E_INTERNAL_FAIL_INIT
    package.shutdown()
    with Program(tmp_path, *COMMAND, settings=SIMULATED) as program:
        program.wait_for("a new broker: alpha, beta begin with their opening balances")
        program.wait_for("listening on")
        assert package.initialize(str(alpha), login=1001)
        assert package.positions_get() == ()
        package.shutdown()
        program.stop()


@pytest.mark.parametrize(
    ("changes", "words", "said"),
    [
        ({"ACCOUNTS__0__CONNECTOR": "paper"}, (), "accounts"),
        ({"ACCOUNTS__1__MT5__TERMINAL": "terminals/alpha.json"}, (), "expected a terminal for each"),
        ({"ACCOUNTS__1__MT5__TERMINAL": "terminals/../terminals/alpha.json"}, (), "expected a file of its own"),
        ({"ACCOUNTS__0__SYMBOLS__GBPUSD": "GBPUSD"}, (), "has no bars of it"),
        ({}, ("--zone", "mars"), "zone is 'mars'; expected new-york"),
        ({}, ("--faults", "11"), "it is '11'; expected a number from 0 to 10"),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_wrong(
    tmp_path: Path, changes: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    done = answer(["terminal", *words], tmp_path, **{**SIMULATED, **changes})
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "terminals").exists()


def test_paper_accounts_have_no_terminal(tmp_path: Path) -> None:
    done = answer(["terminal"], tmp_path)
    assert done.returncode == 2
    assert "accounts: none has a simulated terminal" in done.stderr


def test_a_file_that_is_something_else_is_not_overwritten(tmp_path: Path) -> None:
    settings = {**SIMULATED, "ACCOUNTS__0__MT5__TERMINAL": "notes.txt"}
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    notes.chmod(0o600)
    done = answer(["terminal"], tmp_path, **settings)
    assert done.returncode == 2
    assert "expected a file that run.py terminal has written" in done.stderr
    assert notes.read_text() == "mine"
    assert os.listdir(tmp_path) == ["notes.txt"]
