"""The bars that are kept to be shown: the newest ones, never more than so many, and nothing that they came with."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from console.bar_book import COLUMNS, BarBook
from trading.bars import BarSeries
from trading.market import HOUR


def some_bars(first: int, count: int, commodity: str = "EURUSD") -> BarSeries:
    """Hourly bars, the n-th of all time at the price n."""
    places = np.arange(first, first + count)
    price = places.astype(np.float64) + 1.0
    return BarSeries(commodity, 3_600, places * HOUR, price, price, price, price, np.full(count, np.nan))


def test_new_bars_are_joined_to_those_that_are_kept() -> None:
    book = BarBook()
    book.take("alpha", some_bars(0, 50))
    book.take("alpha", some_bars(40, 12))
    kept = book.of("alpha", "EURUSD")
    assert kept is not None
    assert (kept.time // HOUR).tolist() == list(range(52))


def test_nothing_holds_on_to_the_history_that_came_with_the_first_bar() -> None:
    book = BarBook(most_of_one=10)
    history = some_bars(0, 15_000)
    book.take("alpha", history)
    kept = book.of("alpha", "EURUSD")
    assert kept is not None
    assert len(kept) == 10
    assert not any(np.shares_memory(getattr(kept, name), getattr(history, name)) for name in COLUMNS)


def test_what_was_never_told_is_not_there() -> None:
    book = BarBook()
    book.take("alpha", some_bars(0, 5))
    assert book.of("beta", "EURUSD") is None
    assert book.of("alpha", "GOLD") is None


@given(
    st.lists(st.tuples(st.sampled_from(["alpha", "beta"]), st.sampled_from("ABCDE"), st.integers(1, 60)), max_size=40),
    st.integers(1, 30),
    st.integers(20, 100),
)
def test_however_many_markets_come_there_are_never_more_bars_than_agreed(
    told: list[tuple[str, str, int]], most_of_one: int, most_of_all: int
) -> None:
    book = BarBook(most_of_one, most_of_all)
    until: dict[tuple[str, str], int] = {}
    for platform, commodity, count in told:
        first = until.get((platform, commodity), 0)
        until[platform, commodity] = first + count
        book.take(platform, some_bars(max(first - 1, 0), count + 1 if first else count, commodity))
        assert len(book) <= most_of_all
    for (platform, commodity), end in until.items():
        kept = book.of(platform, commodity)
        assert kept is not None
        assert 1 <= len(kept) <= most_of_one
        assert kept.time[-1] == (end - 1) * HOUR  # the newest is always there
