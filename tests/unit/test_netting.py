"""A netting account merges every order into the one position of its commodity; its money is right to the cent."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import trading
from connectors.account_book import AccountBook
from connectors.back_office import BackOffice
from connectors.base import CloseOrder, Done, OpenOrder, Outcome, Rejected
from connectors.mock import HEDGING, NETTING, MockConnector
from connectors.mock_clock import ManualClock
from connectors.mock_script import lost_reply
from trading.commodities import catalogue
from trading.market import HOUR, Entry, Position, Quote, Side
from trading.settings_accounts import PaperSettings

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
NOON = 1_704_715_200_000
TOKEN = 1
FAR = math.inf
TERMS = PaperSettings(balance=10_000, leverage=30, commission_per_lot=3.5, slippage_points=0)


@pytest.fixture
def mock() -> MockConnector:
    made = MockConnector("alpha", COMMODITIES, ManualClock(NOON), settings=TERMS, capabilities=NETTING)
    made.price("EURUSD", 1.1000, 1.1001)
    made.connect(FAR)
    return made


def send(mock: MockConnector, side: Side, lots: float, magic: int) -> Done:
    done = mock.open(OpenOrder("EURUSD", side, lots, magic, f"t{magic}", 1.1), TOKEN, FAR)
    assert isinstance(done, Done)
    return done


def close(mock: MockConnector, side: Side, lots: float, magic: int, ticket: int = 1) -> Outcome:
    return mock.close(CloseOrder(ticket, "EURUSD", side, lots, magic, 1.1), TOKEN, FAR)


def held(mock: MockConnector) -> Position:
    (position,) = mock.positions(FAR)
    return position


def entries(mock: MockConnector) -> list[Entry]:
    return [deal.entry for deal in mock.deals(0, FAR)]


# ------------------------------------------------------------ what an order does to the position


def test_a_second_order_of_the_same_side_adds_at_the_average_price(mock: MockConnector) -> None:
    first = send(mock, Side.BUY, 0.1, magic=1)
    mock.price("EURUSD", 1.1010, 1.1011)
    second = send(mock, Side.BUY, 0.3, magic=2)

    merged = held(mock)
    assert (merged.ticket, merged.position_id) == (first.ticket, first.position_id) == (second.ticket, first.order)
    assert merged.volume_lots == 0.4
    assert merged.open_price == pytest.approx((1.1001 * 0.1 + 1.1011 * 0.3) / 0.4)
    assert entries(mock) == [Entry.IN, Entry.IN]


def test_a_merged_position_shows_the_magic_of_the_last_order_that_increased_it(mock: MockConnector) -> None:
    send(mock, Side.BUY, 0.1, magic=1)
    send(mock, Side.BUY, 0.1, magic=2)
    send(mock, Side.SELL, 0.1, magic=3)

    assert (held(mock).magic, held(mock).comment, held(mock).volume_lots) == (2, "t2", 0.1)


def test_an_opposite_order_of_fewer_lots_takes_profit_on_these_alone(mock: MockConnector) -> None:
    send(mock, Side.BUY, 0.4, magic=1)
    mock.price("EURUSD", 1.1011, 1.1012)
    send(mock, Side.SELL, 0.1, magic=2)

    assert (held(mock).side, held(mock).volume_lots, held(mock).open_price) == (Side.BUY, 0.3, 1.1001)
    out = mock.deals(0, FAR)[-1]
    assert (out.entry, out.volume_lots, out.profit, out.commission) == (Entry.OUT, 0.1, 10.0, -0.35)


def test_an_opposite_order_of_the_same_lots_closes(mock: MockConnector) -> None:
    first = send(mock, Side.BUY, 0.4, magic=1)
    second = send(mock, Side.SELL, 0.4, magic=2)

    assert mock.positions(FAR) == ()
    assert second.position_id == first.position_id
    assert mock.account(FAR).margin_used == 0


def test_an_opposite_order_of_more_lots_reverses_and_gives_a_new_ticket(mock: MockConnector) -> None:
    first = send(mock, Side.BUY, 0.1, magic=1)
    mock.price("EURUSD", 1.1011, 1.1012)
    second = send(mock, Side.SELL, 0.3, magic=2)

    turned = held(mock)
    assert (turned.side, turned.volume_lots, turned.open_price) == (Side.SELL, 0.2, 1.1011)
    assert (turned.position_id, turned.ticket, turned.magic) == (first.position_id, second.order, 2)
    deal = mock.deals(0, FAR)[-1]
    assert (deal.entry, deal.volume_lots, deal.profit, deal.commission) == (Entry.IN_OUT, 0.3, 10.0, -1.05)


# ------------------------------------------------------------ closes


def test_a_close_of_what_is_there_closes(mock: MockConnector) -> None:
    done = send(mock, Side.BUY, 0.2, magic=1)
    assert isinstance(close(mock, Side.BUY, 0.2, magic=1), Done)

    assert mock.positions(FAR) == ()
    assert [deal.position_id for deal in mock.deals(0, FAR)] == [done.position_id] * 2


def test_a_close_sent_twice_leaves_the_opposite_position(mock: MockConnector) -> None:
    done = send(mock, Side.BUY, 0.2, magic=1)
    mock.script(close=[lost_reply(executed=True)])
    close(mock, Side.BUY, 0.2, magic=1, ticket=done.ticket)
    close(mock, Side.BUY, 0.2, magic=1, ticket=done.ticket)

    opposite = held(mock)
    assert (opposite.side, opposite.volume_lots, opposite.magic) == (Side.SELL, 0.2, 1)
    assert opposite.position_id != done.position_id


def test_a_close_of_more_than_there_is_reverses(mock: MockConnector) -> None:
    send(mock, Side.BUY, 0.2, magic=1)
    close(mock, Side.BUY, 0.5, magic=1)

    assert (held(mock).side, held(mock).volume_lots) == (Side.SELL, 0.3)


def test_a_close_that_opens_needs_money(mock: MockConnector) -> None:
    refused = close(mock, Side.BUY, 50.0, magic=1)

    assert isinstance(refused, Rejected)
    assert refused.code == "no_money"
    assert mock.positions(FAR) == ()


def test_a_close_of_a_volume_that_is_not_traded_is_refused(mock: MockConnector) -> None:
    send(mock, Side.BUY, 0.2, magic=1)
    refused = close(mock, Side.BUY, 0.015, magic=1)

    assert isinstance(refused, Rejected)
    assert refused.code == "invalid_volume"


def test_a_close_of_an_unknown_commodity_is_refused(mock: MockConnector) -> None:
    refused = mock.close(CloseOrder(1, "NOTHING", Side.BUY, 0.1, 1, 1.0), TOKEN, FAR)

    assert isinstance(refused, Rejected)
    assert refused.code == "unknown_commodity"


# ------------------------------------------------------------ strangers, and money by itself


def test_what_a_person_opens_is_merged_with_ours(mock: MockConnector) -> None:
    ours = send(mock, Side.BUY, 0.2, magic=7)
    mock.open_by_hand("EURUSD", Side.BUY, 0.1)

    assert (held(mock).position_id, held(mock).volume_lots, held(mock).magic) == (ours.position_id, 0.3, 0)


def test_what_a_person_sells_takes_from_ours(mock: MockConnector) -> None:
    send(mock, Side.BUY, 0.2, magic=7)
    mock.open_by_hand("EURUSD", Side.SELL, 0.1)

    assert (held(mock).volume_lots, held(mock).magic) == (0.1, 7)
    assert mock.deals(0, FAR)[-1].reason == "client"


def test_a_position_is_closed_by_hand_under_the_ticket_that_a_reversal_gave_it(mock: MockConnector) -> None:
    send(mock, Side.BUY, 0.1, magic=1)
    turned = send(mock, Side.SELL, 0.3, magic=2)

    assert isinstance(mock.close_by_hand(turned.ticket), Done)
    assert mock.positions(FAR) == ()


def test_a_correction_changes_the_balance_by_a_deal_of_its_position(mock: MockConnector) -> None:
    done = send(mock, Side.BUY, 0.1, magic=1)
    close(mock, Side.BUY, 0.1, magic=1)
    before = mock.account(FAR).balance
    deal = mock.adjust(done.position_id, swap=-1.25, fee=-0.1)

    assert (deal.position_id, deal.volume_lots, deal.net, deal.reason) == (done.position_id, 0.0, -1.35, "correction")
    assert mock.account(FAR).balance == pytest.approx(before - 1.35)
    assert mock.deals(0, FAR)[-1] == deal


def test_a_correction_of_a_position_that_never_was_is_a_mistake(mock: MockConnector) -> None:
    with pytest.raises(ValueError, match="position_id is 99; expected one that has deals"):
        mock.adjust(99, swap=-1.0)


def test_a_netting_account_cannot_promise_that_a_repeated_close_is_harmless() -> None:
    both = replace(HEDGING, netting=True)
    with pytest.raises(ValueError, match=r"capabilities\.closes_by_ticket is True with netting"):
        MockConnector("alpha", COMMODITIES, ManualClock(NOON), capabilities=both)


# ------------------------------------------------------------ whatever is sent


class Office:
    """A back office of its own, whose price the test sets."""

    def __init__(self, *, netting: bool) -> None:
        terms = TERMS.model_copy(update={"balance": 1e9})
        self.book = AccountBook(terms.balance)
        self.price = 1.1
        instruments = {"EURUSD": COMMODITIES["EURUSD"].instrument("EURUSD", terms)}
        self.office = BackOffice(
            "alpha", "USD", instruments, COMMODITIES, self.book, lambda name: self.quote(name), netting=netting
        )
        self.magics = count(1)
        self.now = NOON

    def quote(self, commodity: str) -> Quote:
        return Quote(commodity, self.price, self.price, self.now)

    def send(self, side: Side, lots: float, points: int) -> None:
        self.now += HOUR
        self.price = round(1.1 + points * 1e-5, 5)
        magic = next(self.magics)
        answer = self.office.fill_open(OpenOrder("EURUSD", side, lots, magic, "", 1.1), 1, self.price, self.now)
        assert isinstance(answer, Done)


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 300).map(lambda steps: round(steps * 0.01, 2)),
        st.integers(-5_000, 5_000),
    ),
    max_size=25,
)


@given(orders=ORDERS, netting=st.booleans())
def test_the_balance_is_the_sum_of_the_deals(orders: list[tuple[Side, float, int]], netting: bool) -> None:
    office = Office(netting=netting)
    for order in orders:
        office.send(*order)

    assert office.book.balance == pytest.approx(1e9 + sum(deal.net for deal in office.book.deals), abs=0.001)


@given(orders=ORDERS)
def test_the_position_is_the_sum_of_the_signed_deals(orders: list[tuple[Side, float, int]]) -> None:
    office = Office(netting=True)
    for order in orders:
        office.send(*order)
        net_lots = sum(deal.side.sign * deal.volume_lots for deal in office.book.deals)
        now_held = [position.side.sign * position.volume_lots for position in office.office.positions()]
        assert now_held == ([] if abs(net_lots) < 1e-9 else [pytest.approx(net_lots)])


@given(orders=ORDERS)
def test_between_two_moments_of_holding_nothing_there_is_one_identifier(orders: list[tuple[Side, float, int]]) -> None:
    office = Office(netting=True)
    identifiers: list[int] = []
    flat = True
    for order in orders:
        office.send(*order)
        last = office.book.deals[-1]
        if flat:
            assert last.entry is Entry.IN
            assert last.position_id == last.order
            assert last.position_id not in identifiers
            identifiers.append(last.position_id)
        assert last.position_id == identifiers[-1]
        flat = not office.book.holdings


@given(orders=ORDERS)
def test_netted_and_hedged_accounts_are_worth_the_same(orders: list[tuple[Side, float, int]]) -> None:
    netted, hedged = Office(netting=True), Office(netting=False)
    for order in orders:
        netted.send(*order)
        hedged.send(*order)

    worth = [office.office.account(office.now).equity for office in (netted, hedged)]
    assert worth[0] == pytest.approx(worth[1], abs=0.02 * (len(orders) + 1))


@given(orders=ORDERS)
def test_margin_is_what_the_position_ties_up_and_nothing_when_flat(orders: list[tuple[Side, float, int]]) -> None:
    office = Office(netting=True)
    for order in orders:
        office.send(*order)
        held_now = office.office.positions()
        margin = office.office.account(office.now).margin_used
        expected = sum(position.volume_lots * 100_000 * position.open_price / 30 for position in held_now)
        assert margin == pytest.approx(expected, abs=0.02 * (len(orders) + 1))
