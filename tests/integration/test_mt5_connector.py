"""The connector over the double of MetaTrader 5: what it asks, what it believes, and what it says when it cannot."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from made_brokers import FAR, MAGIC, TOKEN
from made_metatrader import (
    LOGIN,
    SERVER,
    SYMBOL,
    MetaTraderBroker,
    answer,
    close,
    code,
    executed,
    metatrader_settings,
    open_order,
    opened,
    sent,
    soon,
)

from connectors.base import (
    ConnectorError,
    DeadlinePassed,
    Done,
    NotConnected,
    StaleToken,
    Unknown,
)
from connectors.mt5.channel import NotSent
from connectors.mt5.connector import SELECT_EVERY_SECONDS
from connectors.mt5.history import EMPTY_SECONDS, STILL_SECONDS
from connectors.mt5.session import FIRST_REST_SECONDS, WrongAccount
from connectors.mt5.simulated_clock import fixed
from trading.market import DAY, HOUR, MINUTE, Side

DEMO, CONTEST, REAL = range(3)
QUESTIONS = ("account", "quotes", "positions", "instruments")


@pytest.fixture
def broker() -> Iterator[MetaTraderBroker]:
    made = MetaTraderBroker()
    yield made
    made.end()


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said as an error."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


# ------------------------------------------------------------ whose account it is


@pytest.mark.parametrize(
    ("login", "server", "mode", "seen"),
    [
        (LOGIN + 1, SERVER, DEMO, r"logged in to 1002 at 'Simulated-Demo' \(demo\)"),
        (LOGIN, SERVER.lower(), DEMO, r"logged in to 1001 at 'simulated-demo' \(demo\)"),
        (LOGIN, SERVER, REAL, r"logged in to 1001 at 'Simulated-Demo' \(real\)"),
    ],
)
def test_another_account_is_answered_for_by_nobody_and_gets_no_order(
    broker: MetaTraderBroker, login: int, server: str, mode: int, seen: str
) -> None:
    done = opened(broker)
    broker.trade_server.hands.log_in_another(login, server, mode)
    for question in QUESTIONS:
        with pytest.raises(WrongAccount, match=seen + r"; expected 1001 at 'Simulated-Demo' \(demo\)"):
            getattr(broker.connector, question)(FAR)
    assert code(broker.connector.open(open_order(magic=MAGIC + 1), TOKEN, FAR)) == "wrong_account"
    assert code(close(broker, done.ticket)) == "wrong_account"
    assert len(sent(broker)) == 1
    broker.trade_server.hands.log_in_again()
    assert isinstance(close(broker, done.ticket), Done)


@pytest.mark.parametrize("nets", [True, False])
def test_an_account_that_nets_where_the_settings_say_that_it_hedges_is_refused(nets: bool) -> None:
    broker = MetaTraderBroker(metatrader_settings(netting=not nets), account_nets=nets, connects=False)
    kind = "nets" if nets else "hedges"
    with pytest.raises(WrongAccount, match=rf"mt5.netting is {str(not nets).lower()}, and the account {kind}"):
        broker.connector.connect(FAR)
    with pytest.raises(NotConnected):
        broker.connector.positions(FAR)


def test_a_wrong_kind_of_account_is_refused_at_the_start() -> None:
    broker = MetaTraderBroker(metatrader_settings(trade_mode="real"), connects=False)
    with pytest.raises(WrongAccount, match=r"\(demo\); expected 1001 at 'Simulated-Demo' \(real\)"):
        broker.connector.connect(FAR)


def test_settings_without_an_account_are_refused() -> None:
    settings = metatrader_settings().model_copy(update={"login": None})
    with pytest.raises(ValueError, match="login is None"):
        MetaTraderBroker(settings, connects=False)


def test_an_account_of_which_the_broker_has_no_symbol_is_not_connected_and_each_is_named() -> None:
    settings = metatrader_settings().model_copy(update={"symbols": {"EURUSD": "EURUSD", "GBPUSD": "GBPUSD"}})
    broker = MetaTraderBroker(settings, connects=False)
    with pytest.raises(ConnectorError, match=r"no symbol 'EURUSD' for EURUSD \(-4, .*'GBPUSD' for .*so written"):
        broker.connector.connect(FAR)
    with pytest.raises(NotConnected):
        broker.connector.quotes(FAR)


def test_a_symbol_that_the_broker_does_not_have_is_named_at_each_connect_and_the_others_are_traded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = metatrader_settings().model_copy(update={"symbols": {"EURUSD": "EURUSDm", "GBPUSD": "GBPUSD"}})
    broker = MetaTraderBroker(settings)
    assert sorted(broker.connector.instruments(FAR)) == ["EURUSD"]
    assert [quote.commodity for quote in broker.connector.quotes(FAR)] == ["EURUSD"]
    assert code(broker.connector.open(replace(open_order(), commodity="GBPUSD"), TOKEN, FAR)) == "unknown_commodity"
    with pytest.raises(ConnectorError, match="no symbol 'GBPUSD' for GBPUSD"):
        broker.connector.bars("GBPUSD", 1, FAR)
    assert isinstance(close(broker, opened(broker).ticket), Done)
    (said,) = errors(caplog)
    assert "alpha: the broker has no symbol 'GBPUSD' for GBPUSD (-4, " in said
    broker.connector.connect(FAR)
    assert errors(caplog) == [said, said]


def test_a_symbol_that_the_broker_has_again_is_taken_in_when_the_terms_are_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = MetaTraderBroker(connects=False)
    symbols = broker.trade_server.account.symbols
    terms = symbols.pop("GBPUSDm")
    broker.connector.connect(FAR)
    for _ in range(3):
        broker.clock.sleep(SELECT_EVERY_SECONDS)
        assert [quote.commodity for quote in broker.connector.quotes(FAR)] == ["EURUSD"]
    assert len(errors(caplog)) == 1
    symbols["GBPUSDm"] = terms
    broker.clock.sleep(SELECT_EVERY_SECONDS)
    broker.connector.quotes(FAR)
    assert [quote.commodity for quote in broker.connector.quotes(FAR)] == ["EURUSD", "GBPUSD"]
    assert sorted(broker.connector.instruments(FAR)) == ["EURUSD", "GBPUSD"]
    del symbols["GBPUSDm"]
    broker.connector.instruments(FAR)
    assert len(errors(caplog)) == 2


def test_a_symbol_that_vanishes_while_we_run_leaves_the_others_guarded(broker: MetaTraderBroker) -> None:
    done = opened(broker)
    del broker.trade_server.account.symbols["GBPUSDm"]
    broker.connector.connect(FAR)
    assert sorted(broker.connector.instruments(FAR)) == ["EURUSD"]
    assert [quote.commodity for quote in broker.connector.quotes(FAR)] == ["EURUSD"]
    assert isinstance(close(broker, done.ticket), Done)


def test_a_symbol_whose_terms_are_incomplete_is_left_out_and_the_others_are_traded() -> None:
    broker = MetaTraderBroker(connects=False)
    broker.trade_server.hands.change_symbol("GBPUSDm", volume_step_lots=0.0)
    broker.connector.connect(FAR)
    assert sorted(broker.connector.instruments(FAR)) == ["EURUSD"]
    opened(broker)


def test_what_a_stranger_holds_of_another_symbol_is_shown_and_is_none_of_our_commodities() -> None:
    settings = metatrader_settings().model_copy(update={"symbols": {"EURUSD": "EURUSDm"}})
    broker = MetaTraderBroker(settings)
    broker.trade_server.hands.open("GBPUSDm", Side.BUY, 0.2)
    (theirs,) = broker.connector.positions(FAR)
    assert (theirs.commodity, theirs.magic) == ("GBPUSDm", 0)
    assert [deal.commodity for deal in broker.connector.deals(0, FAR)] == ["GBPUSDm"]


# ------------------------------------------------------------ the line


def test_a_terminal_without_its_server_answers_nothing_and_gets_no_order(broker: MetaTraderBroker) -> None:
    broker.trade_server.hands.disconnect()
    for question in QUESTIONS:
        with pytest.raises(NotConnected, match="no link to its trade server"):
            getattr(broker.connector, question)(FAR)
    assert code(broker.connector.open(open_order(), TOKEN, FAR)) == "not_connected"
    broker.trade_server.hands.connect()
    assert broker.connector.positions(FAR) == ()


@pytest.mark.parametrize("error", [-10000, -10001, -10002])
def test_a_package_out_of_step_is_believed_only_after_it_was_initialized_again(
    broker: MetaTraderBroker, error: int
) -> None:
    broker.trade_server.script.next("positions", code=error)
    for _ in range(2):
        with pytest.raises(NotConnected):
            broker.connector.positions(FAR)
    with pytest.raises(NotConnected):
        broker.connector.quotes(FAR)
    broker.connector.connect(FAR)
    assert broker.connector.positions(FAR) == ()


def test_an_error_of_one_question_is_said_and_leaves_the_line_as_it_is(broker: MetaTraderBroker) -> None:
    broker.trade_server.script.next("positions", code=-1)
    with pytest.raises(ConnectorError, match="positions: MetaTrader says -1") as raised:
        broker.connector.positions(FAR)
    assert not isinstance(raised.value, NotConnected)
    assert broker.connector.positions(FAR) == ()


def test_a_question_that_blocks_ends_at_its_deadline_and_costs_the_worker(broker: MetaTraderBroker) -> None:
    broker.trade_server.script.next("positions", blocks_seconds=30)
    with pytest.raises(DeadlinePassed):
        broker.connector.positions(soon(broker))
    assert not broker.channel.is_open
    with pytest.raises(NotConnected):
        broker.connector.quotes(FAR)
    broker.connector.connect(FAR)
    assert broker.connector.positions(FAR) == ()


@pytest.mark.parametrize("is_done", [True, False])
def test_an_order_that_blocks_is_unknown_at_its_deadline_and_refused_as_repeated_afterwards(
    broker: MetaTraderBroker, is_done: bool
) -> None:
    begun = broker.clock.elapsed()
    if is_done:
        answer(broker, blocks_seconds=30)
    else:
        answer(broker, blocks_seconds=30, code=10006)
    outcome = broker.connector.open(open_order(), TOKEN, soon(broker))
    assert isinstance(outcome, Unknown)
    assert broker.clock.elapsed() - begun <= 30
    assert code(broker.connector.open(open_order(), TOKEN, FAR)) == "not_connected"
    broker.connector.connect(FAR)
    assert code(broker.connector.open(open_order(), TOKEN, FAR)) == "repeated"
    assert [held.magic for held in broker.connector.positions(FAR)] == [MAGIC] * is_done
    assert len(executed(broker)) == is_done


def test_a_worker_that_cannot_be_started_is_no_connection(
    broker: MetaTraderBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(seconds: float) -> None:
        raise NotSent("no such file")

    broker.connector.disconnect()
    monkeypatch.setattr(broker.channel, "open", no)
    with pytest.raises(NotConnected, match="no such file"):
        broker.connector.connect(FAR)


def test_a_login_that_was_taken_before_is_tried_again_soon_for_an_outage_refuses_it_too(
    broker: MetaTraderBroker,
) -> None:
    for _ in range(4):
        broker.trade_server.script.next("log_in", code=-6)
        with pytest.raises(ConnectorError, match="initialize: MetaTrader says -6"):
            broker.connector.connect(FAR)
        broker.clock.sleep(FIRST_REST_SECONDS)
    broker.connector.connect(FAR)
    assert broker.connector.positions(FAR) == ()


def test_a_login_that_is_refused_is_tried_ever_more_seldom() -> None:
    broker = MetaTraderBroker(connects=False)
    for rest in (30, 60, 120):
        broker.trade_server.script.next("log_in", code=-6)
        with pytest.raises(ConnectorError, match="initialize: MetaTrader says -6"):
            broker.connector.connect(FAR)
        broker.clock.sleep(rest - 1)
        with pytest.raises(ConnectorError, match="the login was refused; not tried again for 1 s"):
            broker.connector.connect(FAR)
        broker.clock.sleep(1)
    broker.connector.connect(FAR)
    assert broker.connector.positions(FAR) == ()


def test_a_symbol_that_somebody_hides_is_shown_again(broker: MetaTraderBroker) -> None:
    broker.trade_server.symbol_select(SYMBOL, False)
    assert [quote.commodity for quote in broker.connector.quotes(FAR)] == ["GBPUSD"]
    broker.clock.sleep(SELECT_EVERY_SECONDS)
    broker.connector.quotes(FAR)
    assert [quote.commodity for quote in broker.connector.quotes(FAR)] == ["EURUSD", "GBPUSD"]


def test_a_lower_token_raises(broker: MetaTraderBroker) -> None:
    broker.connector.fence(TOKEN, FAR)
    with pytest.raises(StaleToken):
        broker.connector.fence(TOKEN - 1, FAR)


@pytest.mark.parametrize("value", [{"identity": 3}, [], None, {"value": []}])
def test_a_worker_that_answers_nonsense_is_not_believed(
    broker: MetaTraderBroker, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    monkeypatch.setattr(broker.channel, "call", lambda call, arguments, seconds: value)
    for question in QUESTIONS:
        with pytest.raises(ConnectorError, match="cannot be used"):
            getattr(broker.connector, question)(FAR)
    assert code(broker.connector.open(open_order(), TOKEN, FAR)) == "not_connected"


# ------------------------------------------------------------ the history


def test_while_the_history_lacks_a_deal_nothing_of_the_account_is_answered(broker: MetaTraderBroker) -> None:
    done = opened(broker, lots=0.5)
    broker.connector.disconnect()
    broker.trade_server.hands.hide_history(1.0)
    broker.connector.connect(FAR)
    for question in (broker.connector.positions, lambda d: broker.connector.deals(0, d)):
        with pytest.raises(ConnectorError, match="still fetching the history"):
            question(FAR)
    broker.clock.sleep(1.5)
    assert [held.ticket for held in broker.connector.positions(FAR)] == [done.ticket]


def test_a_history_that_will_never_explain_the_balance_is_whole_when_it_has_stood_still(
    broker: MetaTraderBroker,
) -> None:
    opened(broker, lots=0.5)
    broker.trade_server.hands.hide_history(1e6)
    broker.connector.disconnect()
    broker.connector.connect(FAR)
    with pytest.raises(ConnectorError, match="still fetching"):
        broker.connector.positions(FAR)
    broker.connector.connect(FAR)  # as whoever stands by does, again and again
    broker.clock.sleep(STILL_SECONDS)
    assert len(broker.connector.positions(FAR)) == 1


def test_a_history_without_any_deal_is_waited_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = MetaTraderBroker(connects=False)
    monkeypatch.setattr(broker.trade_server, "history_deals", list)
    broker.connector.connect(FAR)
    broker.clock.sleep(STILL_SECONDS + 1)
    with pytest.raises(ConnectorError, match="0 deals so far"):
        broker.connector.positions(FAR)
    broker.clock.sleep(EMPTY_SECONDS)
    assert broker.connector.positions(FAR) == ()


def test_after_a_broken_line_the_history_has_to_be_whole_again(broker: MetaTraderBroker) -> None:
    opened(broker, lots=0.5)
    broker.trade_server.hands.hide_history(1e6)
    assert len(broker.connector.positions(FAR)) == 1, "nothing has broken"
    broker.trade_server.hands.disconnect()
    with pytest.raises(NotConnected):
        broker.connector.quotes(FAR)
    broker.trade_server.hands.connect()
    with pytest.raises(ConnectorError, match="still fetching"):
        broker.connector.positions(FAR)


def test_after_another_account_was_logged_in_the_history_has_to_be_whole_again(broker: MetaTraderBroker) -> None:
    opened(broker, lots=0.5)
    broker.trade_server.hands.log_in_another(LOGIN + 1, SERVER, DEMO)
    with pytest.raises(WrongAccount):
        broker.connector.quotes(FAR)
    broker.trade_server.hands.log_in_again()
    broker.trade_server.hands.hide_history(1e6)
    with pytest.raises(ConnectorError, match="still fetching"):
        broker.connector.positions(FAR)


# ------------------------------------------------------------ figures


def test_the_commission_is_told_from_the_deals_and_before_them_by_the_settings() -> None:
    broker = MetaTraderBroker(metatrader_settings(commission_per_lot=9.0))
    assert broker.connector.instruments(FAR)["EURUSD"].commission_per_lot == 9.0
    opened(broker, lots=0.5)
    broker.connector.connect(FAR)
    instruments = broker.connector.instruments(FAR)
    assert instruments["EURUSD"].commission_per_lot == pytest.approx(3.5)
    assert instruments["GBPUSD"].commission_per_lot == 9.0


def test_the_leverage_is_that_of_the_margin(broker: MetaTraderBroker) -> None:
    assert broker.connector.instruments(FAR)["EURUSD"].leverage == pytest.approx(30.0, rel=0.001)


def test_the_figures_of_the_account_are_those_of_the_broker(broker: MetaTraderBroker) -> None:
    opened(broker, lots=0.5)
    account = broker.connector.account(FAR)
    shown = broker.trade_server.account_info()
    assert (account.balance, account.equity, account.margin_used) == (
        shown["balance"],
        shown["equity"],
        shown["margin"],
    )
    assert math.isfinite(account.margin_free)


# ------------------------------------------------------------ the clock


@pytest.mark.parametrize("hours", [-5, 0, 1, 2, 3])
def test_whatever_zone_the_broker_keeps_everything_is_dated_in_utc(hours: int) -> None:
    broker = MetaTraderBroker(zone=fixed(hours * 3600), looks=14)
    done = opened(broker)
    (held,) = broker.connector.positions(FAR)
    assert done.time == held.open_time == broker.clock.now()
    assert [deal.time for deal in broker.connector.deals(done.time, FAR)] == [done.time]
    assert broker.connector.deals(done.time + 1, FAR) == ()
    assert broker.connector.bars("EURUSD", 3, FAR).end(2) == broker.clock.now() // HOUR * HOUR
    assert all(quote.time == broker.clock.now() for quote in broker.connector.quotes(FAR))


def test_a_broker_that_sets_its_clock_keeps_the_dates_of_before(broker: MetaTraderBroker) -> None:
    before = opened(broker)
    broker.clock.sleep(5 * 3600)
    broker.connector.quotes(FAR)
    broker.trade_server.hands.change_zone(fixed(3600 * 5))
    for _ in range(14):
        broker.clock.sleep(1)
        broker.connector.quotes(FAR)
    after = opened(broker, magic=MAGIC + 1)
    assert after.time == broker.clock.now()
    first, second = broker.connector.deals(0, FAR)
    assert (first.time, second.time) == (before.time, after.time)


def test_while_the_clock_is_in_doubt_a_history_gives_rather_too_much() -> None:
    broker = MetaTraderBroker(looks=0)
    done = opened(broker)
    assert [deal.order for deal in broker.connector.deals(done.time + HOUR, FAR)] == [done.order]


def test_quotes_are_stale_until_the_market_was_seen_moving() -> None:
    broker = MetaTraderBroker(looks=0)
    ages = []
    for _ in range(4):
        ages.append(broker.clock.now() - broker.connector.quotes(FAR)[0].time)
        broker.clock.sleep(1)
    assert [age > 10 * MINUTE for age in ages] == [True, True, False, False]


def test_under_a_clock_that_is_days_wrong_nothing_is_opened_and_everything_is_closed(broker: MetaTraderBroker) -> None:
    done = opened(broker)
    broker.wall.wrong_by = -3 * DAY
    for _ in range(5):
        broker.clock.sleep(1)
        broker.connector.quotes(FAR)
    assert code(broker.connector.open(open_order(magic=MAGIC + 1), TOKEN, FAR)) == "clock_wrong"
    assert isinstance(close(broker, done.ticket), Done)


@pytest.mark.parametrize("wrong_by", [-3 * HOUR, -47 * MINUTE, 47 * MINUTE, 3 * HOUR])
def test_a_step_of_this_machines_clock_hides_no_price_no_deal_and_no_bar(
    broker: MetaTraderBroker, wrong_by: int
) -> None:
    before = opened(broker)
    for error in (wrong_by, 0):
        broker.wall.wrong_by = error
        submitted_at = broker.wall.now()
        for _ in range(4):
            broker.clock.sleep(1)
            age = broker.wall.now() - broker.connector.quotes(FAR)[0].time
            assert 0 <= age <= 2_000
        done = opened(broker, magic=MAGIC + 1 + (error == 0))
        found = broker.connector.deals(submitted_at, FAR)
        assert done.order in [deal.order for deal in found]
        bars = broker.connector.bars("EURUSD", 5, FAR)
        assert bars.close[-1] == pytest.approx(1.11, abs=0.0001), "the hour that is under way is not among them"
    assert {deal.position_id for deal in broker.connector.deals(0, FAR)} >= {before.position_id}


def test_bars_of_a_market_that_stands_are_complete_by_the_clock(broker: MetaTraderBroker) -> None:
    broker.clock.sleep(3599)
    assert broker.connector.bars("EURUSD", 2, FAR).end(1) == broker.clock.now() // HOUR * HOUR
    broker.clock.sleep(1)
    assert broker.connector.bars("EURUSD", 2, FAR).end(1) == broker.clock.now()
