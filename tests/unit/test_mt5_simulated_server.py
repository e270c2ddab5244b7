"""The broker behind the package's double keeps an account as MetaTrader does, and goes wrong where it is told to."""

from __future__ import annotations

import math
import random
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trading
from connectors.base import ConnectorError
from connectors.mock_clock import ManualClock
from connectors.mt5 import facts, simulated_rates
from connectors.mt5.layouts import STRUCTURES, fields_of
from connectors.mt5.simulated_clock import ServerClock, eastern_europe, fixed, new_york_close, zone_named
from connectors.mt5.simulated_market import HandMarket, RecordedMarket
from connectors.mt5.simulated_script import CALLS, Trouble
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import FOK, IOC, AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Executed, Received, Refused
from connectors.mt5.trade_server import PackageError, Record, TradeServer
from trading.bars import BarSeries, Floats
from trading.commodities import catalogue
from trading.market import DAY, HOUR, MINUTE, SECOND, Side, instant, moment
from trading.settings_accounts import PaperSettings

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
EURUSD = "EURUSD.m"
NOON = 1_704_715_200_000  # a Monday in January
BUY, SELL = facts.ORDER_TYPE_BUY, facts.ORDER_TYPE_SELL
FREE = PaperSettings(slippage_points=0, commission_per_lot=0)
DEAR = PaperSettings(slippage_points=2, commission_per_lot=3.5)


def request(volume: float = 0.1, order_type: int = BUY, **changes: Any) -> dict[str, Any]:
    """An order to buy, as the package passes it on."""
    plain: dict[str, Any] = {
        "action": facts.TRADE_ACTION_DEAL,
        "magic": 7,
        "order": 0,
        "symbol": EURUSD,
        "volume": volume,
        "price": 1.1001 if order_type == BUY else 1.1,
        "stoplimit": 0.0,
        "sl": 0.0,
        "tp": 0.0,
        "deviation": 20,
        "type": order_type,
        "type_filling": facts.ORDER_FILLING_FOK,
        "type_time": facts.ORDER_TIME_GTC,
        "expiration": 0,
        "comment": "watch",
        "position": 0,
        "position_by": 0,
    }
    return plain | changes


class Broker:
    """A server with a market that a test drives."""

    def __init__(self, *, netting: bool = False, paper: PaperSettings = FREE, **symbol: Any) -> None:
        self.clock = ManualClock(NOON)
        self.market = HandMarket()
        self.market.price(EURUSD, 1.1000, 1.1001)
        self.blocked: list[float] = []
        self.server = SimulatedTradeServer(
            AccountTerms(1001, "Sim-Demo", password="secret", netting=netting, paper=paper),
            {EURUSD: SymbolTerms(COMMODITIES["EURUSD"], **symbol)},
            self.market,
            self.clock,
            block=self.blocked.append,
        )
        self.server.symbol_select(EURUSD, True)

    def send(self, volume: float = 0.1, order_type: int = BUY, **changes: Any) -> Record:
        """Send an order."""
        return self.server.order_send(request(volume, order_type, **changes))

    def code(self, volume: float = 0.1, order_type: int = BUY, **changes: Any) -> int:
        """Send an order; its return code."""
        return int(self.send(volume, order_type, **changes)["retcode"])

    def position(self) -> Record:
        """The only one."""
        (held,) = self.server.positions()
        return held

    def deals(self) -> list[Record]:
        """Those that are trades."""
        return [deal for deal in self.server.history_deals() if deal["type"] in (BUY, SELL)]

    def profit(self) -> float:
        """Of everything that was booked since the deposit."""
        parts = ("profit", "swap", "commission", "fee")
        total: float = sum(deal[part] for deal in self.server.history_deals()[1:] for part in parts)
        return round(total, 2)


def test_it_is_a_trade_server() -> None:
    server: TradeServer = Broker().server
    assert server.account_info()["login"] == 1001


# ---------------------------------------------------------------------- what is recorded


def test_an_open_is_a_deal_an_order_and_a_position_of_one_identifier() -> None:
    broker = Broker(paper=DEAR)
    result = broker.send()
    (order,) = broker.server.history_orders()
    (deal,) = broker.deals()
    held = broker.position()
    assert result["retcode"] == facts.TRADE_RETCODE_DONE
    assert result["order"] == order["ticket"] == deal["order"] == held["ticket"] == held["identifier"]
    assert result["deal"] == deal["ticket"]
    assert order["state"] == facts.ORDER_STATE_FILLED
    assert deal["entry"] == facts.DEAL_ENTRY_IN
    assert deal["position_id"] == held["identifier"]
    assert {record["magic"] for record in (order, deal, held)} == {7}
    assert {record["comment"] for record in (order, deal, held)} == {"watch"}
    assert {record["reason"] for record in (order, deal, held)} == {facts.DEAL_REASON_EXPERT}
    assert result["price"] == deal["price"] == held["price_open"] == 1.10012  # two points of slippage
    assert deal["commission"] == -0.35


def test_a_history_begins_with_the_deposit() -> None:
    first = Broker().server.history_deals()[0]
    assert (first["type"], first["profit"], first["position_id"]) == (facts.DEAL_TYPE_BALANCE, 10_000.0, 0)


@pytest.mark.parametrize(
    ("call", "structure"),
    [
        (lambda server: server.terminal_info(), "TerminalInfo"),
        (lambda server: server.account_info(), "AccountInfo"),
        (lambda server: server.symbol_info(EURUSD), "SymbolInfo"),
        (lambda server: server.symbol_info_tick(EURUSD), "Tick"),
        (lambda server: server.positions()[0], "TradePosition"),
        (lambda server: server.orders()[0], "TradeOrder"),
        (lambda server: server.history_orders()[0], "TradeOrder"),
        (lambda server: server.history_deals()[0], "TradeDeal"),
        (lambda server: server.history_deals()[1], "TradeDeal"),
    ],
)
def test_every_record_has_the_fields_of_the_package_and_their_types(call: Any, structure: str) -> None:
    broker = Broker()
    broker.send()
    broker.server.script.next("order_send", code=facts.TRADE_RETCODE_PLACED, fills_after_seconds=60)
    broker.send()
    record = call(broker.server)
    kinds = fields_of(STRUCTURES[structure][1])
    assert list(record) == list(kinds)
    assert {name: type(value) for name, value in record.items()} == kinds


def test_a_close_by_ticket_is_a_deal_out_of_the_same_position() -> None:
    broker = Broker()
    ticket = broker.send()["order"]
    broker.market.price(EURUSD, 1.1011, 1.1012)
    broker.send(0.1, SELL, position=ticket)
    assert broker.server.positions() == []
    opened, closed = broker.deals()
    assert (closed["entry"], closed["position_id"], closed["type"]) == (facts.DEAL_ENTRY_OUT, ticket, SELL)
    assert opened["profit"] == 0.0
    assert closed["profit"] == 10.0
    assert broker.server.account_info()["balance"] == 10_010.0


def test_on_a_hedging_account_an_opposite_order_without_a_position_opens_a_second_one() -> None:
    broker = Broker()
    broker.send()
    broker.send(0.1, SELL)
    assert [held["type"] for held in broker.server.positions()] == [BUY, SELL]


def test_on_a_netting_account_more_than_is_held_reverses_and_the_ticket_changes() -> None:
    broker = Broker(netting=True)
    identifier = broker.send(0.1)["order"]
    order = broker.send(0.3, SELL, position=identifier)["order"]
    held = broker.position()
    assert (held["identifier"], held["ticket"], held["type"], held["volume"]) == (identifier, order, SELL, 0.2)
    assert broker.deals()[-1]["entry"] == facts.DEAL_ENTRY_INOUT
    assert broker.deals()[-1]["volume"] == 0.3


def test_on_a_netting_account_a_ticket_in_a_close_selects_nothing() -> None:
    broker = Broker(netting=True)
    ticket = broker.send(0.1)["order"]
    broker.send(0.1, SELL, position=ticket)
    assert broker.code(0.1, SELL, position=ticket) == facts.TRADE_RETCODE_DONE
    assert broker.position()["type"] == SELL


def test_a_night_is_charged_at_seventeen_in_new_york() -> None:
    broker = Broker()
    broker.send(1.0)
    broker.clock.go_to(NOON + DAY)
    swap = COMMODITIES["EURUSD"].swap_long_per_lot
    assert broker.position()["swap"] == pytest.approx(swap)
    ticket = broker.position()["ticket"]
    broker.send(1.0, SELL, position=ticket)
    assert broker.deals()[-1]["swap"] == pytest.approx(swap)


def test_equity_is_balance_and_profit_and_what_was_lost_is_in_the_deals() -> None:
    broker = Broker(paper=DEAR)
    broker.send(0.5)
    broker.market.price(EURUSD, 1.0990, 1.0991)
    broker.send(0.2, SELL, position=broker.position()["ticket"])
    account = broker.server.account_info()
    assert account["equity"] == round(account["balance"] + account["profit"], 2)
    assert account["balance"] == round(10_000 + broker.profit(), 2)
    assert account["margin"] > 0
    assert account["margin_level"] == pytest.approx(account["equity"] / account["margin"] * 100)


def test_a_loss_that_eats_up_the_margin_is_stopped_out() -> None:
    broker = Broker()
    ticket = broker.send(2.0)["order"]
    broker.market.price(EURUSD, 1.0600, 1.0601)
    assert broker.server.positions() == []
    closed = broker.deals()[-1]
    assert (closed["position_id"], closed["reason"]) == (ticket, facts.DEAL_REASON_SO)
    assert broker.server.history_orders()[-1]["reason"] == facts.ORDER_REASON_SO


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"action": facts.TRADE_ACTION_SLTP}, facts.TRADE_RETCODE_INVALID),
        ({"symbol": "EURUSD"}, facts.TRADE_RETCODE_INVALID),
        ({"type": facts.ORDER_TYPE_BUY_LIMIT}, facts.TRADE_RETCODE_INVALID_ORDER),
        ({"sl": 1.0}, facts.TRADE_RETCODE_INVALID_STOPS),
        ({"tp": 1.2}, facts.TRADE_RETCODE_INVALID_STOPS),
        ({"type_time": facts.ORDER_TIME_DAY}, facts.TRADE_RETCODE_INVALID_EXPIRATION),
        ({"volume": 0.0}, facts.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 0.001}, facts.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 0.015}, facts.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 100_000.0}, facts.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": math.nan}, facts.TRADE_RETCODE_INVALID_VOLUME),
        ({"volume": 20.0}, facts.TRADE_RETCODE_NO_MONEY),
        ({"type_filling": facts.ORDER_FILLING_RETURN}, facts.TRADE_RETCODE_INVALID_FILL),
        ({"type_filling": facts.ORDER_FILLING_BOC}, facts.TRADE_RETCODE_INVALID_FILL),
        ({"position": 12345}, facts.TRADE_RETCODE_POSITION_CLOSED),
    ],
)
def test_an_order_that_does_not_fit_is_refused_with_its_code_and_nothing_comes_of_it(
    changes: dict[str, Any], code: int
) -> None:
    broker = Broker()
    sent = request(**changes)
    assert broker.server.order_check(sent)["retcode"] == code
    assert broker.server.order_send(sent)["retcode"] == code
    assert broker.server.positions() == []
    assert broker.deals() == []
    assert isinstance(broker.server.events[-1], Refused)


@pytest.mark.parametrize(
    ("symbol", "order_type", "code"),
    [
        ({"trade_mode": facts.SYMBOL_TRADE_MODE_DISABLED}, BUY, facts.TRADE_RETCODE_TRADE_DISABLED),
        ({"trade_mode": facts.SYMBOL_TRADE_MODE_LONGONLY}, SELL, facts.TRADE_RETCODE_LONG_ONLY),
        ({"trade_mode": facts.SYMBOL_TRADE_MODE_SHORTONLY}, BUY, facts.TRADE_RETCODE_SHORT_ONLY),
        ({"trade_mode": facts.SYMBOL_TRADE_MODE_CLOSEONLY}, BUY, facts.TRADE_RETCODE_CLOSE_ONLY),
        ({"trade_mode": facts.SYMBOL_TRADE_MODE_LONGONLY}, BUY, facts.TRADE_RETCODE_DONE),
        ({"volume_limit_lots": 0.05}, BUY, facts.TRADE_RETCODE_LIMIT_VOLUME),
        ({"filling_mode": IOC}, BUY, facts.TRADE_RETCODE_INVALID_FILL),
        ({"filling_mode": FOK}, BUY, facts.TRADE_RETCODE_DONE),
        ({"volume_step_lots": 0.03, "volume_min_lots": 0.03}, BUY, facts.TRADE_RETCODE_INVALID_VOLUME),
    ],
)
def test_a_symbol_has_terms_of_its_own(symbol: dict[str, Any], order_type: int, code: int) -> None:
    assert Broker(**symbol).code(0.1, order_type) == code


def test_a_position_can_be_closed_though_its_symbol_is_closed_for_opens() -> None:
    broker = Broker()
    ticket = broker.send()["order"]
    broker.server.hands.change_symbol(EURUSD, trade_mode=facts.SYMBOL_TRADE_MODE_CLOSEONLY, volume_step_lots=0.07)
    assert broker.code() in (facts.TRADE_RETCODE_CLOSE_ONLY, facts.TRADE_RETCODE_INVALID_VOLUME)
    assert broker.code(0.1, SELL, position=ticket) == facts.TRADE_RETCODE_DONE


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"volume": 0.2}, facts.TRADE_RETCODE_INVALID_CLOSE_VOLUME),
        ({"type": BUY}, facts.TRADE_RETCODE_INVALID),
    ],
)
def test_a_close_that_does_not_fit_its_position_is_refused(changes: dict[str, Any], code: int) -> None:
    broker = Broker()
    ticket = broker.send()["order"]
    sent = {**request(0.1, SELL, position=ticket), **changes}
    assert broker.server.order_send(sent)["retcode"] == code


def test_nobody_deals_in_a_shut_market_nor_without_a_price() -> None:
    broker = Broker()
    broker.market.shut(EURUSD)
    assert broker.code() == facts.TRADE_RETCODE_MARKET_CLOSED
    broker.market.reopen(EURUSD)
    assert broker.code() == facts.TRADE_RETCODE_DONE
    without = SimulatedTradeServer(
        AccountTerms(1, "Sim-Demo"), {EURUSD: SymbolTerms(COMMODITIES["EURUSD"])}, HandMarket(), broker.clock
    )
    assert without.order_send(request())["retcode"] == facts.TRADE_RETCODE_PRICE_OFF


def test_at_the_price_asked_for_a_move_beyond_the_deviation_is_a_requote() -> None:
    broker = Broker(execution=facts.SYMBOL_TRADE_EXECUTION_INSTANT)
    broker.market.price(EURUSD, 1.1002, 1.1003)
    result = broker.send(deviation=19)
    assert result["retcode"] == facts.TRADE_RETCODE_REQUOTE
    assert (result["bid"], result["ask"]) == (1.1002, 1.1003)
    assert broker.code(deviation=20) == facts.TRADE_RETCODE_DONE
    assert broker.code(price=0.0) == facts.TRADE_RETCODE_INVALID_PRICE
    assert broker.code(price=1.1003, type_filling=facts.ORDER_FILLING_RETURN) == facts.TRADE_RETCODE_DONE


def test_at_the_market_the_price_asked_for_does_not_matter() -> None:
    broker = Broker()
    assert broker.send(price=2.0, deviation=0)["price"] == 1.1001


# ---------------------------------------------------------------------- on demand


@pytest.mark.parametrize("code", [*sorted(set(facts.RETURN_CODES) - {10_008, 10_009, 10_010}), 0, 10_000, 10_099])
def test_every_return_code_can_be_had_and_nothing_is_executed_with_it(code: int) -> None:
    broker = Broker()
    broker.server.script.next("order_send", code=code)
    assert broker.code() == code
    assert broker.server.positions() == []
    assert broker.code() == facts.TRADE_RETCODE_DONE


@pytest.mark.parametrize("code", [facts.TRADE_RETCODE_TIMEOUT, facts.TRADE_RETCODE_REJECT, 0])
def test_a_server_can_say_no_and_execute_all_the_same(code: int) -> None:
    broker = Broker()
    broker.server.script.next("order_send", code=code, is_done=True)
    assert broker.code() == code
    assert broker.position()["magic"] == 7


@pytest.mark.parametrize("is_done", [True, False])
def test_an_answer_can_be_lost_with_the_order_executed_or_not(is_done: bool) -> None:
    broker = Broker()
    broker.server.script.next("order_send", code=facts.RES_E_INTERNAL_FAIL_RECEIVE, is_done=is_done)
    with pytest.raises(PackageError) as caught:
        broker.send()
    assert caught.value.code == facts.RES_E_INTERNAL_FAIL_RECEIVE
    assert len(broker.server.positions()) == is_done


@pytest.mark.parametrize("code", [facts.TRADE_RETCODE_PLACED, facts.TRADE_RETCODE_DONE])
def test_an_order_can_be_placed_or_done_before_there_is_a_deal(code: int) -> None:
    broker = Broker()
    broker.server.script.next("order_send", code=code, fills_after_seconds=5)
    result = broker.send()
    assert (result["retcode"], result["deal"], result["price"]) == (code, 0, 0.0)
    (working,) = broker.server.orders()
    assert (working["ticket"], working["state"]) == (result["order"], facts.ORDER_STATE_PLACED)
    assert broker.deals() == []
    broker.clock.sleep(5)
    assert broker.server.orders() == []
    (deal,) = broker.deals()
    assert deal["order"] == result["order"]
    assert deal["time_msc"] == broker.server.history_orders()[-1]["time_done_msc"]


def test_the_numbers_of_deals_rise_with_their_times_whenever_their_orders_were_placed() -> None:
    broker = Broker()
    broker.server.script.next("order_send", fills_after_seconds=5)
    early, at_once = broker.send()["order"], broker.send()["order"]
    broker.clock.sleep(5)
    assert [deal["order"] for deal in broker.deals()] == [at_once, early]
    tickets = [deal["ticket"] for deal in broker.deals()]
    assert tickets == sorted(tickets)
    assert {held["ticket"] for held in broker.server.positions()} == {early, at_once}


def test_an_order_that_waits_is_cancelled_where_the_market_shuts_first() -> None:
    broker = Broker()
    broker.server.script.next("order_send", fills_after_seconds=5)
    broker.send()
    broker.market.shut(EURUSD)
    broker.clock.sleep(5)
    assert broker.server.positions() == []
    assert broker.server.history_orders()[-1]["state"] == facts.ORDER_STATE_CANCELED


def test_a_close_that_waits_closes_no_more_than_is_left() -> None:
    broker = Broker()
    ticket = broker.send(0.3)["order"]
    broker.server.script.next("order_send", fills_after_seconds=5)
    broker.send(0.3, SELL, position=ticket)
    broker.server.hands.close(ticket, 0.2)
    broker.clock.sleep(5)
    assert broker.server.positions() == []
    assert [deal["volume"] for deal in broker.deals()] == [0.3, 0.2, 0.1]
    late = broker.server.history_orders()[-1]
    assert (late["volume_initial"], late["volume_current"], late["state"]) == (0.3, 0.2, facts.ORDER_STATE_CANCELED)


def test_a_part_is_executed_and_the_rest_cancelled() -> None:
    broker = Broker()
    broker.server.script.next("order_send", fraction=0.35)
    result = broker.send(0.1)
    assert (result["retcode"], result["volume"]) == (facts.TRADE_RETCODE_DONE_PARTIAL, 0.03)
    order = broker.server.history_orders()[-1]
    assert (order["state"], order["volume_current"]) == (facts.ORDER_STATE_CANCELED, 0.07)
    assert broker.position()["volume"] == 0.03


def test_one_order_can_be_executed_in_several_deals() -> None:
    broker = Broker()
    broker.server.script.next("order_send", pieces=3)
    order = broker.send(0.1)["order"]
    assert [(deal["order"], deal["volume"]) for deal in broker.deals()] == [(order, 0.03), (order, 0.03), (order, 0.04)]
    assert broker.position()["volume"] == 0.1
    broker.server.script.next("order_send", pieces=2)
    broker.send(0.1, SELL, position=order)
    assert broker.server.positions() == []
    assert {deal["position_id"] for deal in broker.deals()} == {order}


@settings(max_examples=40)
@given(steps=st.integers(10, 60), pieces=st.integers(1, 6))
def test_the_deals_of_one_order_are_all_volumes_that_the_symbol_trades(steps: int, pieces: int) -> None:
    broker = Broker(volume_min_lots=0.1)
    broker.server.script.next("order_send", pieces=pieces)
    result = broker.send(steps / 100)
    volumes = [deal["volume"] for deal in broker.deals()]
    assert all(volume >= 0.1 for volume in volumes)
    assert len(volumes) <= pieces
    assert math.isclose(sum(volumes), result["volume"])
    assert result["volume"] == steps / 100


def test_a_broker_can_execute_one_order_twice() -> None:
    broker = Broker()
    broker.server.script.next("order_send", repeats=1)
    broker.send()
    assert [held["magic"] for held in broker.server.positions()] == [7, 7]


def test_a_refusal_can_stand_in_the_history() -> None:
    broker = Broker()
    broker.server.script.next("order_send", code=facts.TRADE_RETCODE_REJECT, in_history=True)
    order = broker.send()["order"]
    (kept,) = broker.server.history_orders()
    assert (kept["ticket"], kept["state"], kept["magic"]) == (order, facts.ORDER_STATE_REJECTED, 7)


def test_a_comment_can_be_rewritten_and_a_ticket_changed() -> None:
    broker = Broker()
    broker.server.script.next("order_send", comment="[sl]", renumbers=True)
    order = broker.send()["order"]
    held = broker.position()
    assert held["comment"] == broker.deals()[0]["comment"] == "[sl]"
    assert held["identifier"] == order
    assert held["ticket"] != order
    assert broker.code(0.1, SELL, position=order) == facts.TRADE_RETCODE_POSITION_CLOSED
    assert broker.code(0.1, SELL, position=held["ticket"]) == facts.TRADE_RETCODE_DONE


def test_a_call_can_be_held_up_for_ever_and_the_order_be_executed() -> None:
    broker = Broker()
    broker.server.script.next("order_send", blocks_seconds=math.inf)
    broker.send()
    assert broker.blocked == [math.inf]
    assert len(broker.server.positions()) == 1


@pytest.mark.parametrize("call", [call for call in CALLS if call != "order_send"])
def test_every_question_can_go_wrong(call: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "log_in": (1001, None, None),
        "symbol_info": (EURUSD,),
        "symbol_select": (EURUSD, True),
        "symbol_info_tick": (EURUSD,),
        "rates": (EURUSD, facts.TIMEFRAME_H1, 0, 1),
        "order_calc_margin": (BUY, EURUSD, 1.0, 1.1),
        "order_calc_profit": (BUY, EURUSD, 1.0, 1.1, 1.2),
        "order_check": (request(),),
    }
    broker = Broker()
    broker.server.script.next(call, code=-10_005, times=2, blocks_seconds=3.0)
    for _ in range(2):
        with pytest.raises(PackageError, match="-10005"):
            getattr(broker.server, call)(*arguments.get(call, ()))
    getattr(broker.server, call)(*arguments.get(call, ()))
    assert broker.blocked == [3.0, 3.0]


@pytest.mark.parametrize(
    ("call", "fields", "said"),
    [
        ("open", {}, "there is no call 'open'"),
        ("positions", {"code": 10_004}, "positions cannot meet"),
        ("order_send", {"fraction": 0.0}, "fraction is 0.0"),
        ("order_send", {"pieces": 0}, "pieces is 0"),
        ("order_send", {"repeats": -1}, "repeats is -1"),
        ("order_send", {"blocks_seconds": math.nan}, "blocks_seconds is nan"),
        ("order_send", {"fills_after_seconds": math.inf}, "fills_after_seconds is inf"),
    ],
)
def test_what_cannot_be_scripted_is_refused(call: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Broker().server.script.next(call, **fields)


# ---------------------------------------------------------------------- people, terminals and brokers


def test_a_person_trades_without_a_magic() -> None:
    broker = Broker()
    broker.server.hands.open(EURUSD, Side.SELL, 0.2)
    held = broker.position()
    assert (held["magic"], held["reason"], held["type"]) == (0, facts.POSITION_REASON_CLIENT, SELL)
    broker.server.hands.close(held["ticket"], 0.1)
    assert broker.position()["volume"] == 0.1
    assert broker.deals()[-1]["reason"] == facts.DEAL_REASON_CLIENT


def test_a_broker_charges_nights_and_stops_positions_out_when_it_likes() -> None:
    broker = Broker()
    ticket = broker.send(1.0)["order"]
    broker.server.hands.charge_night()
    assert broker.position()["swap"] == pytest.approx(COMMODITIES["EURUSD"].swap_long_per_lot)
    broker.server.hands.stop_out(ticket)
    assert broker.deals()[-1]["reason"] == facts.DEAL_REASON_SO
    with pytest.raises(KeyError):
        broker.server.hands.close(ticket)


def test_money_can_be_booked_on_a_position_long_after_it_was_closed() -> None:
    broker = Broker()
    ticket = broker.send()["order"]
    broker.send(0.1, SELL, position=ticket)
    broker.server.hands.adjust(ticket, fee=-1.5)
    corrected = broker.server.history_deals()[-1]
    assert (corrected["type"], corrected["position_id"], corrected["fee"]) == (facts.DEAL_TYPE_CORRECTION, ticket, -1.5)


def test_without_its_server_a_terminal_shows_what_it_knew_and_sends_nothing() -> None:
    broker = Broker()
    ticket = broker.send()["order"]
    broker.server.hands.disconnect()
    broker.market.price(EURUSD, 1.2, 1.2001)
    broker.clock.sleep(60)
    broker.server.hands.close(ticket)
    assert broker.server.terminal_info()["connected"] is False
    assert [held["ticket"] for held in broker.server.positions()] == [ticket]
    tick = broker.server.symbol_info_tick(EURUSD)
    assert (tick["bid"], tick["time_msc"] - NOON) == (1.1, new_york_close(NOON) * SECOND)
    assert broker.code() == facts.TRADE_RETCODE_CONNECTION
    broker.server.hands.connect()
    assert broker.server.positions() == []
    assert broker.server.symbol_info_tick(EURUSD)["bid"] == 1.2


def test_every_switch_that_is_off_has_its_code() -> None:
    broker = Broker()
    broker.server.hands.allow_trading(terminal=False)
    assert broker.server.terminal_info()["trade_allowed"] is False
    assert broker.code() == facts.TRADE_RETCODE_CLIENT_DISABLES_AT
    broker.server.hands.allow_trading(terminal=True, expert=False)
    assert broker.server.account_info()["trade_expert"] is False
    assert broker.code() == facts.TRADE_RETCODE_SERVER_DISABLES_AT
    broker.server.hands.allow_trading(expert=True, api=False)
    assert broker.server.terminal_info()["tradeapi_disabled"] is True
    with pytest.raises(PackageError, match="-8"):
        broker.send()
    broker.server.hands.allow_trading(api=True)
    broker.server.log_in(1001, "investor", "Sim-Demo")
    assert broker.server.account_info()["trade_allowed"] is False
    assert broker.code() == facts.TRADE_RETCODE_TRADE_DISABLED
    assert broker.server.positions() == []


@pytest.mark.parametrize(
    "who", [(1002, "secret", "Sim-Demo"), (1001, "wrong", "Sim-Demo"), (1001, "secret", "Sim-Live")]
)
def test_only_the_account_itself_may_log_in(who: tuple[int, str, str]) -> None:
    with pytest.raises(PackageError, match="-6"):
        Broker().server.log_in(*who)


def test_while_another_account_is_logged_in_nothing_of_ours_is_seen_or_traded() -> None:
    broker = Broker()
    broker.send()
    broker.server.hands.log_in_another(2002, "Sim-Real", facts.ACCOUNT_TRADE_MODE_REAL)
    account = broker.server.account_info()
    assert (account["login"], account["server"], account["trade_mode"], account["balance"]) == (2002, "Sim-Real", 2, 0)
    assert (broker.server.positions(), broker.server.history_deals(), broker.server.history_orders()) == ([], [], [])
    broker.send()
    strayed = broker.server.events[-1]
    assert isinstance(strayed, Received)
    assert strayed.identity.login == 2002
    broker.server.log_in(1001, "secret", "Sim-Demo")
    assert len(broker.server.positions()) == 1


def test_a_history_that_lags_comes_later_and_the_position_at_once() -> None:
    broker = Broker()
    broker.server.hands.hide_history(30)
    broker.send()
    assert len(broker.server.positions()) == 1
    assert (broker.deals(), broker.server.history_orders()) == ([], [])
    broker.clock.sleep(30)
    assert len(broker.deals()) == 1


def test_what_really_happened_is_told_in_order() -> None:
    broker = Broker()
    broker.server.script.next("order_send", code=facts.RES_E_INTERNAL_FAIL_RECEIVE, is_done=True)
    with pytest.raises(PackageError):
        broker.send()
    received, executed = broker.server.events
    assert isinstance(received, Received)
    assert isinstance(executed, Executed)
    assert (received.request.magic, executed.magic, executed.volume_lots) == (7, 7, 0.1)


# ---------------------------------------------------------------------- symbols and money


def test_a_symbol_shows_no_price_until_it_is_selected_and_stays_while_it_is_held() -> None:
    broker = Broker()
    broker.server.symbol_select(EURUSD, False)
    assert broker.server.symbol_info_tick(EURUSD)["bid"] == 0.0
    assert broker.server.symbol_info(EURUSD)["visible"] is False
    broker.server.symbol_select(EURUSD, True)
    broker.send()
    with pytest.raises(PackageError):
        broker.server.symbol_select(EURUSD, False)


@pytest.mark.parametrize("call", ["symbol_info", "symbol_info_tick"])
def test_a_symbol_that_the_broker_does_not_have_is_not_found(call: str) -> None:
    with pytest.raises(PackageError, match="-4"):
        getattr(Broker().server, call)("EURUSD")


def test_a_profit_currency_is_converted_by_a_symbol_of_the_broker() -> None:
    market = HandMarket()
    market.price("USDJPY", 150.0, 150.02)
    terms = AccountTerms(1, "Sim-Demo", paper=FREE)
    server = SimulatedTradeServer(terms, {"USDJPY": SymbolTerms(COMMODITIES["USDJPY"])}, market, ManualClock(NOON))
    assert server.order_calc_profit(BUY, "USDJPY", 1.0, 150.0, 151.0) == pytest.approx(100_000 / 150.01, abs=0.01)
    assert server.order_calc_margin(BUY, "USDJPY", 1.0, 150.0) == pytest.approx(100_000 * 150 / 30 / 150.01, abs=0.01)
    assert server.symbol_info("USDJPY")["trade_tick_value"] == pytest.approx(100 / 150.01)
    with pytest.raises(ConnectorError, match="no commodity with prices converts"):
        SimulatedTradeServer(
            AccountTerms(1, "Sim-Demo", paper=PaperSettings(currency="EUR")),
            {"USDJPY": SymbolTerms(COMMODITIES["USDJPY"])},
            market,
            ManualClock(NOON),
        )


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), netting=st.booleans())
def test_the_balance_is_the_sum_of_the_deals_whatever_is_done(seed: int, netting: bool) -> None:
    rng = random.Random(seed)
    broker = Broker(netting=netting, paper=DEAR)
    for _ in range(12):
        bid = round(1.1 + rng.uniform(-0.01, 0.01), 5)
        broker.market.price(EURUSD, bid, round(bid + 0.0001, 5))
        held = [position["ticket"] for position in broker.server.positions()]
        trouble = rng.choice([Trouble(), Trouble(pieces=2), Trouble(fraction=0.5), Trouble(fills_after_seconds=3.0)])
        broker.server.script.add("order_send", trouble)
        lots = rng.randint(1, 30) / 100
        broker.send(lots, rng.choice([BUY, SELL]), position=rng.choice([0, *held]))
        broker.clock.sleep(rng.choice([0, 1, 5, 40_000]))
    account = broker.server.account_info()
    assert account["balance"] == pytest.approx(10_000 + broker.profit(), abs=0.005)
    floating = sum(position["profit"] + position["swap"] for position in broker.server.positions())
    assert account["equity"] == pytest.approx(account["balance"] + floating, abs=0.005)
    done = {order["ticket"]: 0.0 for order in broker.server.history_orders()}
    for deal in broker.deals():
        done[deal["order"]] += deal["volume"]
    for order in broker.server.history_orders():
        assert done[order["ticket"]] == pytest.approx(order["volume_initial"] - order["volume_current"])


# ---------------------------------------------------------------------- clocks and bars


def utc(text: str) -> int:
    """The instant that is written here."""
    return instant(datetime.fromisoformat(f"{text}+00:00"))


@pytest.mark.parametrize(
    ("zone", "at", "hours"),
    [
        (new_york_close, "2024-03-10T06:59:59", 2),
        (new_york_close, "2024-03-10T07:00:00", 3),
        (eastern_europe, "2024-03-10T07:00:00", 2),
        (eastern_europe, "2024-03-31T00:59:59", 2),
        (eastern_europe, "2024-03-31T01:00:00", 3),
        (new_york_close, "2024-10-31T12:00:00", 3),
        (eastern_europe, "2024-10-31T12:00:00", 2),
        (new_york_close, "2024-11-03T06:00:00", 2),
        (zone_named("+5:30"), "2024-07-01T00:00:00", 5.5),
        (zone_named("-3"), "2024-07-01T00:00:00", -3),
        (zone_named("europe"), "2024-07-01T00:00:00", 3),
    ],
)
def test_a_zone_keeps_its_dates_of_daylight_saving(zone: Any, at: str, hours: float) -> None:
    assert zone(utc(at)) == hours * 3_600


@pytest.mark.parametrize("name", ["", "2", "+15", "New_York", "+2:75"])
def test_a_zone_that_there_is_not_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"zone is {name!r}".replace("+", r"\+")):
        zone_named(name)


def test_what_was_stamped_keeps_its_stamp_when_the_broker_changes_its_clock() -> None:
    clock = ServerClock(fixed(7_200))
    clock.change(fixed(10_800), NOON)
    assert clock.milliseconds(NOON - 1) == NOON - 1 + 7_200_000
    assert clock.milliseconds(NOON) == NOON + 10_800_000


def test_ticks_deals_and_positions_are_stamped_by_the_servers_clock() -> None:
    broker = Broker()
    broker.send()
    broker.server.hands.change_zone(fixed(0))
    broker.clock.sleep(60)
    assert broker.deals()[0]["time_msc"] == broker.position()["time_msc"] == NOON
    assert broker.server.symbol_info_tick(EURUSD)["time"] * SECOND == NOON + MINUTE
    other = Broker()
    other.send()
    assert other.deals()[0]["time_msc"] == NOON + 2 * HOUR


def hours(count: int, start: int = NOON) -> BarSeries:
    """Bars of an hour that rise by ten points each."""
    close: Floats = 1.1 + np.arange(count, dtype=np.float64) * 0.001
    return BarSeries(
        commodity="EURUSD",
        bar_seconds=3_600,
        time=start + np.arange(count, dtype=np.int64) * HOUR,
        open=close - 0.0005,
        high=close + 0.002,
        low=close - 0.002,
        close=close,
        spread=np.full(count, 0.0002),
    )


def recorded(series: BarSeries, at: int) -> tuple[SimulatedTradeServer, ManualClock]:
    clock = ManualClock(at)
    market = RecordedMarket({EURUSD: series}, {EURUSD: COMMODITIES["EURUSD"]})
    server = SimulatedTradeServer(
        AccountTerms(1, "Sim-Demo", paper=FREE), {EURUSD: SymbolTerms(COMMODITIES["EURUSD"])}, market, clock
    )
    server.symbol_select(EURUSD, True)
    return server, clock


def test_a_recorded_market_ticks_four_times_a_bar_and_shuts_where_there_is_none() -> None:
    server, clock = recorded(hours(2), NOON)
    assert server.symbol_info_tick(EURUSD)["bid"] == pytest.approx(1.0994)
    clock.go_to(NOON + 20 * MINUTE)
    tick = server.symbol_info_tick(EURUSD)
    assert (tick["bid"], tick["ask"]) == (pytest.approx(1.0979), pytest.approx(1.0981))  # the low: nothing is held
    clock.go_to(NOON + 2 * HOUR)
    assert server.order_send(request())["retcode"] == facts.TRADE_RETCODE_MARKET_CLOSED


def test_bars_are_of_bids_in_the_servers_clock_and_the_one_under_way_knows_no_future() -> None:
    server, clock = recorded(hours(30), NOON + 5 * HOUR)
    stamp = (NOON + 5 * HOUR) // SECOND + 7_200
    *_, under_way = server.rates(EURUSD, facts.TIMEFRAME_H1, 0, 3)
    bid = round(1.105 - 0.0005 - 0.0001, 5)
    assert under_way[:5] == (stamp, bid, bid, bid, bid)
    clock.go_to(NOON + 5 * HOUR + 21 * MINUTE)
    assert server.rates(EURUSD, facts.TIMEFRAME_H1, 0, 1)[0][3] == round(1.105 - 0.002 - 0.0001, 5)
    (complete,) = server.rates(EURUSD, facts.TIMEFRAME_H1, 1, 1)
    assert complete[0] == stamp - 3_600
    assert complete[6] == 20  # points


@pytest.mark.parametrize(
    ("timeframe", "seconds"),
    [(facts.TIMEFRAME_H4, 4 * 3_600), (facts.TIMEFRAME_D1, 86_400), (facts.TIMEFRAME_H1, 3_600)],
)
def test_longer_bars_are_made_of_the_recorded_ones_on_the_servers_grid(timeframe: int, seconds: int) -> None:
    server, _ = recorded(hours(24 * 12), NOON + 24 * 12 * HOUR - 1)
    longer = server.rates(EURUSD, timeframe, 0, 5)
    assert len(longer) == 5
    assert all(row[0] % seconds == 0 for row in longer)
    inner = [
        row for row in server.rates(EURUSD, facts.TIMEFRAME_H1, 0, 1_000) if row[0] // seconds * seconds == longer[2][0]
    ]
    assert longer[2][1:5] == (inner[0][1], max(row[2] for row in inner), min(row[3] for row in inner), inner[-1][4])


def test_weeks_begin_on_sunday_and_months_on_the_first() -> None:
    server, _ = recorded(hours(24 * 90), NOON + 24 * 90 * HOUR - 1)
    for week in server.rates(EURUSD, facts.TIMEFRAME_W1, 0, 3):
        assert moment(week[0] * SECOND).strftime("%A %H:%M") == "Sunday 00:00"
    for month in server.rates(EURUSD, facts.TIMEFRAME_MN1, 0, 2):
        assert moment(month[0] * SECOND).strftime("%d %H:%M") == "01 00:00"


def test_bars_of_a_clock_that_stands_between_two_hours_keep_their_times() -> None:
    server, clock = recorded(hours(5), NOON + 3 * HOUR)
    server.hands.change_zone(fixed(0))
    clock.go_to(NOON + 3 * HOUR)
    whole = [row[0] for row in server.rates(EURUSD, facts.TIMEFRAME_H1, 0, 1)]
    server.hands.change_zone(zone_named("+5:30"))
    assert [row[0] for row in server.rates(EURUSD, facts.TIMEFRAME_H1, 0, 1)] == [whole[0] + 19_800]


@pytest.mark.parametrize("timeframe", [0, 7, 0x4000, -1, 2**31])
def test_a_time_frame_that_there_is_not_is_refused(timeframe: int) -> None:
    server, _ = recorded(hours(5), NOON + HOUR)
    with pytest.raises(PackageError, match="-2"):
        server.rates(EURUSD, timeframe, 0, 10)


def test_there_are_no_bars_shorter_than_the_markets_own() -> None:
    server, _ = recorded(hours(5), NOON + HOUR)
    with pytest.raises(PackageError):
        server.rates(EURUSD, facts.TIMEFRAME_M1, 0, 10)
    assert simulated_rates.frame_seconds(facts.TIMEFRAME_M15) == 900


def test_a_position_makes_the_bars_hard_on_itself() -> None:
    server, clock = recorded(hours(3), NOON + HOUR + MINUTE)
    server.order_send(request(0.1, SELL))
    clock.go_to(NOON + HOUR + 20 * MINUTE)
    assert server.symbol_info_tick(EURUSD)["bid"] == pytest.approx(1.1029)  # the high, which hurts a sell
