"""Positions that a crew opened and the ledger does not know: refused at the start, then adopted or disowned."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.account_book import AccountBook, Change, Holding
from connectors.paper_book import PaperBook
from console import adoption
from console.agreement import require_agreement
from console.arguments import Adopt, Disown
from console.books import book_path
from console.configuration import Configuration, load
from console.errors import CommandError
from console.operating import asked_by
from console.output import Output
from persistence.errors import LedgerError, SlotTaken, StaleToken
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from trading.adoption import NotAdoptable, adopted_trade
from trading.analysis import Strategy
from trading.market import HOUR, SECOND, Side
from trading.order_numbers import magic_number, prefix_of, sequence_of
from trading.settings import Settings
from trading.trade import Trade, TradeState

NOON = 1_772_625_600_000  # 2026-03-04T12:00Z
PREFIX = 4_711
MAGIC = magic_number(PREFIX, 12)
STRATEGIES = Settings().strategies


def a_holding(**changes: Any) -> Holding:
    """A long position that a crew opened."""
    return replace(
        Holding(
            ticket=77,
            position_id=77,
            magic=MAGIC,
            commodity="EURUSD",
            side=Side.BUY,
            volume_lots=0.3,
            open_price=1.1,
            open_time=NOON,
            swap=0.0,
            margin=330.0,
            comment="watchbill 3",
        ),
        **changes,
    )


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return load(None, {"WATCHBILL__DATABASE_URL": f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"})


@pytest.fixture
def ledger(configuration: Configuration) -> Iterator[Ledger]:
    """A ledger that knows nothing yet."""
    with closing(Ledger.open(configuration.database_url, writer="test")) as opened:
        yield opened


def book_with(configuration: Configuration, *holdings: Holding, token: int = 9) -> PaperBook:
    """The book of alpha, which an older ledger's process has written."""
    settings = configuration.settings.account("alpha").paper
    book = PaperBook(book_path(configuration, "alpha"), "alpha", settings.currency, settings.balance)
    book.record(Change(at=NOON + HOUR, held=tuple(holdings), token=token))
    book.close()
    return book


class Shows:
    """As much of a connector as the comparison of books and ledger asks for."""

    def __init__(self, book: AccountBook) -> None:
        self._book = book

    def book_as_written(self) -> AccountBook:
        """The book."""
        return self._book


def start(ledger: Ledger, book: AccountBook) -> None:
    """The comparison that a start begins with."""
    require_agreement(ledger, {"alpha": Shows(book)})  # type: ignore[dict-item]  # nothing else of it is asked for


def run(command: Adopt | Disown, configuration: Configuration, *, as_json: bool = True) -> Any:
    """What the command says."""
    stdout = io.StringIO()
    output = Output(as_json=as_json, stdout=stdout, stderr=io.StringIO())
    assert adoption.run(command, configuration, output) == 0
    return json.loads(stdout.getvalue()) if as_json else stdout.getvalue()


def adopting(**changes: Any) -> Adopt:
    """The command for the position, with a stop below it."""
    return replace(Adopt(platform="alpha", magic=MAGIC, stop_price=1.09), **changes)


def test_a_start_is_refused_with_each_position_and_the_commands_that_decide_on_it(
    configuration: Configuration, ledger: Ledger
) -> None:
    other = magic_number(PREFIX, 13)
    book = book_with(configuration, a_holding(), a_holding(ticket=78, position_id=78, magic=other, side=Side.SELL))
    with pytest.raises(CommandError) as refused:
        start(ledger, book)
    for said in (
        f"EURUSD buy 0.3 lots at 1.1 (magic {MAGIC})",
        f"EURUSD sell 0.3 lots at 1.1 (magic {other})",
        "run.py adopt alpha MAGIC --stop-price P",
        "run.py disown alpha MAGIC",
    ):
        assert said in str(refused.value)


def test_an_adopted_position_is_an_open_trade_with_the_brokers_facts_and_the_operators_levels(
    configuration: Configuration, ledger: Ledger
) -> None:
    book = book_with(configuration, a_holding())
    data = run(adopting(target_price=1.13, strategy=Strategy.DAY), configuration)
    (trade,) = ledger.trades.active("alpha")
    assert data["trade"]["trade_id"] == trade.trade_id
    assert (trade.state, trade.magic, trade.ticket, trade.position_id) == (TradeState.OPEN, MAGIC, 77, 77)
    assert (trade.entry_price, trade.volume_lots, trade.opened_at) == (1.1, 0.3, NOON)
    assert (trade.stop_price, trade.target_price, trade.strategy) == (1.09, 1.13, Strategy.DAY)
    assert trade.time_stop_at == NOON + HOUR + round(STRATEGIES[Strategy.DAY].longest_hold_seconds * SECOND)
    (line,) = ledger.journal.list(kind="adoption")
    assert (line.trade_id, line.detail["by"]) == (trade.trade_id, asked_by())
    start(ledger, book)


def test_adopting_gives_both_leases_back_above_every_token_that_the_broker_has_seen(
    configuration: Configuration, ledger: Ledger
) -> None:
    book_with(configuration, a_holding(), token=4_000)
    run(adopting(), configuration)
    assert ledger.reservations.all() == []
    held = ledger.reservations.reserve_resource(account_resource("alpha"), "leader", 60.0)
    assert held is not None
    assert held.token > 4_000


def test_no_later_order_gets_the_number_of_an_adopted_position(configuration: Configuration, ledger: Ledger) -> None:
    book_with(configuration, a_holding())
    run(adopting(), configuration)
    assert ledger.trades.register_account("alpha") == PREFIX
    with ledger.reading() as connection:
        sequence = connection.exec_driver_sql("SELECT sequence FROM account WHERE platform = 'alpha'").scalar_one()
    assert sequence == sequence_of(MAGIC)


def test_an_account_that_has_traded_under_its_own_prefix_takes_no_other(
    configuration: Configuration, ledger: Ledger
) -> None:
    other = magic_number(PREFIX % 65_535 + 1, 5)
    book_with(configuration, a_holding(), a_holding(ticket=78, position_id=78, magic=other, commodity="EURUSD"))
    run(adopting(), configuration)
    with pytest.raises(LedgerError, match="it is another ledger's; restore that one, or disown the position"):
        run(adopting(magic=other), configuration)


def test_only_one_position_can_be_adopted_in_a_slot(configuration: Configuration, ledger: Ledger) -> None:
    other = magic_number(PREFIX, 13)
    book_with(configuration, a_holding(), a_holding(ticket=78, position_id=78, magic=other))
    run(adopting(), configuration)
    with pytest.raises(CommandError, match="only one can be guarded in a slot") as refused:
        run(adopting(magic=other), configuration)
    assert isinstance(refused.value.__cause__, SlotTaken)
    assert ledger.reservations.all() == []


def test_while_a_process_leads_nothing_is_adopted_and_it_says_who_leads(
    configuration: Configuration, ledger: Ledger
) -> None:
    book_with(configuration, a_holding())
    ledger.reservations.reserve_resource(account_resource("alpha"), "host:1:abc", 60.0)
    with pytest.raises(CommandError, match="account:alpha is held by host:1:abc; stop it first"):
        run(adopting(), configuration)
    assert ledger.trades.list() == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (adopting(platform="gamma"), "PLATFORM is 'gamma'; expected one of alpha, beta"),
        (adopting(platform="beta"), "account 'beta' has no book at .*paper-beta.sqlite"),
        (adopting(magic=MAGIC + 1), f"MAGIC is {MAGIC + 1}; alpha holds no position of that number, only {MAGIC}"),
        (adopting(magic=5), "MAGIC is 5, which carries no crew's prefix"),
        (adopting(stop_price=1.1), "--stop-price is 1.1; expected a price below 1.1, where the buy was opened"),
        (adopting(stop_price=1.2), "--stop-price is 1.2; expected a price below 1.1"),
        (adopting(stop_price=1.1372999), "--stop-price is 1.1372999; expected"),
        (adopting(target_price=1.0), "--target-price is 1; expected a price above 1.1"),
        (Disown(platform="alpha", magic=MAGIC + 1), "alpha holds no position of that number"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_and_the_value(
    configuration: Configuration, ledger: Ledger, command: Adopt | Disown, said: str
) -> None:
    book_with(configuration, a_holding(), a_holding(ticket=2, position_id=2, magic=5))
    with pytest.raises(CommandError, match=said):
        run(command, configuration)
    assert ledger.trades.list() == []
    assert ledger.reservations.all() == []


def test_where_no_position_is_a_crews_none_is_offered(configuration: Configuration, ledger: Ledger) -> None:
    book_with(configuration, a_holding(magic=5))
    with pytest.raises(CommandError, match="holds no position of that number, nor any other that a crew opened"):
        run(adopting(), configuration)


def test_what_nobody_would_guard_is_not_adopted(configuration: Configuration, ledger: Ledger) -> None:
    book_with(configuration, a_holding(commodity="GOLD"))
    with pytest.raises(CommandError, match="has no symbol for GOLD: nobody would guard"):
        run(adopting(), configuration)


def test_a_position_is_adopted_once(configuration: Configuration, ledger: Ledger) -> None:
    book_with(configuration, a_holding())
    assert "adopted as trade 1: alpha:EURUSD buy 0.3 lots at 1.1, stop 1.09" in run(
        adopting(), configuration, as_json=False
    )
    with pytest.raises(CommandError, match=f"magic {MAGIC} on alpha is trade 1 of the ledger already"):
        run(adopting(), configuration)
    with pytest.raises(LedgerError, match="is that of trade 1"):
        run(Disown(platform="alpha", magic=MAGIC), configuration)


def test_a_disowned_position_is_in_nobodys_way_and_stays_disowned(configuration: Configuration, ledger: Ledger) -> None:
    book = book_with(configuration, a_holding(), token=4_000)
    assert run(Disown(platform="alpha", magic=MAGIC), configuration)["is_new"] is True
    assert run(Disown(platform="alpha", magic=MAGIC), configuration)["is_new"] is False
    start(ledger, book)
    assert ledger.trades.list() == []
    with pytest.raises(CommandError, match="was disowned, and stays a stranger's"):
        run(adopting(), configuration)


def test_a_position_can_be_disowned_while_a_process_leads(configuration: Configuration, ledger: Ledger) -> None:
    book_with(configuration, a_holding())
    ledger.reservations.reserve_resource(account_resource("alpha"), "host:1:abc", 60.0)
    assert "is not ours" in run(Disown(platform="alpha", magic=MAGIC), configuration, as_json=False)
    assert ledger.disowned.of("alpha") == {MAGIC}


def test_the_row_of_an_adopted_trade_needs_the_accounts_lease(ledger: Ledger) -> None:
    trade = made(a_holding(), 1.09, None)
    held = ledger.reservations.reserve_resource(account_resource("alpha"), "me", 60.0)
    assert held is not None
    ledger.reservations.release_resource(held.fence)
    with pytest.raises(StaleToken):
        ledger.adoption.adopt(trade, held.fence)
    with pytest.raises(StaleToken):
        ledger.reservations.raise_token(held.fence, 10)
    with pytest.raises(ValueError, match="the fence is that of 'account:beta'"):
        ledger.adoption.adopt(trade, replace(held.fence, resource="account:beta"))
    with pytest.raises(ValueError, match="expected an adopted trade to be open"):
        ledger.adoption.adopt(replace(trade, state=TradeState.UNKNOWN), held.fence)
    assert ledger.trades.list() == []


def made(holding: Holding, stop_price: float, target_price: float | None, strategy: Strategy = Strategy.DAY) -> Trade:
    return adopted_trade(
        "alpha",
        holding,
        strategy=strategy,
        settings=STRATEGIES[strategy],
        stop_price=stop_price,
        target_price=target_price,
        adopted_at=NOON,
        commodity_token=1,
    )


prices = st.floats(0.01, 100_000.0)


@given(
    entry=prices, stop=prices, target=st.none() | prices, side=st.sampled_from(Side), strategy=st.sampled_from(Strategy)
)
def test_levels_are_taken_only_on_their_own_sides_of_the_entry(
    entry: float, stop: float, target: float | None, side: Side, strategy: Strategy
) -> None:
    holding = a_holding(open_price=entry, side=side)
    loses = side.sign * (entry - stop) > 0
    wins = target is None or side.sign * (target - entry) > 0
    if not (loses and wins):
        with pytest.raises(NotAdoptable):
            made(holding, stop, target, strategy)
        return
    trade = made(holding, stop, target, strategy)
    assert not trade.trailed
    assert trade.stop_price == stop
    assert trade.target_price == target
    assert trade.daily_volatility > 0
    assert prefix_of(trade.magic) == PREFIX
