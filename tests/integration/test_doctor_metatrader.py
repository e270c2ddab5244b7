"""The doctor at a MetaTrader 5 terminal: in each wrong state it says what it saw, and what to click."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_account_at_terminal import LOGIN, SYMBOL, AccountAtTerminal, configured
from made_faults import full_disk

from connectors.mt5 import facts
from connectors.mt5.channel import Channel
from console import doctor_metatrader, workers
from console.check import Check
from console.configuration import Configuration
from console.doctor import doctor_data
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from trading.market import SECOND


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AccountAtTerminal:
    """A terminal in order, whose market moves with every look at the clock."""
    made = AccountAtTerminal(tmp_path)
    made.clock.per_look = SECOND
    monkeypatch.setattr(workers, "channel_of", lambda account, configuration: made.channel())
    monkeypatch.setattr(doctor_metatrader, "market_clock", lambda configuration: made.clock.now)
    monkeypatch.setattr(doctor_metatrader, "LOOK_AGAIN_SECONDS", 0.0)
    return made


def seen(configuration: Configuration) -> dict[str, Check]:
    """The checks of alpha, by what they are of."""
    checks = doctor_metatrader.metatrader_checks(configuration)
    return {check.name.removeprefix("alpha: "): check for check in checks}


def test_a_terminal_in_order_passes_every_check(terminal: AccountAtTerminal, tmp_path: Path) -> None:
    checks = seen(terminal.configuration)
    assert {name: check.state for name, check in checks.items()} == dict.fromkeys(
        ("worker", "terminal", "account", "permission", "symbols", "clock"), "ok"
    )
    assert not any(check.advice for check in checks.values())
    assert "1001 at Sim-Demo, demo, hedging, balance 10,000.00 USD" in checks["account"].saw
    assert f"EURUSD as {SYMBOL}: 5 digits, 0.01 to 100 lots in steps of 0.01, fills FOK or IOC" in checks["symbols"].saw
    assert "the broker's is +2 h from UTC, by a tick of this moment" in checks["clock"].saw
    assert not terminal.server.events, "it only looks"
    assert not list(tmp_path.iterdir()), "and makes nothing"


Spoil = Callable[[AccountAtTerminal], Any]
WRONG: dict[str, tuple[Spoil, str, str, str]] = {
    "algorithmic trading is off": (
        lambda made: made.server.hands.allow_trading(terminal=False),
        "permission",
        "algorithmic trading is switched off in the terminal",
        "press the button 'Algo Trading'",
    ),
    "programs may not trade": (
        lambda made: made.server.hands.allow_trading(api=False),
        "permission",
        "does not let Python programs trade",
        "untick 'Disable algorithmic trading via external Python API'",
    ),
    "the broker forbids programs": (
        lambda made: made.server.hands.allow_trading(expert=False),
        "permission",
        "the broker does not let programs trade",
        "ask the broker",
    ),
    "no connection": (
        lambda made: made.server.hands.disconnect(),
        "terminal",
        "it is not connected to its trade server",
        "Rescan Servers",
    ),
    "a symbol that is gone": (
        lambda made: made.server.script.next("symbol_select", code=facts.RES_E_NOT_FOUND),
        "symbols",
        "the broker has no such symbol",
        "Ctrl+U",
    ),
    "a symbol that is disabled": (
        lambda made: made.server.hands.change_symbol(SYMBOL, trade_mode=facts.SYMBOL_TRADE_MODE_DISABLED),
        "symbols",
        "it cannot be traded",
        "take another symbol",
    ),
    "a symbol that can only be closed": (
        lambda made: made.server.hands.change_symbol(SYMBOL, trade_mode=facts.SYMBOL_TRADE_MODE_CLOSEONLY),
        "symbols",
        "it can only be closed",
        "take another symbol",
    ),
    "a login that is refused": (
        lambda made: made.server.script.next("log_in", code=facts.RES_E_AUTH_FAILED),
        "terminal",
        "no terminal: Terminal: Authorization failed (-6)",
        "log in once by hand",
    ),
}


@pytest.mark.parametrize(("spoil", "where", "saw", "advice"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_at_the_terminal_is_named_with_what_to_do(
    terminal: AccountAtTerminal, spoil: Spoil, where: str, saw: str, advice: str
) -> None:
    spoil(terminal)
    checks = seen(terminal.configuration)
    assert [name for name, check in checks.items() if check.state == "failed"] == [where]
    assert saw in checks[where].saw
    assert advice in checks[where].advice


@pytest.mark.parametrize(
    ("setting", "value", "saw", "advice"),
    [
        ("MT5__NETTING", "true", "expected an account that nets", "set mt5.netting = false"),
        ("MT5__TRADE_MODE", "real", "demo, hedging", "mt5.trade_mode says which kind is meant"),
        ("PASSWORD", "investor", "the account may not trade", "log in with the main password"),
        ("PASSWORD", "wrong", "Authorization failed", "login, password and server"),
    ],
)
def test_settings_that_do_not_fit_the_account_are_named(
    terminal: AccountAtTerminal, tmp_path: Path, setting: str, value: str, saw: str, advice: str
) -> None:
    terminal.configuration = configured(tmp_path, **{setting: value})
    failed = [check for check in seen(terminal.configuration).values() if check.state == "failed"]
    assert len(failed) == 1
    assert saw in failed[0].saw
    assert advice in failed[0].advice


def test_an_account_of_real_money_is_no_demo_account(
    tmp_path: Path, terminal: AccountAtTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = AccountAtTerminal(tmp_path, trade_mode=facts.ACCOUNT_TRADE_MODE_REAL)
    monkeypatch.setattr(workers, "channel_of", lambda account, configuration: real.channel())
    account = seen(real.configuration)["account"]
    assert (account.state, "expected a demo account" in account.saw) == ("failed", True)


def test_with_a_shut_market_the_clock_is_not_measured_and_that_is_no_fault(
    terminal: AccountAtTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_metatrader, "TICK_SECONDS", 0.05)
    terminal.market.freeze(SYMBOL)
    clock = seen(terminal.configuration)["clock"]
    assert clock.state == "ok"
    assert "not measured: no new tick in 0.05 s, the market may be shut" in clock.saw


def test_a_ledger_that_is_older_than_the_floor_is_named(terminal: AccountAtTerminal) -> None:
    channel: Channel = terminal.channel()
    channel.open(5.0)
    channel.call("fence", {"token": 7}, 5.0)
    channel.close()
    worker = seen(terminal.configuration)["worker"]
    assert worker.state == "failed"
    assert "token 7 seen, and the ledger gave out no more than 0" in worker.saw
    assert "--fresh" in worker.advice
    with closing(Ledger.open(terminal.configuration.database_url, writer="test")) as ledger:
        held = ledger.reservations.reserve_resource(account_resource("alpha"), "test", 60.0)
        assert held is not None
        ledger.reservations.raise_token(held.fence, 6)
    assert seen(terminal.configuration)["worker"].state == "ok"


def test_without_a_worker_it_says_how_to_come_to_one(tmp_path: Path) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        away = configured(tmp_path, MT5__GATEWAY=f"127.0.0.1:{port}", MT5__GATEWAY_SECRET="s" * 32)
        (check,) = doctor_metatrader.metatrader_checks(away)
    assert (check.name, check.state) == ("alpha: worker", "failed")
    assert "start run.py gateway" in check.advice


def test_the_certificate_of_a_gateway_is_looked_at_though_the_gateway_is_away(tmp_path: Path) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        file = tmp_path / "gateway.pem"
        there = {"MT5__GATEWAY": f"127.0.0.1:{port}", "MT5__GATEWAY_SECRET": "s" * 32}
        checks = seen(configured(tmp_path, **there, MT5__GATEWAY_CERTIFICATE=str(file)))
    assert {name: check.state for name, check in checks.items()} == {"certificate": "failed", "worker": "failed"}
    assert f"{file} cannot be read" in checks["certificate"].saw


def test_a_terminal_that_is_for_another_system_is_refused_with_the_two_ways(tmp_path: Path) -> None:
    for_windows = configured(tmp_path, MT5__PACKAGE="MetaTrader5", MT5__TERMINAL="terminal64.exe", LOGIN=str(LOGIN))
    checks = {check["name"]: check for check in doctor_data(for_windows, {})["checks"]}
    assert (
        "set mt5.gateway to the address of run.py gateway, on a Windows machine or under Wine"
        in (checks["alpha: worker"]["saw"])
    )


def test_each_account_is_judged_by_its_own_settings_alone(tmp_path: Path) -> None:
    for_windows = configured(tmp_path, MT5__PACKAGE="MetaTrader5", MT5__TERMINAL="terminal64.exe")
    alpha = for_windows.settings.accounts[0]
    both = alpha.model_copy(update={"name": "beta", "login": 5})
    settings = for_windows.settings.model_copy(update={"accounts": (alpha, both)})
    first, second = doctor_metatrader.metatrader_checks(replace(for_windows, settings=settings))
    assert first.saw.startswith("account 'alpha'")
    assert second.saw.startswith("account 'beta'")


def test_without_a_simulated_terminal_it_says_what_to_start(terminal: AccountAtTerminal) -> None:
    terminal.server.script.next("log_in", code=facts.RES_E_INTERNAL_FAIL_INIT)
    assert "start run.py terminal with these settings" in seen(terminal.configuration)["terminal"].advice


def test_a_time_to_live_in_which_no_worker_can_start_is_warned_of(terminal: AccountAtTerminal) -> None:
    short = terminal.configuration.settings.model_copy(update={"ai_db_reservation_ttl_seconds": 9.0})
    worker = seen(replace(terminal.configuration, settings=short))["worker"]
    assert worker.state == "warning"
    assert "set ai_db_reservation_ttl_seconds to 15 or more" in worker.advice


def test_a_floor_that_is_damaged_or_read_only_is_named(terminal: AccountAtTerminal, tmp_path: Path) -> None:
    channel = terminal.channel()
    channel.open(5.0)
    channel.call("fence", {"token": 1}, 5.0)
    channel.close()
    (file,) = (tmp_path / "orders").glob("*.sqlite")
    file.write_bytes(b"no database")
    worker = seen(terminal.configuration)["worker"]
    assert (worker.state, file.name in worker.saw) == ("failed", True)
    assert "A broken order floor" in worker.advice
    if os.name == "posix" and os.geteuid() != 0:  # root may write everywhere
        file.chmod(0o400)
        floor = next(c for c in doctor_data(terminal.configuration, {})["checks"] if c["name"] == "order floor")
        assert (floor["state"], "read-only" in floor["saw"]) == ("failed", True)


def test_a_floor_on_a_full_disk_is_named_and_no_token_is_raised_by_looking(
    terminal: AccountAtTerminal, tmp_path: Path
) -> None:
    with full_disk():
        assert seen(terminal.configuration)["worker"].state == "failed", "not even a first one could be made"
    assert not (tmp_path / "orders").exists()
    channel = terminal.channel()
    channel.open(5.0)
    channel.call("fence", {"token": 1}, 5.0)
    with full_disk():
        worker = seen(terminal.configuration)["worker"]
    assert worker.state == "failed"
    assert "the record of orders cannot be used" in worker.saw
    assert "A broken order floor" in worker.advice
    assert channel.call("token", {}, 5.0) == 1
    assert "token 1 seen" in seen(terminal.configuration)["worker"].saw
    channel.close()
