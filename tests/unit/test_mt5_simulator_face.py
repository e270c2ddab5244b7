"""The double of MetaTrader5, connected: filters, failures, and what it takes to be connected again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_bars import steady
from made_terminals import LOGIN, PASSWORD, SERVER, TUESDAY_NOON, Terminal
from mt5_argument_table import order

from connectors.mt5 import facts, simulator
from connectors.mt5.group_masks import in_group
from connectors.mt5.simulator import Package
from connectors.mt5.structures import OrderCheckResult, OrderSendResult, TradeDeal, TradePosition
from connectors.mt5.trade_server import PackageError, TradeServer
from trading.market import HOUR, SECOND, Side

SUCCESS = (1, "Success")
NO_CONNECTION = (-10004, "No IPC connection")


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def package(terminal: Terminal) -> Package:
    return terminal.connected()


def opened(package: Package, **changes: Any) -> Any:
    """The result of a market order that was executed."""
    result = package.order_send(order(**changes))
    assert result.retcode == facts.TRADE_RETCODE_DONE, result
    return result


# ------------------------------------------------------------ the connection


def test_before_any_call_there_is_no_error() -> None:
    assert Package().last_error() == (0, "")


def test_a_connected_package_tells_of_terminal_account_and_symbols(package: Package) -> None:
    assert package.terminal_info().connected is True
    assert package.version() == (500, package.terminal_info().build, simulator.BUILD_DATE)
    account = package.account_info()
    assert (account.login, account.server, account.balance) == (LOGIN, SERVER, account.equity)
    assert package.symbols_total() == 3
    assert [symbol.name for symbol in package.symbols_get()] == ["EURUSD", "GBPUSD", "USDJPY"]
    assert package.symbol_info("USDJPY").digits == 3
    assert package.symbol_info_tick("EURUSD").bid == 1.1
    assert package.last_error() == SUCCESS


def test_shutdown_lets_go_and_everything_else_then_finds_no_connection(package: Package) -> None:
    assert package.shutdown() is True
    assert package.last_error() == SUCCESS
    assert package.account_info() is None
    assert package.last_error() == NO_CONNECTION


def test_a_wrong_password_leaves_the_package_without_a_connection(terminal: Terminal) -> None:
    package = terminal.package
    assert package.initialize("terminal", login=LOGIN, password="wrong", server=SERVER) is False
    assert package.last_error()[0] == facts.RES_E_AUTH_FAILED
    assert package.account_info() is None
    assert package.last_error() == NO_CONNECTION


def test_a_refused_login_of_a_connected_package_leaves_it_connected(package: Package) -> None:
    assert package.login(LOGIN, "wrong", SERVER) is False
    assert package.last_error()[0] == facts.RES_E_AUTH_FAILED
    assert package.login(LOGIN, password=PASSWORD, server=SERVER) is True
    assert package.account_info().login == LOGIN


def test_initialize_with_arguments_that_it_refuses_lets_go_of_the_connection_all_the_same(package: Package) -> None:
    assert package.initialize(path=3) is False
    assert package.account_info() is None
    assert package.last_error() == NO_CONNECTION


def test_the_opener_is_told_the_path_and_the_time_that_it_has() -> None:
    asked: list[tuple[str, float]] = []

    def nobody_there(path: str, timeout_seconds: float) -> TradeServer:
        asked.append((path, timeout_seconds))
        raise PackageError(facts.RES_E_INTERNAL_FAIL_TIMEOUT, facts.ERRORS[facts.RES_E_INTERNAL_FAIL_TIMEOUT])

    package = Package(nobody_there)
    assert package.initialize("here", timeout=2_500) is False
    assert package.initialize(path="there") is False
    assert asked == [("here", 2.5), ("there", 60.0)]
    assert package.last_error() == (-10005, "IPC timeout")


def test_without_a_path_there_is_no_terminal_to_be_found() -> None:
    package = Package()
    assert package.initialize() is False
    assert package.last_error() == (-10003, "IPC initialize failed, MetaTrader 5 x64 not found")


def test_a_terminals_file_that_points_at_nobody_is_a_failed_initialize(tmp_path: Path) -> None:
    file = tmp_path / "terminal.json"
    file.write_text(json.dumps({"host": "127.0.0.1", "port": 1, "secret": "0" * 64, "account": "alpha"}))
    package = Package()
    assert package.initialize(str(file), timeout=2_000) is False
    assert package.last_error()[0] == facts.RES_E_INTERNAL_FAIL_INIT


def test_a_call_that_python_itself_refuses_leaves_the_last_error_as_it_was(package: Package) -> None:
    assert package.symbol_info("NOBODY") is None
    with pytest.raises(TypeError, match=r"positions_total\(\) takes no arguments \(1 given\)"):
        package.positions_total(0)
    with pytest.raises(TypeError, match=r"symbol_info\(\) takes no keyword arguments"):
        package.symbol_info(symbol="EURUSD")
    assert package.last_error() == (-4, "Terminal: Not found")


def test_a_datetime_cannot_be_read_while_an_earlier_time_has_left_its_exception_behind(package: Package) -> None:
    with pytest.raises(SystemError, match="history_deals_get"):
        package.history_deals_get(2**40, datetime(2024, 1, 2, tzinfo=UTC))
    assert package.last_error() == (-2, "Invalid arguments")
    assert package.positions_get() == ()


@pytest.mark.parametrize("code", [-10001, -10002, -10004])
def test_after_a_lost_answer_everything_fails_until_the_package_is_initialized_again(
    terminal: Terminal, package: Package, code: int
) -> None:
    terminal.server.script.next("account_info", code=code)
    assert package.account_info() is None
    assert package.last_error() == (code, facts.ERRORS[code])
    assert package.account_info() is None
    assert package.last_error() == NO_CONNECTION
    assert package.initialize("terminal", login=LOGIN, password=PASSWORD, server=SERVER) is True
    assert package.account_info().login == LOGIN


def test_a_connection_that_is_out_of_step_stays_so_until_the_package_is_initialized_again(
    terminal: Terminal, package: Package
) -> None:
    terminal.server.script.next("positions", code=facts.RES_E_INTERNAL_FAIL)
    for _ in range(3):
        assert package.positions_get() is None
        assert package.last_error() == (-10000, "IPC call failed")
    assert package.initialize("terminal", login=LOGIN, password=PASSWORD, server=SERVER) is True
    assert package.positions_get() == ()


def test_a_terminal_that_answers_late_stays_connected(terminal: Terminal, package: Package) -> None:
    terminal.server.script.next("account_info", code=facts.RES_E_INTERNAL_FAIL_TIMEOUT)
    assert package.account_info() is None
    assert package.last_error() == (-10005, "IPC timeout")
    assert package.account_info().login == LOGIN


def test_the_module_is_one_package_for_the_process(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator.PACKAGE, "connection", terminal.package.connection)
    assert simulator.initialize("terminal", login=LOGIN, password=PASSWORD, server=SERVER)
    assert simulator.account_info().login == LOGIN
    assert simulator.last_error() == SUCCESS
    assert simulator.shutdown()


def test_two_packages_in_one_process_see_their_own_accounts(terminal: Terminal, package: Package) -> None:
    other = Terminal().connected()
    opened(package)
    assert (package.positions_total(), other.positions_total()) == (1, 0)
    assert other.symbol_info("NOBODY") is None
    assert (package.last_error()[0], other.last_error()[0]) == (1, -4)


# ------------------------------------------------------------ symbols


def test_a_symbol_that_the_broker_does_not_have_is_not_found(package: Package) -> None:
    for function in (package.symbol_info, package.symbol_info_tick, package.market_book_get):
        assert function("NOBODY") is None
        assert package.last_error() == (-4, "Terminal: Not found")
    assert package.symbol_select("NOBODY", True) is False
    assert package.last_error() == (-4, "Terminal: Not found")


def test_there_is_no_depth_of_market(package: Package) -> None:
    assert package.market_book_add("EURUSD") is False
    assert package.market_book_get("EURUSD") is None
    assert package.last_error() == (-7, "Terminal: Unsupported function")
    assert package.market_book_release("EURUSD") is False


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("*", ["EURUSD", "GBPUSD", "USDJPY"]),
        ("*USD", ["EURUSD", "GBPUSD"]),
        ("*USD*", ["EURUSD", "GBPUSD", "USDJPY"]),
        ("USD*,EUR*", ["EURUSD", "USDJPY"]),
        ("*, !EUR*", ["GBPUSD", "USDJPY"]),
        ("!EUR*,*", ["GBPUSD", "USDJPY"]),
        ("!EUR*", []),
        ("EURUSD", ["EURUSD"]),
        ("eurusd", []),
        ("EUR", []),
        (" EURUSD , , GBPUSD ", ["EURUSD", "GBPUSD"]),
    ],
)
def test_a_group_is_a_list_of_masks_and_of_what_is_excluded(package: Package, group: str, names: list[str]) -> None:
    assert [symbol.name for symbol in package.symbols_get(group)] == names
    assert [symbol.name for symbol in package.symbols_get(group=group)] == names


@given(st.text(alphabet="AB.*", max_size=6), st.text(alphabet="AB.", max_size=6))
def test_a_star_stands_for_any_characters_and_everything_else_for_itself(mask: str, symbol: str) -> None:
    def matches(mask: str, symbol: str) -> bool:
        if not mask:
            return not symbol
        if mask[0] == "*":
            return matches(mask[1:], symbol) or (bool(symbol) and matches(mask, symbol[1:]))
        return bool(symbol) and symbol[0] == mask[0] and matches(mask[1:], symbol[1:])

    assert in_group(symbol, mask) == (bool(mask) and matches(mask, symbol))
    assert not in_group(symbol, f"*,!{mask}") or not mask or not matches(mask, symbol)


# ------------------------------------------------------------ positions, orders and history


def test_positions_are_found_by_ticket_by_symbol_or_by_group_and_by_nothing_else(package: Package) -> None:
    euro, pound = opened(package, magic=7), opened(package, symbol="GBPUSD", price=1.2701, magic=8)
    by_ticket = package.positions_get(ticket=pound.order)
    assert [(position.symbol, position.magic) for position in by_ticket] == [("GBPUSD", 8)]
    assert [position.ticket for position in package.positions_get(symbol="EURUSD")] == [euro.order]
    assert [position.ticket for position in package.positions_get(group="*,!EUR*")] == [pound.order]
    assert len(package.positions_get(magic=7)) == package.positions_total() == 2
    assert all(isinstance(position, TradePosition) for position in package.positions_get())


def test_the_first_filter_that_is_given_is_the_only_one(package: Package) -> None:
    euro = opened(package)
    assert len(package.positions_get(ticket=euro.order, symbol="GBPUSD")) == 1
    assert package.positions_get(symbol="GBPUSD", group="*") == ()


def test_what_is_not_there_is_an_empty_tuple_and_a_success(package: Package) -> None:
    for found in (
        package.positions_get(ticket=9),
        package.orders_get(symbol="NOBODY"),
        package.history_deals_get(position=9),
        package.history_orders_get(ticket=9),
        package.symbols_get("NOBODY"),
    ):
        assert found == ()
        assert package.last_error() == SUCCESS


def test_history_is_found_by_time_on_the_brokers_clock_both_ends_included(terminal: Terminal, package: Package) -> None:
    terminal.clock.wait(60)
    opened(package)
    at = terminal.broker_seconds
    assert [deal.time for deal in package.history_deals_get(at, at)] == [at]
    assert [made.time_setup for made in package.history_orders_get(at, at)] == [at]
    assert package.history_deals_get(at + 1, at + 10) == ()
    assert (package.history_deals_total(at, at), package.history_orders_total(at, at)) == (1, 1)
    assert package.history_deals_total(0, at) == 2  # the deposit before it
    assert package.history_deals_get(at, at, group="*,!EUR*") == ()


def test_a_datetime_with_a_zone_is_read_as_its_own_instant_on_the_brokers_clock(
    terminal: Terminal, package: Package
) -> None:
    terminal.clock.wait(60)
    opened(package)
    at = datetime.fromtimestamp(terminal.broker_seconds, UTC)
    assert len(package.history_deals_get(at, at + timedelta(seconds=1))) == 1
    assert package.history_deals_get(at + timedelta(seconds=1), at + timedelta(hours=1)) == ()


def test_history_is_found_by_position_and_a_deal_by_its_own_ticket(package: Package) -> None:
    entry = opened(package)
    exit_ = opened(package, type=1, price=1.1, position=entry.order)
    deals = package.history_deals_get(position=entry.order)
    assert [(deal.order, deal.entry) for deal in deals] == [(entry.order, 0), (exit_.order, 1)]
    assert all(isinstance(deal, TradeDeal) for deal in deals)
    assert [deal.ticket for deal in package.history_deals_get(ticket=deals[1].ticket)] == [deals[1].ticket]
    assert [made.ticket for made in package.history_orders_get(ticket=exit_.order)] == [exit_.order]
    assert len(package.history_orders_get(position=entry.order)) == 2


# ------------------------------------------------------------ trading


def test_an_order_gives_a_result_with_its_request_completed(package: Package) -> None:
    result = opened(package, magic=2**63, comment="wb")
    assert isinstance(result, OrderSendResult)
    assert (result.volume, result.price) == (0.1, pytest.approx(1.1001, abs=1e-4))
    assert result.request.magic == 2**63
    assert (result.request.comment, result.request.sl, result.request.position) == ("wb", 0.0, 0)
    assert package.positions_get()[0].magic == 2**63


def test_a_refused_order_gives_a_result_and_no_error(package: Package) -> None:
    result = package.order_send(order(volume=0.000001))
    assert result.retcode == facts.TRADE_RETCODE_INVALID_VOLUME
    assert package.last_error() == SUCCESS


def test_an_order_whose_answer_is_lost_gives_none_and_is_there_afterwards(terminal: Terminal, package: Package) -> None:
    terminal.server.script.next("order_send", code=facts.RES_E_INTERNAL_FAIL_RECEIVE, is_done=True)
    assert package.order_send(order()) is None
    assert package.last_error() == (-10002, "IPC recv failed")
    assert len(terminal.connected().positions_get()) == 1


def test_an_order_is_checked_without_being_sent(package: Package) -> None:
    checked = package.order_check(order())
    assert isinstance(checked, OrderCheckResult)
    assert checked.retcode == 0
    assert checked.request.symbol == "EURUSD"
    assert package.positions_total() == 0


def test_margin_and_profit_are_calculated_in_account_currency(package: Package) -> None:
    assert package.order_calc_margin(0, "EURUSD", 1, 1.1) > 0
    assert package.order_calc_profit(0, "EURUSD", 1, 1.1, 1.2) == pytest.approx(10_000)
    assert package.order_calc_profit(1, "EURUSD", 1, 1.1, 1.2) == pytest.approx(-10_000)
    assert package.order_calc_profit(0, "NOBODY", 1, 1.1, 1.2) is None
    assert package.last_error() == (-4, "Terminal: Not found")


# ------------------------------------------------------------ bars and ticks


def test_bars_are_copied_by_place_by_time_and_between_times(terminal: Terminal, package: Package) -> None:
    first = TUESDAY_NOON - 500 * HOUR
    terminal.market.history("EURUSD", steady([1.0 + index / 1000 for index in range(500)], first))
    everything = package.copy_rates_from_pos("EURUSD", facts.TIMEFRAME_H1, 0, 1000)
    assert everything.dtype.names is not None
    assert len(everything) == 500
    assert np.diff(everything["time"]).tolist() == [3600] * 499
    assert everything["time"][0] == first // SECOND + 7200

    by_place = package.copy_rates_from_pos("EURUSD", facts.TIMEFRAME_H1, 2, 3)
    assert by_place.tolist() == everything[-5:-2].tolist()
    at = int(everything["time"][40])
    assert package.copy_rates_from("EURUSD", facts.TIMEFRAME_H1, at + 1800, 3).tolist() == everything[38:41].tolist()
    until = datetime.fromtimestamp(at + 7200, UTC)
    between = package.copy_rates_range("EURUSD", facts.TIMEFRAME_H1, at, until)
    assert between.tolist() == everything[40:43].tolist()


@pytest.mark.parametrize(("timeframe", "start", "count"), [(7, 0, 1), (16385, -1, 1), (16385, 0, 0), (16385, 0, -1)])
def test_bars_of_no_time_frame_or_of_no_number_are_refused_by_the_terminal(
    package: Package, timeframe: int, start: int, count: int
) -> None:
    assert package.copy_rates_from_pos("EURUSD", timeframe, start, count) is None
    assert package.last_error() == (-2, "Terminal: Invalid params")


def test_a_broker_that_keeps_no_ticks_gives_an_empty_array(package: Package) -> None:
    ticks = package.copy_ticks_from("EURUSD", 0, 10, facts.COPY_TICKS_ALL)
    assert ticks.shape == (0,)
    assert ticks.dtype.itemsize == 60
    assert package.copy_ticks_range("NOBODY", 0, 10, facts.COPY_TICKS_ALL) is None
    assert package.last_error() == (-4, "Terminal: Not found")


def test_positions_that_a_person_opened_are_seen(terminal: Terminal, package: Package) -> None:
    terminal.server.hands.open("EURUSD", Side.BUY, 0.2)
    assert [(position.volume, position.magic) for position in package.positions_get()] == [(0.2, 0)]
