"""The paper broker on its bars: prices, fills, nights, margin, and what it does by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_brokers import COMMODITIES, FAR, MONDAY, TERMS, TOKEN, bars_of, one_after, rising

from connectors.base import CloseOrder, ConnectorError, Done, OpenOrder, Outcome, Rejected
from connectors.mock_clock import ManualClock
from connectors.paper import PaperConnector
from trading.bars import BarSeries
from trading.market import DAY, HOUR, MINUTE, SECOND, Deal, Instant, Quote, Side, instant
from trading.settings_accounts import PaperSettings
from trading.ticks import driving_instants

POINT = 1e-5
PLAIN = TERMS.model_copy(update={"commission_per_lot": 0.0, "spread_points": {"EURUSD": 0.0, "USDJPY": 0.0}})


@dataclass
class Desk:
    """A paper account, its clock, and short ways of saying things to it."""

    paper: PaperConnector
    clock: ManualClock
    commodity: str = "EURUSD"
    next_magic: int = 1

    def at(self, offset: int) -> Desk:
        """Go to an instant, in milliseconds after Monday midnight."""
        self.clock.go_to(MONDAY + offset)
        return self

    def quote(self) -> Quote:
        return next(quote for quote in self.paper.quotes(FAR) if quote.commodity == self.commodity)

    def try_open(self, side: Side, lots: float = 0.1, expected: float = math.nan) -> Outcome:
        self.next_magic += 1
        order = OpenOrder(self.commodity, side, lots, self.next_magic, "", expected)
        return self.paper.open(order, TOKEN, FAR)

    def open(self, side: Side, lots: float = 0.1, expected: float = math.nan) -> Done:
        outcome = self.try_open(side, lots, expected)
        assert isinstance(outcome, Done), outcome
        return outcome

    def try_close(self, done: Done, side: Side, expected: float = math.nan) -> Outcome:
        order = CloseOrder(done.ticket, self.commodity, side, done.volume_lots, 1, expected)
        return self.paper.close(order, TOKEN, FAR)

    def close(self, done: Done, side: Side, expected: float = math.nan) -> Done:
        outcome = self.try_close(done, side, expected)
        assert isinstance(outcome, Done), outcome
        return outcome

    def outs(self) -> list[Deal]:
        return [deal for deal in self.paper.deals(0, FAR) if deal.entry == "out"]


def desk(*series: BarSeries, terms: PaperSettings = PLAIN, symbols: tuple[str, ...] = (), at: Instant = MONDAY) -> Desk:
    """A connected account at the start of the recording, its book in memory."""
    market = {one.commodity: one for one in series}
    traded = symbols or tuple(market)
    clock = ManualClock(at)
    paper = PaperConnector("alpha", terms, COMMODITIES, {name: name for name in traded}, market, clock, None)
    paper.connect(FAR)
    return Desk(paper, clock, traded[0])


ONE_BAR = [(1.1000, 1.1050, 1.0930, 1.1010), (1.1010, 1.1020, 1.1000, 1.1015)]
OPENING, FIRST, SECOND_EXTREME, CLOSING = 0, 20 * MINUTE, 40 * MINUTE, HOUR - SECOND


# ------------------------------------------------------------ quotes


def test_a_quote_lies_around_the_mid_at_the_commoditys_typical_spread() -> None:
    quote = desk(bars_of("EURUSD", ONE_BAR), terms=TERMS).quote()

    assert (quote.bid, quote.ask, quote.time) == (1.09995, 1.10005, MONDAY)


def test_a_spread_of_the_settings_stands_in_for_the_typical_one() -> None:
    wide = TERMS.model_copy(update={"spread_points": {"EURUSD": 30.0}})

    assert desk(bars_of("EURUSD", ONE_BAR), terms=wide).quote().spread == pytest.approx(30 * POINT)


def test_a_spread_of_the_bars_own_comes_before_both() -> None:
    quote = desk(bars_of("EURUSD", ONE_BAR, spread=0.0004)).quote()

    assert (quote.bid, quote.ask) == (1.0998, 1.1002)


def test_prices_are_rounded_to_the_digits_of_the_commodity() -> None:
    yen = desk(bars_of("USDJPY", [(150.12345, 150.2, 150.1, 150.15)]), terms=TERMS).quote()

    assert (yen.bid, yen.ask) == (150.117, 150.129)


def test_between_ticks_the_quote_stays_and_grows_old() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))

    assert account.at(FIRST - 1).quote().time == MONDAY
    assert account.at(FIRST).quote().time == MONDAY + FIRST


def test_before_its_recording_a_commodity_has_no_quote_and_is_not_dealt() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR), bars_of("GBPUSD", ONE_BAR, start=MONDAY + HOUR))
    account.commodity = "GBPUSD"

    assert [quote.commodity for quote in account.paper.quotes(FAR)] == ["EURUSD"]
    assert account.try_open(Side.BUY) == Rejected("market_closed", "GBPUSD does not trade now")


# ------------------------------------------------------------ fills


def test_a_buy_pays_the_ask_and_gets_the_bid_and_slips_both_times() -> None:
    slipping = TERMS.model_copy(update={"slippage_points": 2.0})
    account = desk(bars_of("EURUSD", ONE_BAR), terms=slipping)
    done = account.open(Side.BUY)

    assert done.price == 1.10007
    assert account.close(done, Side.BUY).price == 1.09993


def test_a_sell_gets_the_bid_and_pays_the_ask_and_slips_both_times() -> None:
    slipping = TERMS.model_copy(update={"slippage_points": 2.0})
    account = desk(bars_of("EURUSD", ONE_BAR), terms=slipping)
    done = account.open(Side.SELL)

    assert done.price == 1.09993
    assert account.close(done, Side.SELL).price == 1.10007


def test_slippage_of_a_part_of_a_point_is_a_whole_one() -> None:
    slipping = PLAIN.model_copy(update={"slippage_points": 0.3})

    assert desk(bars_of("EURUSD", ONE_BAR), terms=slipping).open(Side.BUY).price == 1.10001


@pytest.mark.parametrize(("side", "stop"), [(Side.BUY, 1.0960), (Side.SELL, 1.1040)])
def test_a_stop_inside_a_bar_is_filled_at_the_stop(side: Side, stop: float) -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))
    done = account.open(side)

    assert account.at(FIRST).close(done, side, expected=stop).price == stop


@pytest.mark.parametrize(("side", "target"), [(Side.BUY, 1.1040), (Side.SELL, 1.0960)])
def test_a_target_inside_a_bar_is_filled_at_the_target(side: Side, target: float) -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))
    done = account.open(side)

    assert account.at(SECOND_EXTREME).close(done, side, expected=target).price == target


@pytest.mark.parametrize(("side", "stop", "gap"), [(Side.BUY, 1.0960, 1.0900), (Side.SELL, 1.1040, 1.1100)])
def test_a_gap_through_a_stop_is_filled_at_the_open_never_at_the_stop(side: Side, stop: float, gap: float) -> None:
    account = desk(bars_of("EURUSD", [(1.1, 1.1001, 1.0999, 1.1), (gap, gap + 0.01, gap - 0.01, gap)]))
    done = account.open(side)

    assert account.at(HOUR).close(done, side, expected=stop).price == gap


def test_a_stop_on_the_bid_is_found_on_the_path_of_the_bid() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR, spread=0.0002))
    done = account.open(Side.BUY)

    # The mid falls from 1.1000 to 1.0930, so the bid falls from 1.0999 to 1.0929.
    assert account.at(FIRST).close(done, Side.BUY, expected=1.09295).price == 1.09295


@settings(max_examples=40, deadline=None)
@given(
    side=st.sampled_from(Side),
    closes_at=st.sampled_from([FIRST, SECOND_EXTREME, CLOSING, HOUR, HOUR + FIRST]),
    level=st.floats(1.09, 1.11),
    slippage=st.integers(0, 5),
    spread=st.sampled_from([0.0, 0.00003, 0.0004]),
)
def test_a_close_is_filled_between_two_ticks_of_one_bar_give_or_take_slippage(
    side: Side, closes_at: int, level: float, slippage: int, spread: float
) -> None:
    terms = PLAIN.model_copy(update={"slippage_points": float(slippage)})
    account = desk(bars_of("EURUSD", ONE_BAR, spread=spread), terms=terms)
    done = account.open(side)
    prices = {}
    for at in (OPENING, FIRST, SECOND_EXTREME, CLOSING, HOUR, HOUR + FIRST):
        if at <= closes_at:
            prices[at] = account.at(at).quote().closing_price(side)

    price = account.close(done, side, expected=level).price

    here = prices[closes_at]
    before = here if closes_at == HOUR else list(prices.values())[-2]
    slipped = -side.sign * slippage * POINT
    assert min(before, here) + slipped - 1e-9 <= price <= max(before, here) + slipped + 1e-9


# ------------------------------------------------------------ the order of a bar's extremes


def extremes(account: Desk, start: int = 0) -> list[float]:
    return [account.at(start + at).quote().bid for at in (FIRST, SECOND_EXTREME)]


@pytest.mark.parametrize(("side", "expected"), [(Side.BUY, [1.0930, 1.1050]), (Side.SELL, [1.1050, 1.0930])])
def test_a_position_opened_on_the_opening_tick_meets_its_adverse_extreme_first(
    side: Side, expected: list[float]
) -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))
    account.at(FIRST - 1).open(side)

    assert extremes(account) == expected


def test_the_larger_side_decides_where_both_are_held() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))
    account.open(Side.BUY, 0.1)
    account.open(Side.SELL, 0.2)

    assert extremes(account) == [1.1050, 1.0930]


def test_what_is_done_inside_a_bar_does_not_turn_the_path_that_is_under_way() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))  # this bar rises, so without a position the low comes first
    account.at(FIRST).open(Side.SELL)

    assert account.at(SECOND_EXTREME).quote().bid == 1.1050

    account = desk(bars_of("EURUSD", ONE_BAR))
    done = account.open(Side.SELL)
    account.at(FIRST).close(done, Side.SELL)

    assert account.at(SECOND_EXTREME).quote().bid == 1.0930


def test_a_restart_inside_a_bar_finds_the_same_path() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))
    done = account.open(Side.SELL)
    account.at(FIRST).close(done, Side.SELL)
    account.paper.disconnect()
    account.paper.connect(FAR)

    assert account.at(SECOND_EXTREME).quote().bid == 1.0930


def test_accounts_do_not_turn_each_others_paths() -> None:
    buyer, seller = desk(bars_of("EURUSD", ONE_BAR)), desk(bars_of("EURUSD", ONE_BAR))
    buyer.open(Side.BUY)
    seller.open(Side.SELL)

    assert extremes(buyer) == [1.0930, 1.1050]
    assert extremes(seller) == [1.1050, 1.0930]


# ------------------------------------------------------------ when the market is shut


def test_from_the_end_of_a_bar_without_a_next_one_the_market_is_shut() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))
    done = account.open(Side.BUY)

    refused = account.at(2 * HOUR).try_close(done, Side.BUY)

    assert refused == Rejected("market_closed", "EURUSD does not trade now")
    assert account.quote().time == MONDAY + 2 * HOUR - SECOND


def test_over_a_weekend_the_market_is_shut_and_the_first_tick_after_it_closes_at_the_open() -> None:
    friday = bars_of("EURUSD", ONE_BAR[:1])
    monday = bars_of("EURUSD", [(1.0800, 1.0810, 1.0790, 1.0800)], start=MONDAY + 49 * HOUR)
    account = desk(one_after(friday, monday))
    done = account.open(Side.BUY)

    assert isinstance(account.at(30 * HOUR).try_close(done, Side.BUY, expected=1.0960), Rejected)
    assert account.at(49 * HOUR).close(done, Side.BUY, expected=1.0960).price == 1.0800


# ------------------------------------------------------------ nights


def nights(commodity: str, opened: datetime, closed: datetime, side: Side = Side.BUY) -> float:
    """The swap in a round trip of one lot between two UTC times, in a market that never moves."""
    start = instant(opened)
    price = 60_000.0 if commodity == "BITCOIN" else 1.1
    days = int((closed - opened).total_seconds() // 3600) + 2
    series = bars_of(commodity, [(price, price, price, price)] * days, start=start)
    account = desk(series, terms=PLAIN.model_copy(update={"leverage": 500.0}), at=start)
    done = account.open(side, 1.0)
    account.clock.go_to(instant(closed))
    account.close(done, side)
    return account.outs()[0].swap


@pytest.mark.parametrize(
    ("opened", "closed", "nights_due"),
    [
        (datetime(2024, 1, 8, 10, tzinfo=UTC), datetime(2024, 1, 8, 21, 59, 59, tzinfo=UTC), 0),
        (datetime(2024, 1, 8, 10, tzinfo=UTC), datetime(2024, 1, 8, 22, tzinfo=UTC), 1),
        (datetime(2024, 1, 8, 22, tzinfo=UTC), datetime(2024, 1, 9, 21, tzinfo=UTC), 0),  # opened on the rollover
        (datetime(2024, 1, 10, 10, tzinfo=UTC), datetime(2024, 1, 10, 23, tzinfo=UTC), 3),  # Wednesday
        (datetime(2024, 1, 12, 10, tzinfo=UTC), datetime(2024, 1, 15, 10, tzinfo=UTC), 1),  # over the weekend
        (datetime(2024, 1, 8, 10, tzinfo=UTC), datetime(2024, 1, 15, 10, tzinfo=UTC), 7),  # a week is seven nights
        (datetime(2024, 7, 8, 10, tzinfo=UTC), datetime(2024, 7, 8, 21, tzinfo=UTC), 1),  # summer time: an hour earlier
    ],
)
def test_swap_is_booked_at_five_in_new_york_and_three_times_on_wednesday(
    opened: datetime, closed: datetime, nights_due: int
) -> None:
    assert nights("EURUSD", opened, closed) == -7.0 * nights_due


def test_a_sell_has_a_swap_of_its_own() -> None:
    opened, closed = datetime(2024, 1, 8, 10, tzinfo=UTC), datetime(2024, 1, 8, 23, tzinfo=UTC)

    assert nights("EURUSD", opened, closed, Side.SELL) == 2.0


def test_a_market_that_never_shuts_charges_every_night_once() -> None:
    opened, closed = datetime(2024, 1, 10, 10, tzinfo=UTC), datetime(2024, 1, 15, 10, tzinfo=UTC)

    assert nights("BITCOIN", opened, closed) == -25.0 * 5


def test_a_partial_close_takes_its_share_of_the_swap_and_leaves_the_rest() -> None:
    account = desk(bars_of("EURUSD", [(1.1, 1.1, 1.1, 1.1)] * 48))
    done = account.open(Side.BUY, 0.3)
    account.at(DAY).quote()
    assert account.paper.positions(FAR)[0].swap == -2.1

    account.close(replace(done, volume_lots=0.1), Side.BUY)
    account.close(replace(done, volume_lots=0.2), Side.BUY)

    assert [deal.swap for deal in account.outs()] == [-0.7, -1.4]


# ------------------------------------------------------------ margin and currencies


def test_margin_is_what_the_contract_is_worth_over_the_leverage() -> None:
    account = desk(bars_of("EURUSD", ONE_BAR))
    account.open(Side.BUY, 0.3)

    assert account.paper.account(FAR).margin_used == 1_100.0  # 0.3 * 100,000 * 1.1000 / 30


YEN = [(150.0, 150.6, 149.4, 150.3)] * 4


def test_yen_become_dollars_at_the_price_of_the_dollar() -> None:
    account = desk(bars_of("USDJPY", YEN))
    done = account.open(Side.BUY, 0.1)
    assert account.paper.account(FAR).margin_used == 333.33  # 0.1 * 100,000 dollars / 30

    account.at(CLOSING).close(done, Side.BUY)

    (out,) = account.outs()
    assert out.profit == round(0.3 * 10_000 / 150.3, 2)


def test_a_commodity_may_be_there_only_to_convert() -> None:
    euros = PLAIN.model_copy(update={"currency": "EUR"})
    account = desk(bars_of("GBPUSD", ONE_BAR), bars_of("EURUSD", ONE_BAR), terms=euros, symbols=("GBPUSD",))
    done = account.open(Side.BUY, 0.1)
    account.at(CLOSING).close(done, Side.BUY)

    assert [quote.commodity for quote in account.paper.quotes(FAR)] == ["EURUSD", "GBPUSD"]  # who sizes converts, too
    moved = account.outs()[0].price - done.price
    assert account.outs()[0].profit == pytest.approx(moved * 10_000 / 1.1010, abs=0.006)


def test_a_profit_in_a_currency_without_a_pair_is_converted_through_the_dollar() -> None:
    yen = PLAIN.model_copy(update={"currency": "JPY", "balance": 1_000_000.0})
    dollars = bars_of("USDJPY", [(150.0, 150.0, 150.0, 150.0)] * 2)
    euros = bars_of("EURGBP", [(0.86, 0.86, 0.86, 0.86), (0.87, 0.87, 0.87, 0.87)])
    account = desk(euros, bars_of("GBPUSD", [(1.25, 1.25, 1.25, 1.25)] * 2), dollars, terms=yen, symbols=("EURGBP",))
    done = account.open(Side.BUY, 0.1)
    account.at(HOUR + CLOSING).close(done, Side.BUY)

    assert [quote.commodity for quote in account.paper.quotes(FAR)] == ["EURGBP", "GBPUSD", "USDJPY"]
    moved = account.outs()[0].price - done.price
    assert account.outs()[0].profit == pytest.approx(moved * 10_000 * 1.25 * 150, abs=0.006)


def test_an_account_without_both_legs_of_a_conversion_is_refused_with_what_would_do() -> None:
    yen = PLAIN.model_copy(update={"currency": "JPY"})
    flat = [(1.0, 1.0, 1.0, 1.0)]

    with pytest.raises(ConnectorError, match="one of GBPJPY and JPYGBP, or a pair of each with USD, or leave EURGBP"):
        desk(bars_of("EURGBP", flat), bars_of("GBPUSD", flat), terms=yen, symbols=("EURGBP",))


def test_an_account_that_cannot_convert_a_currency_is_refused_when_it_is_made() -> None:
    francs = PLAIN.model_copy(update={"currency": "CHF"})

    with pytest.raises(ConnectorError, match=r"account 'alpha': EURUSD pays in USD.*into CHF"):
        desk(bars_of("EURUSD", ONE_BAR), terms=francs)


def test_a_symbol_without_bars_or_catalogue_entry_is_refused_when_the_account_is_made() -> None:
    clock = ManualClock(MONDAY)
    market = {"EURUSD": bars_of("EURUSD", ONE_BAR), "PORK": bars_of("PORK", ONE_BAR)}

    with pytest.raises(ConnectorError, match="GBPUSD has a symbol, but no bars"):
        PaperConnector("alpha", PLAIN, COMMODITIES, {"GBPUSD": "GBPUSD"}, market, clock, None)
    with pytest.raises(ConnectorError, match="PORK has a symbol, but no entry in the catalogue"):
        PaperConnector("alpha", PLAIN, COMMODITIES, {"PORK": "PORK"}, market, clock, None)


def test_bars_of_the_wrong_commodity_or_too_short_for_ticks_are_refused_when_the_account_is_made() -> None:
    clock, symbols = ManualClock(MONDAY), {"EURUSD": "EURUSD"}
    swapped = {"EURUSD": bars_of("GBPUSD", ONE_BAR)}
    short = {"EURUSD": bars_of("EURUSD", ONE_BAR, bar_seconds=3)}

    with pytest.raises(ConnectorError, match="market of EURUSD is 2 bars of GBPUSD"):
        PaperConnector("alpha", PLAIN, COMMODITIES, symbols, swapped, clock, None)
    with pytest.raises(ConnectorError, match="bars of EURUSD are 3 s long; expected at least 4"):
        PaperConnector("alpha", PLAIN, COMMODITIES, symbols, short, clock, None)


def test_an_open_waits_for_the_price_that_converts_it() -> None:
    euros = PLAIN.model_copy(update={"currency": "EUR"})
    late = bars_of("EURUSD", ONE_BAR, start=MONDAY + HOUR)
    account = desk(bars_of("GBPUSD", ONE_BAR), late, terms=euros, symbols=("GBPUSD",))

    outcome = account.try_open(Side.BUY)

    assert outcome == Rejected("market_closed", "EURUSD has no price yet to convert GBPUSD into EUR")


# ------------------------------------------------------------ the broker's own doing


FALLING = [(1.1000, 1.1005, 1.0995, 1.1000)] + [
    (1.1 - 0.01 * n, 1.1 - 0.01 * n, 1.09 - 0.01 * n, 1.09 - 0.01 * n) for n in range(12)
]


def test_at_half_its_margin_an_account_loses_its_worst_position_first() -> None:
    account = desk(bars_of("EURUSD", FALLING), terms=PLAIN.model_copy(update={"balance": 12_000.0}))
    account.open(Side.SELL, 0.5)
    account.at(FIRST)
    worse = account.open(Side.BUY, 1.9)  # 1.9 * 100,000 * 1.1 / 30 = 6,967 of margin, and 1,833 for the sell

    account.at(12 * HOUR).quote()

    closed = account.outs()
    assert closed[0].position_id == worse.position_id
    assert closed[0].reason == "stop out"
    assert closed[0].magic == 0
    assert [held.side for held in account.paper.positions(FAR)] == [Side.SELL]


def test_a_stop_out_comes_at_its_own_tick_although_nobody_asked() -> None:
    asked, unasked = (desk(bars_of("EURUSD", FALLING)) for _ in range(2))
    for account in (asked, unasked):
        account.open(Side.BUY, 2.0)
    for at in driving_instants([bars_of("EURUSD", FALLING)], MONDAY, MONDAY + 13 * HOUR).tolist():
        asked.clock.go_to(at)
        asked.paper.quotes(FAR)
    unasked.at(13 * HOUR)

    assert len(unasked.outs()) == 1
    assert unasked.paper.deals(0, FAR) == asked.paper.deals(0, FAR)
    assert unasked.outs()[0].time < MONDAY + 13 * HOUR


def test_a_stop_out_comes_at_the_first_tick_at_which_equity_is_half_the_margin() -> None:
    account = desk(bars_of("EURUSD", FALLING))
    done = account.open(Side.BUY, 2.0)
    half = account.paper.account(FAR).margin_used / 2
    worth = {}
    for at in driving_instants([bars_of("EURUSD", FALLING)], MONDAY, MONDAY + 13 * HOUR).tolist():
        account.clock.go_to(at)
        worth[at] = 10_000 + round((account.quote().bid - done.price) * 200_000, 2)

    first = next(at for at, equity in worth.items() if equity <= half)
    assert [deal.time for deal in account.outs()] == [first]


def test_a_stop_out_waits_while_the_market_is_shut() -> None:
    series = bars_of("EURUSD", [(1.1, 1.1, 1.1, 1.1), (1.0, 1.0, 1.0, 1.0)])
    account = desk(replace(series, time=np.array([MONDAY, MONDAY + 49 * HOUR])), terms=PLAIN)
    account.open(Side.BUY, 2.0)

    assert account.at(48 * HOUR).outs() == []
    assert account.at(49 * HOUR).outs()[0].price == 1.0
    assert account.paper.account(FAR).balance == 10_000.0 - 20_000.0 - 28.0  # the gap, and two nights


# ------------------------------------------------------------ the same again


ACTS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell", "close", "part", "wait"]), st.integers(1, 40)), min_size=1, max_size=25
)


def play(acts: list[tuple[str, int]], account: Desk) -> None:
    for act, amount in acts:
        held = account.paper.positions(FAR)
        if act in ("buy", "sell"):
            account.try_open(Side(act), amount / 100)
        elif act == "wait":
            account.clock.sleep(amount * 700)
        elif held:
            chosen = held[amount % len(held)]
            lots = chosen.volume_lots if act == "close" else min(chosen.volume_lots, amount / 100)
            order = CloseOrder(chosen.ticket, "EURUSD", chosen.side, lots, chosen.magic, math.nan)
            account.paper.close(order, TOKEN, FAR)


@settings(max_examples=30, deadline=None)
@given(acts=ACTS)
def test_whatever_is_done_the_balance_is_the_opening_balance_and_the_deals_to_the_cent(
    acts: list[tuple[str, int]],
) -> None:
    first, second = (desk(bars_of("EURUSD", rising(80)), terms=TERMS) for _ in range(2))
    for account in (first, second):
        play(acts, account)

    deals, account_now = first.paper.deals(0, FAR), first.paper.account(FAR)
    floating = sum(held.profit + held.swap for held in first.paper.positions(FAR))
    assert account_now.balance == round(10_000 + sum(deal.net for deal in deals), 2)
    assert account_now.equity == pytest.approx(account_now.balance + floating, abs=0.005)
    assert list(deals) == sorted(deals, key=lambda deal: deal.time)
    assert (deals, account_now) == (second.paper.deals(0, FAR), second.paper.account(FAR))
