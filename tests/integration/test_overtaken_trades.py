"""A restored copy of the ledger still has a trade under way in the slot of the position that is to be adopted."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_ledger import NOON, Holder

from connectors.account_book import Change, Holding
from connectors.paper_book import PaperBook
from console import adoption
from console.agreement import require_agreement
from console.arguments import Adopt
from console.books import book_path
from console.configuration import Configuration, load
from console.errors import CommandError
from console.output import Output
from persistence.ledger import Ledger
from trading.market import HOUR, Deal, Entry, Order, Side
from trading.order_numbers import prefix_of, sequence_of
from trading.trade import CloseReason, Trade, TradeState

LATER = NOON + 2 * HOUR


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return load(None, {"WATCHBILL__DATABASE_URL": f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"})


@pytest.fixture
def ledger(configuration: Configuration) -> Iterator[Ledger]:
    """The restored one."""
    with closing(Ledger.open(configuration.database_url, writer="test")) as opened:
        yield opened


@pytest.fixture
def holder(ledger: Ledger) -> Holder:
    return Holder(ledger)


def a_deal(trade: Trade, entry: Entry, price: float, **changes: Any) -> Deal:
    """An execution for the whole of a trade's volume, in the position 1."""
    sign = trade.side if entry is Entry.IN else trade.side.opposite
    number = 1 if entry is Entry.IN else 2
    profit = 0.0 if entry is Entry.IN else round((price - 1.1) * 100_000 * trade.volume_lots, 2)
    deal = Deal(
        deal=number,
        order=number,
        position_id=1,
        magic=trade.magic,
        commodity=trade.commodity,
        side=sign,
        entry=entry,
        volume_lots=trade.volume_lots,
        price=price,
        profit=profit,
        swap=0.0,
        commission=0.0,
        fee=0.0,
        time=NOON + (40 if entry is Entry.IN else HOUR),
        reason="expert",
    )
    return replace(deal, **changes)


def later_than(trade: Trade) -> Holding:
    """A position of a later order in the same slot."""
    return Holding(
        ticket=77,
        position_id=77,
        magic=trade.magic + 5,
        commodity=trade.commodity,
        side=Side.BUY,
        volume_lots=0.2,
        open_price=1.12,
        open_time=LATER,
        swap=0.0,
        margin=220.0,
        comment="watchbill 6",
    )


def held_at(trade: Trade) -> Holding:
    """The trade's own position, alive."""
    return replace(later_than(trade), ticket=1, position_id=1, magic=trade.magic, open_time=NOON)


def write_book(configuration: Configuration, change: Change) -> PaperBook:
    """What the broker of alpha has in its book."""
    settings = configuration.settings.account("alpha").paper
    book = PaperBook(book_path(configuration, "alpha"), "alpha", settings.currency, settings.balance)
    book.record(change)
    book.close()
    return book


def let_go(ledger: Ledger) -> None:
    """Whoever wrote the rows of the copy is long gone."""
    for lease in ledger.reservations.all():
        ledger.reservations.release_resource(lease.fence)


def adopt(configuration: Configuration, magic: int, *, as_json: bool = True) -> Any:
    """What `run.py adopt` says."""
    stdout = io.StringIO()
    command = Adopt(platform="alpha", magic=magic, stop_price=1.11)
    output = Output(as_json=as_json, stdout=stdout, stderr=io.StringIO())
    assert adoption.run(command, configuration, output) == 0
    return json.loads(stdout.getvalue()) if as_json else stdout.getvalue()


@pytest.mark.parametrize(
    ("state", "exit_price", "reason"),
    [
        (TradeState.OPEN, 1.094, CloseReason.STOP),
        (TradeState.OPEN, 1.104, CloseReason.UNRECORDED),
        (TradeState.CLOSING, 1.104, CloseReason.DAY_END),
        (TradeState.UNKNOWN, 1.111, CloseReason.TARGET),
        (TradeState.SUBMITTED, 1.111, CloseReason.TARGET),
    ],
)
def test_a_trade_that_ended_after_the_copy_was_made_gives_its_slot_to_the_adopted_one(
    configuration: Configuration, holder: Holder, state: TradeState, exit_price: float, reason: CloseReason
) -> None:
    ledger = holder.ledger
    if state in (TradeState.SUBMITTED, TradeState.UNKNOWN):
        trade = holder.submit()
        if state is TradeState.UNKNOWN:
            trade = holder.advance(trade, state)
    else:
        trade = holder.open()
        if state is TradeState.CLOSING:
            trade = holder.advance(trade, state, close_reason=CloseReason.DAY_END)
    let_go(ledger)
    deals = (a_deal(trade, Entry.IN, 1.1), a_deal(trade, Entry.OUT, exit_price))
    later = later_than(trade)
    book = write_book(configuration, Change(at=LATER, deals=deals, held=(later,), token=9))

    said = adopt(configuration, later.magic)

    closed = ledger.trades.get(trade.trade_id)
    assert closed is not None
    assert (closed.state, closed.close_reason, closed.exit_price) == (TradeState.CLOSED, reason, exit_price)
    assert closed.profit == round((exit_price - 1.1) * 30_000, 2)
    assert [over["trade_id"] for over in said["settled"]] == [trade.trade_id]
    (active,) = ledger.trades.active("alpha")
    assert (active.magic, active.state) == (later.magic, TradeState.OPEN)
    last = ledger.journal.list(trade_id=trade.trade_id, kind="transition", limit=1)[0]
    assert (last.detail["after"], last.detail["profit"]) == ("closed", closed.profit)
    require_agreement(ledger, {"alpha": Shows(book)})  # type: ignore[dict-item]  # nothing else of it is asked for
    assert ledger.reservations.all() == []


class Shows:
    """As much of a connector as the comparison of books and ledger asks for."""

    def __init__(self, book: PaperBook) -> None:
        self._book = book

    def book_as_written(self) -> PaperBook:
        """The book."""
        return self._book


def test_what_was_settled_is_said_before_what_was_adopted(configuration: Configuration, holder: Holder) -> None:
    trade = holder.open()
    let_go(holder.ledger)
    deals = (a_deal(trade, Entry.IN, 1.1), a_deal(trade, Entry.OUT, 1.094))
    write_book(configuration, Change(at=LATER, deals=deals, held=(later_than(trade),), token=9))
    said = " ".join(adopt(configuration, later_than(trade).magic, as_json=False).split())
    assert said.startswith(
        f"trade {trade.trade_id} of alpha:EURUSD was over at the broker, and is closed now: stop, profit -180.00 "
        f"adopted as trade {trade.trade_id + 1}: alpha:EURUSD buy 0.2 lots at 1.12, stop 1.11"
    )


@pytest.mark.parametrize("orders", [(), "rejected"])
def test_an_order_of_which_nothing_came_was_given_up_before_the_later_one(
    configuration: Configuration, holder: Holder, orders: Any
) -> None:
    trade = holder.advance(holder.submit(), TradeState.UNKNOWN)
    let_go(holder.ledger)
    if orders:
        orders = (Order(1, trade.magic, "EURUSD", trade.side, 0.3, accepted=False, time=NOON, reason="no money"),)
    write_book(configuration, Change(at=LATER, orders=orders, held=(later_than(trade),), token=9))
    adopt(configuration, later_than(trade).magic)
    failed = holder.ledger.trades.get(trade.trade_id)
    assert failed is not None
    assert failed.state is TradeState.FAILED
    assert str(later_than(trade).magic) in failed.detail


def test_a_trade_that_lives_at_the_broker_keeps_its_slot(configuration: Configuration, holder: Holder) -> None:
    trade = holder.open()
    let_go(holder.ledger)
    write_book(configuration, Change(at=LATER, held=(held_at(trade), later_than(trade)), token=9))
    with pytest.raises(CommandError, match="only one can be guarded in a slot"):
        adopt(configuration, later_than(trade).magic)
    assert holder.ledger.trades.active("alpha") == [trade]


@pytest.mark.parametrize("known", ["no deals", "half of it", "an accepted order", "an earlier number"])
def test_what_the_book_does_not_prove_to_be_over_is_not_ended(
    configuration: Configuration, holder: Holder, known: str
) -> None:
    ledger = holder.ledger
    trade = (
        holder.open() if known in ("no deals", "half of it") else holder.advance(holder.submit(), TradeState.UNKNOWN)
    )
    let_go(ledger)
    later, change = later_than(trade), Change(at=LATER, token=9)
    if known == "half of it":
        half = a_deal(trade, Entry.OUT, 1.104, volume_lots=0.1)
        change = replace(change, deals=(a_deal(trade, Entry.IN, 1.1), half))
    if known == "an accepted order":
        order = Order(1, trade.magic, "EURUSD", trade.side, 0.3, accepted=True, time=NOON, reason="")
        change = replace(change, orders=(order,))
    if known == "an earlier number":
        ledger.trades.raise_sequence("alpha", 40)
        holder.advance(trade, TradeState.FAILED)
        trade = holder.submit(analysis_id="analysis-2")
        let_go(ledger)
    write_book(configuration, replace(change, held=(later,)))
    assert prefix_of(later.magic) == prefix_of(trade.magic)
    assert (sequence_of(later.magic) > sequence_of(trade.magic)) is (known != "an earlier number")
    with pytest.raises(CommandError, match="not known to be over at the broker"):
        adopt(configuration, later.magic)
    assert ledger.trades.active("alpha") == [trade]
    assert ledger.reservations.all() == []
