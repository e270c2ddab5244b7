"""A crew at a broker that has some of its symbols no more: the others are guarded, and a person is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from crew_helpers import StartCrew, alerts, decisions, must_agree, now, only_alpha, opened, told
from made_metatrader import SUFFIXED
from made_terminal_crews import POLL_SECONDS, TerminalCrew

from actors.blind_spots import BLIND_SECONDS, READ_AGAIN_SECONDS, REMINDER_SECONDS
from actors.names import JUDGED_AGAIN, UNJUDGED, platform_actor
from actors.system.runtime_virtual import VirtualWorld
from connectors.mt5.connector import MetaTraderConnector
from connectors.mt5.simulated_account import SimulatedAccount
from trading.bars import BarSeries
from trading.trade import CloseReason, Trade, TradeState

POUND = "GBPUSDm"


@pytest.fixture
def crew() -> Iterator[TerminalCrew]:
    with TerminalCrew(symbols=SUFFIXED) as made:
        yield made


def account_of(crew: TerminalCrew) -> SimulatedAccount:
    return crew.broker.account


def stop(crew: TerminalCrew, trade: Trade) -> None:
    """Let the price of the trade's symbol fall through its stop, and be seen."""
    crew.price(round(trade.stop_price - 0.0010, 5), SUFFIXED[trade.commodity])
    crew.run_for(1.5 * POLL_SECONDS)


def test_after_a_restart_without_one_of_the_symbols_the_positions_of_the_others_are_guarded(
    world: VirtualWorld, ledger_url: str
) -> None:
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url) as before:
        euro, pound = opened(before), opened(before, commodity="GBPUSD")
    symbols = account_of(before).symbols
    terms = symbols.pop(POUND)
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url, after=before) as crew:
        crew.run_for(BLIND_SECONDS)
        stop(crew, euro)
        assert now(crew, euro).close_reason is CloseReason.STOP
        crew.price(round(pound.stop_price - 0.0010, 5), POUND)
        crew.run_for(REMINDER_SECONDS - 60)
        assert now(crew, pound).state is TradeState.OPEN
        (said,) = alerts(crew, UNJUDGED)
        assert f"alpha:GBPUSD (open, position {pound.position_id})" in said
        crew.run_for(60)
        assert alerts(crew, UNJUDGED) == [said, said], "it is said again and again"
        assert alerts(crew, JUDGED_AGAIN) == []

        symbols[POUND] = terms
        crew.run_for(2 * BLIND_SECONDS)
        assert alerts(crew, JUDGED_AGAIN) == ["alpha: its trades are judged again"]
        assert now(crew, pound).close_reason is CloseReason.STOP
        assert alerts(crew, UNJUDGED) == [said, said]
        must_agree(crew)


def test_a_symbol_that_vanishes_while_a_trade_in_it_is_open_is_told_and_the_others_are_guarded(
    crew: TerminalCrew,
) -> None:
    euro, pound = opened(crew), opened(crew, commodity="GBPUSD")
    del account_of(crew).symbols[POUND]
    crew.run_for(BLIND_SECONDS / 2)
    assert alerts(crew, UNJUDGED) == []
    crew.run_for(BLIND_SECONDS)
    assert len(alerts(crew, UNJUDGED)) == 1
    stop(crew, euro)
    assert now(crew, euro).close_reason is CloseReason.STOP
    assert now(crew, pound).state is TradeState.OPEN


def test_nothing_is_opened_in_a_commodity_whose_symbol_the_broker_does_not_have_and_the_reason_is_said(
    world: VirtualWorld, ledger_url: str
) -> None:
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url) as before:
        symbols = account_of(before).symbols
    terms = symbols.pop(POUND)
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url, after=before) as crew:
        assert told(crew, commodity="GBPUSD") is None
        assert decisions(crew)[-1] == "refused:no plan"
        opened(crew)
        assert alerts(crew, UNJUDGED) == [], "nothing is held of it"
        symbols[POUND] = terms
        crew.run_for(2 * BLIND_SECONDS)
        opened(crew, commodity="GBPUSD")


def test_nothing_is_opened_in_a_symbol_whose_terms_are_incomplete_until_they_are_whole(
    world: VirtualWorld, ledger_url: str
) -> None:
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url) as before:
        before.broker.hands.change_symbol(POUND, volume_step_lots=0.0)
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url, after=before) as crew:
        assert told(crew, commodity="GBPUSD") is None
        assert decisions(crew)[-1] == "refused:not its commodity"
        crew.broker.hands.change_symbol(POUND, volume_step_lots=0.01)
        crew.run_for(2 * BLIND_SECONDS)
        opened(crew, commodity="GBPUSD")


def test_bars_of_a_symbol_that_the_broker_does_not_have_are_not_asked_for(
    world: VirtualWorld, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url) as before:
        del account_of(before).symbols[POUND]
    asked: list[str] = []
    bars = MetaTraderConnector.bars

    def listened(connector: MetaTraderConnector, commodity: str, count: int, deadline: float) -> BarSeries:
        asked.append(commodity)
        return bars(connector, commodity, count, deadline)

    monkeypatch.setattr(MetaTraderConnector, "bars", listened)
    with TerminalCrew(symbols=SUFFIXED, world=world, database_url=ledger_url, after=before) as crew:
        crew.run_for(600)
        assert set(asked) == {"EURUSD"}
        assert alerts(crew, "no_bars") == []
        assert platform_actor("alpha") not in [alert.actor for alert in crew.system.alerts if alert.reason == "crashed"]


def test_a_pair_that_is_quoted_only_to_convert_money_does_not_have_the_terms_read_again_and_again(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    broker = crew.brokers["alpha"]
    quotes = broker.quotes
    monkeypatch.setattr(
        broker, "quotes", lambda deadline: [*(told := quotes(deadline)), replace(told[0], commodity="GBPUSD")]
    )
    read = len(broker.asked("instruments"))
    crew.run_for(5 * READ_AGAIN_SECONDS)
    assert len(broker.asked("instruments")) == read == 1
