"""`serve --fresh` with accounts at brokers that do not begin anew with the ledger."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from made_ledger_file import NOON, History

from connectors.base import ConnectorError
from console import left_behind, serve
from console.arguments import Serve
from console.configuration import Configuration, load
from console.errors import CommandError
from console.left_behind import require_nothing_left_behind
from console.output import Output
from trading.trade import ACTIVE, HELD, TradeState

ALPHA = {
    "CONNECTOR": "mt5",
    "LOGIN": "5",
    "SERVER": "Broker-Demo",
    "MT5__GATEWAY": "127.0.0.1:1",
    "MT5__GATEWAY_SECRET": "s" * 32,
}


def configured(folder: Path, **changes: str) -> Configuration:
    environment = {f"WATCHBILL__ACCOUNTS__0__{name}": value for name, value in {**ALPHA, **changes}.items()}
    environment["WATCHBILL__ACCOUNTS__1__ENABLED"] = "false"
    environment["WATCHBILL__DATABASE_URL"] = f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}"
    return load(None, environment)


def leave(history: History) -> None:
    """As a process that ends in order."""
    for lease in history.ledger.reservations.all():
        history.ledger.reservations.release_resource(lease.fence)
    history.close()


def begin_anew(configuration: Configuration) -> int:
    return serve.run(Serve(fresh=True, view=False), configuration, Output())


def test_a_ledger_is_not_forgotten_while_a_real_broker_holds_a_position_of_it(tmp_path: Path) -> None:
    configuration = configured(tmp_path)
    history = History(configuration)
    trade = history.open(NOON)
    leave(history)
    with pytest.raises(CommandError, match=f"trade {trade.trade_id} on alpha:EURUSD .*nobody would guard it"):
        begin_anew(configuration)
    assert [path.name for path in tmp_path.glob("ledger*.sqlite")] == ["ledger.sqlite"]


SIMULATED = {"MT5__PACKAGE": "simulator"}


class Terminal:
    """As much of a simulated terminal as is asked."""

    def __init__(self, *positions: dict[str, int]) -> None:
        self._positions = positions

    def positions(self) -> tuple[dict[str, int], ...]:
        """What it holds."""
        return self._positions

    def log_out(self) -> None:
        """Nothing of interest."""


def test_nor_while_a_simulated_terminal_still_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = configured(tmp_path, **SIMULATED, MT5__TERMINAL=str(tmp_path / "alpha.json"))
    history = History(configuration)
    trade = history.open(NOON)
    leave(history)
    held = Terminal({"identifier": trade.position_id or 0, "magic": trade.magic})
    monkeypatch.setattr(left_behind, "open_terminal", lambda path, seconds: held)
    with pytest.raises(CommandError, match=f"is open, position {trade.position_id}: the broker keeps what it has"):
        begin_anew(configuration)


@pytest.mark.parametrize("is_another", [True, False])
def test_a_terminal_that_knows_nothing_of_it_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_another: bool
) -> None:
    configuration = configured(tmp_path, **SIMULATED, MT5__TERMINAL=str(tmp_path / "alpha.json"))
    history = History(configuration)
    history.open(NOON)
    leave(history)
    if is_another:
        monkeypatch.setattr(
            left_behind, "open_terminal", lambda path, seconds: Terminal({"identifier": 999_999, "magic": 1})
        )

    def refuse(ledger: object, configuration: Configuration) -> None:
        raise ConnectorError("not further than this")

    monkeypatch.setattr(serve, "raise_tokens", refuse)
    with pytest.raises(ConnectorError, match="not further than this"):
        begin_anew(configuration)
    assert "no terminal that runs has a position of it" in caplog.text
    assert sorted(path.name for path in tmp_path.glob("ledger*.sqlite")) == ["ledger.1.sqlite", "ledger.sqlite"]


@pytest.mark.parametrize("state", sorted(ACTIVE | HELD))
def test_nor_a_trade_in_any_state_in_which_the_broker_may_hold_it(tmp_path: Path, state: TradeState) -> None:
    configuration = configured(tmp_path)
    with closing(History(configuration)) as history:
        trade = replace(history.open(NOON), state=state)
    with pytest.raises(CommandError, match=f"on alpha:EURUSD is {state}, position {trade.position_id}: .*let serve"):
        require_nothing_left_behind([trade], configuration.settings)


def test_nor_that_of_an_account_that_the_settings_name_no_more(tmp_path: Path) -> None:
    configuration = configured(tmp_path)
    with closing(History(configuration)) as history:
        trade = replace(history.open(NOON), platform="former")
    with pytest.raises(CommandError, match="on former:EURUSD is open"):
        require_nothing_left_behind([trade], configuration.settings)
