"""A position at a MetaTrader 5 terminal that the ledger does not know: adopted or disowned, through a worker."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from made_account_at_terminal import LOGIN, SERVER, AccountAtTerminal

from actors.system.clocks import WallClock
from actors.system.runtime_threads import ThreadedRuntime
from connectors.base import Done, OpenOrder
from connectors.mt5.connector import MetaTraderConnector
from console import adoption, metatrader_look, workers
from console.arguments import Adopt, Disown
from console.errors import CommandError
from console.output import Output
from console.tokens import raise_tokens
from persistence.broker_accounts import BrokerAccount
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from trading.market import SECOND, Side
from trading.order_numbers import magic_number
from trading.trade import TradeState

MAGIC = magic_number(4_711, 12)
TOKEN = 9


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AccountAtTerminal:
    """A terminal at which a crew of another ledger has opened a position."""
    made = AccountAtTerminal(tmp_path)
    made.clock.per_look = SECOND
    monkeypatch.setattr(workers, "channel_of", lambda account, configuration: made.channel())
    monkeypatch.setattr(metatrader_look, "market_clock", lambda configuration: made.clock.now)
    settings = made.configuration.settings.account("alpha")
    clock = ThreadedRuntime(WallClock(made.clock.now))
    other = MetaTraderConnector("alpha", settings, made.channel(), clock)
    until = time.monotonic() + 60.0
    other.connect(until)
    other.fence(TOKEN, until)
    outcome = other.open(OpenOrder("EURUSD", Side.BUY, 0.3, MAGIC, "wb 3", 1.1001), TOKEN, until)
    assert isinstance(outcome, Done)
    other.disconnect()
    return made


@pytest.fixture
def ledger(terminal: AccountAtTerminal) -> Iterator[Ledger]:
    """A ledger that knows nothing of it."""
    with closing(Ledger.open(terminal.configuration.database_url, writer="test")) as opened:
        yield opened


def run(command: Adopt | Disown, terminal: AccountAtTerminal) -> Any:
    stdout = io.StringIO()
    output = Output(as_json=True, stdout=stdout, stderr=io.StringIO())
    assert adoption.run(command, terminal.configuration, output) == 0
    return json.loads(stdout.getvalue())


def token_given_next(ledger: Ledger) -> int:
    held = ledger.reservations.reserve_resource(account_resource("alpha"), "leader", 60.0)
    assert held is not None
    return held.token


def test_it_is_adopted_with_the_brokers_facts_under_a_token_that_the_worker_takes(
    terminal: AccountAtTerminal, ledger: Ledger
) -> None:
    run(Adopt(platform="alpha", magic=MAGIC, stop_price=1.09), terminal)
    (trade,) = ledger.trades.active("alpha")
    (held,) = terminal.server.account.book.holdings.values()
    assert (trade.state, trade.magic, trade.position_id) == (TradeState.OPEN, MAGIC, held.position_id)
    assert (trade.ticket, trade.volume_lots, trade.entry_price) == (held.ticket, 0.3, held.open_price)
    assert token_given_next(ledger) > TOKEN


def test_an_account_without_trades_is_the_one_in_which_a_position_of_it_was_adopted(
    terminal: AccountAtTerminal, ledger: Ledger
) -> None:
    ledger.broker_accounts.settle({"alpha": BrokerAccount(5, "Former-Demo")}, at=0)
    run(Adopt(platform="alpha", magic=MAGIC, stop_price=1.09), terminal)
    assert ledger.broker_accounts.of("alpha") == BrokerAccount(LOGIN, SERVER)


def test_it_is_disowned_and_the_account_is_this_ledgers_from_then_on(
    terminal: AccountAtTerminal, ledger: Ledger
) -> None:
    run(Disown(platform="alpha", magic=MAGIC), terminal)
    assert MAGIC in ledger.disowned.of("alpha")
    assert not ledger.trades.list()
    assert token_given_next(ledger) > TOKEN
    assert [held.magic for held in terminal.server.account.book.holdings.values()] == [MAGIC], "it is left alone"


@pytest.mark.usefixtures("ledger")
def test_a_number_that_the_account_does_not_hold_is_named(terminal: AccountAtTerminal) -> None:
    with pytest.raises(CommandError, match=f"MAGIC is 5; alpha holds no position of that number, only {MAGIC}"):
        run(Adopt(platform="alpha", magic=5, stop_price=1.0), terminal)


def test_a_new_ledger_raises_its_tokens_above_those_that_the_worker_has_seen(
    terminal: AccountAtTerminal, ledger: Ledger
) -> None:
    raise_tokens(ledger, terminal.configuration)
    assert token_given_next(ledger) > TOKEN
    assert ledger.reservations.last_token(account_resource("beta")) == 0, "beta is disabled"


def test_a_broker_that_cannot_be_asked_for_its_token_is_said_and_no_reason_to_stop(
    terminal: AccountAtTerminal, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(account: object, configuration: object) -> None:
        raise CommandError("there is no way to the worker")

    monkeypatch.setattr(workers, "channel_of", refuse)
    raise_tokens(ledger, terminal.configuration)
    assert "account alpha: its broker was not asked for its token: there is no way to the worker" in caplog.text


@pytest.mark.usefixtures("ledger")
def test_a_terminal_that_cannot_log_in_is_named(terminal: AccountAtTerminal) -> None:
    terminal.server.script.next("log_in", code=-6, times=9)
    with pytest.raises(CommandError, match="Authorization failed"):
        run(Adopt(platform="alpha", magic=MAGIC, stop_price=1.0), terminal)
