"""Which quotes may be acted upon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_quote

from trading.market import HOUR, SECOND, Quote
from trading.quotes import unusable, usable_many

a_price = st.one_of(st.floats(-2, 2), st.sampled_from([0.0, float("nan"), float("inf"), float("-inf")]))
a_quote_of_any_kind = st.builds(
    Quote, st.just("EURUSD"), a_price, a_price, st.integers(NOON - 120 * SECOND, NOON + 120 * SECOND)
)


def test_a_quote_is_stale_once_it_is_older_than_allowed() -> None:
    assert unusable(a_quote(1.1, time=NOON - 60 * SECOND), NOON, 60) is None
    assert unusable(a_quote(1.1, time=NOON - 60 * SECOND - 1), NOON, 60) == "stale"


def test_a_column_grows_stale_at_the_same_age() -> None:
    ages = np.array([0, 60 * SECOND, 60 * SECOND + 1])
    prices = np.full(3, 1.1)
    assert usable_many(prices, prices, NOON - ages, NOON, 60).tolist() == [True, True, False]


def test_a_quote_ahead_of_a_clock_that_stepped_back_still_counts() -> None:
    assert unusable(a_quote(1.1, time=NOON + HOUR), NOON, 60) is None


@pytest.mark.parametrize(
    ("quote", "fault"),
    [
        (a_quote(float("nan"), 1.1), "not finite"),
        (a_quote(1.2, 1.1), "crossed"),
        (a_quote(0.0, 1.1, NOON - HOUR), "price at or below zero"),
    ],
)
def test_what_is_wrong_with_the_prices_is_said_before_their_age(quote: Quote, fault: str) -> None:
    assert unusable(quote, NOON, 60) == fault


@given(st.lists(a_quote_of_any_kind, max_size=10), st.booleans())
def test_columns_are_judged_as_each_quote(quotes: list[Quote], may_be_negative: bool) -> None:
    usable = usable_many(
        np.array([quote.bid for quote in quotes]),
        np.array([quote.ask for quote in quotes]),
        np.array([quote.time for quote in quotes], dtype=np.int64),
        NOON,
        60.0,
        may_be_negative=may_be_negative,
    )
    one_by_one = [unusable(quote, NOON, 60.0, may_be_negative=may_be_negative) is None for quote in quotes]
    assert usable.tolist() == one_by_one
