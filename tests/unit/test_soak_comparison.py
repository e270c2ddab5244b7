"""Each kind of contradiction between ledger and broker is found, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.account_book import Holding
from simulation.processes.comparison import (
    BrokerFacts,
    Kind,
    LedgerFacts,
    divergences,
    waits_for_the_broker,
    writers_out_of_turn,
)
from trading.analysis import Regime, Strategy
from trading.market import Deal, Entry, Side
from trading.order_numbers import magic_number
from trading.trade import Trade, TradeState

OPENING = 10_000.0
FIRST, SECOND = magic_number(7, 1), magic_number(7, 2)
STRANGER = 12

OPEN = Trade(
    trade_id=1,
    platform="alpha",
    commodity="EURUSD",
    side=Side.BUY,
    state=TradeState.OPEN,
    strategy=Strategy.SWING,
    regime=Regime.TREND,
    analysis_id="a",
    confidence=80.0,
    volume_lots=0.1,
    magic=FIRST,
    account_token=3,
    commodity_token=1,
    expected_price=1.1,
    stop_distance=0.01,
    target_distance=None,
    trailing_distance=None,
    stop_price=1.09,
    target_price=None,
    daily_volatility=0.005,
    submitted_at=0,
    time_stop_at=1_000,
    closes_at_day_end=False,
    position_id=5,
    ticket=5,
    entry_price=1.1,
    opened_at=1,
)
CLOSED = replace(OPEN, trade_id=2, magic=SECOND, state=TradeState.CLOSED, position_id=9, ticket=9, profit=1.3)
HELD = Holding(
    ticket=5,
    position_id=5,
    magic=FIRST,
    commodity="EURUSD",
    side=Side.BUY,
    volume_lots=0.1,
    open_price=1.1,
    open_time=1,
    swap=0.0,
    margin=1.0,
    comment="",
)


def deal(number: int, position: int, magic: int, entry: Entry, profit: float = 0.0, volume: float = 0.1) -> Deal:
    return Deal(
        deal=number,
        order=number,
        position_id=position,
        magic=magic,
        commodity="EURUSD",
        side=Side.BUY,
        entry=entry,
        volume_lots=volume,
        price=1.1,
        profit=profit,
        swap=0.0,
        commission=-0.35,
        fee=0.0,
        time=1,
        reason="expert",
    )


DEALS = (deal(1, 5, FIRST, Entry.IN), deal(2, 9, SECOND, Entry.IN), deal(3, 9, SECOND, Entry.OUT, 2.0))
LEDGER = LedgerFacts([OPEN, CLOSED], token=3)
BROKER = BrokerFacts(OPENING, OPENING + 0.95, token=3, positions=[HELD], deals=DEALS)

Change = Callable[[LedgerFacts, BrokerFacts], tuple[LedgerFacts, BrokerFacts]]


def row(changed: Trade, at: int = 0) -> Change:
    def change(ledger: LedgerFacts, broker: BrokerFacts) -> tuple[LedgerFacts, BrokerFacts]:
        trades = list(ledger.trades)
        trades[at] = changed
        return replace(ledger, trades=trades), broker

    return change


def rows(*trades: Trade) -> Change:
    return lambda ledger, broker: (replace(ledger, trades=list(trades)), broker)


def book(**changes: object) -> Change:
    return lambda ledger, broker: (ledger, replace(broker, **changes))  # type: ignore[arg-type]  # fields by name


def kinds(change: Change) -> set[Kind]:
    ledger, broker = change(LEDGER, BROKER)
    return {found.kind for found in divergences({"alpha": ledger}, {"alpha": broker})}


def test_a_ledger_and_a_broker_that_agree_have_no_divergence() -> None:
    assert divergences({"alpha": LEDGER}, {"alpha": BROKER}) == []


def with_deal(*more: Deal) -> Change:
    deals = (*DEALS, *more)
    return book(deals=deals, balance=OPENING + sum(each.net for each in deals))


@pytest.mark.parametrize(
    ("expected", "change"),
    [
        (Kind.NO_ROW, rows(CLOSED)),
        (Kind.NUMBER_TWICE, rows(OPEN, CLOSED, replace(OPEN, trade_id=3))),
        (Kind.NUMBER_TWICE, with_deal(deal(4, 6, FIRST, Entry.IN))),
        (Kind.ORPHAN, row(replace(OPEN, state=TradeState.FAILED))),
        (Kind.DENIED, row(replace(OPEN, state=TradeState.FAILED))),
        (Kind.LOST, book(positions=[])),
        (Kind.LOST, row(replace(OPEN, ticket=6))),
        (Kind.LOST, row(replace(CLOSED, position_id=10), at=1)),
        (Kind.TWO_IN_A_SLOT, book(positions=[HELD, replace(HELD, ticket=9, magic=SECOND)])),
        (Kind.UNSETTLED, row(replace(OPEN, state=TradeState.SUBMITTED))),
        (Kind.UNSETTLED, row(replace(OPEN, state=TradeState.UNKNOWN))),
        (Kind.UNSETTLED, row(replace(OPEN, state=TradeState.CLOSING))),
        (Kind.UNSETTLED, row(replace(OPEN, state=TradeState.LATE))),
        (Kind.FACTS, row(replace(OPEN, volume_lots=0.2))),
        (Kind.FACTS, row(replace(OPEN, side=Side.SELL))),
        (Kind.FACTS, row(replace(OPEN, entry_price=1.2))),
        (Kind.FACTS, row(replace(OPEN, position_id=6))),
        (Kind.FACTS, row(replace(CLOSED, volume_lots=0.2), at=1)),
        (Kind.PROFIT, row(replace(CLOSED, profit=1.31), at=1)),
        (Kind.PROFIT, row(replace(CLOSED, profit=None), at=1)),
        (Kind.HALF_CLOSED, book(deals=(DEALS[0], DEALS[1], replace(DEALS[2], volume_lots=0.05)))),
        (Kind.CLOSED_TWICE, with_deal(deal(4, 9, SECOND, Entry.OUT))),
        (Kind.BALANCE, book(balance=OPENING + 0.94)),
        (Kind.TOKEN, book(token=4)),
    ],
)
def test_each_kind_of_contradiction_is_found(expected: Kind, change: Change) -> None:
    assert expected in kinds(change)


def test_an_order_lost_between_row_and_broker_is_no_divergence_while_it_is_in_quarantine() -> None:
    lost = replace(OPEN, trade_id=3, magic=magic_number(7, 3), state=TradeState.UNKNOWN, position_id=None, ticket=None)
    assert kinds(rows(OPEN, CLOSED, lost)) == set()
    assert not waits_for_the_broker(lost, BROKER)
    assert waits_for_the_broker(replace(lost, magic=FIRST), BROKER)


def test_a_strangers_position_is_nobodys_business() -> None:
    foreign = replace(HELD, ticket=40, position_id=40, magic=STRANGER)
    assert kinds(book(positions=[HELD, foreign, replace(foreign, ticket=41)])) == set()


def test_half_a_cent_is_rounding_and_a_cent_is_not() -> None:
    assert kinds(row(replace(CLOSED, profit=1.304), at=1)) == set()
    assert kinds(row(replace(CLOSED, profit=1.29), at=1)) == {Kind.PROFIT}


def test_who_writes_during_its_own_terms_writes_in_turn() -> None:
    lines = [("alpha", 1), ("beta", 1), ("alpha", 2), ("beta", 2), ("alpha", 1)]
    assert writers_out_of_turn(lines, leaders=[1, 2, 1]) == []


def test_who_writes_after_anothers_term_has_begun_writes_out_of_turn() -> None:
    lines = [("alpha", 1), ("alpha", 2), ("alpha", 1)]
    assert writers_out_of_turn(lines, leaders=[1, 2]) == [("alpha", 1)]


def test_one_that_was_struck_before_it_could_say_that_it_leads_has_no_term_to_overstay() -> None:
    assert writers_out_of_turn([("alpha", 1), ("alpha", 9), ("alpha", 2)], leaders=[1, 2]) == []


def test_the_page_about_it_lists_every_kind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "soak.md").read_text(encoding="utf-8")
    kinds_table = page.partition("| kind | what it means |")[2].partition("\n\n")[0]
    listed = [line.split("|")[1].strip() for line in kinds_table.splitlines() if line.startswith("| ")]
    assert listed == [kind.value for kind in Kind]
