"""What of a merged position belongs to one order, told from the deals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market import Deal, Entry, Side
from trading.shares import share_of, whole

OURS, THEIRS = 7 << 32 | 1, 0


def deals_of(*rows: tuple[int, Entry, float]) -> list[Deal]:
    """One deal of each row: whose, which way, and how many lots. Each brought a euro."""
    return [
        Deal(number, number, 11, magic, "EURUSD", Side.BUY, entry, lots, 1.1, 1.0, 0.0, 0.0, 0.0, number, "expert")
        for number, (magic, entry, lots) in enumerate(rows, start=1)
    ]


CASES = {
    "opened": ([(OURS, Entry.IN, 0.1)], 0.1, [1], False),
    "closed": ([(OURS, Entry.IN, 0.1), (OURS, Entry.OUT, 0.1)], 0.0, [1, 2], False),
    "partly closed": ([(OURS, Entry.IN, 0.3), (OURS, Entry.OUT, 0.1)], 0.2, [1, 2], False),
    "closed by the broker": ([(OURS, Entry.IN, 0.1), (THEIRS, Entry.OUT, 0.1)], 0.0, [1, 2], False),
    "a stranger adds": ([(OURS, Entry.IN, 0.1), (THEIRS, Entry.IN, 0.5)], 0.1, [1], True),
    "ours out, theirs stays": (
        [(OURS, Entry.IN, 0.1), (THEIRS, Entry.IN, 0.5), (OURS, Entry.OUT, 0.1), (THEIRS, Entry.OUT, 0.5)],
        0.0,
        [1, 3],
        True,
    ),
    "theirs out first": ([(OURS, Entry.IN, 0.1), (THEIRS, Entry.IN, 0.5), (THEIRS, Entry.OUT, 0.5)], 0.1, [1], True),
    "more than theirs out": (
        [(OURS, Entry.IN, 0.2), (THEIRS, Entry.IN, 0.5), (THEIRS, Entry.OUT, 0.6)],
        0.1,
        [1, 3],
        True,
    ),
    "into theirs": ([(THEIRS, Entry.IN, 0.5), (OURS, Entry.IN, 0.1), (THEIRS, Entry.OUT, 0.5)], 0.1, [2], True),
    "reversed by a stranger": ([(OURS, Entry.IN, 0.1), (THEIRS, Entry.IN_OUT, 0.3)], 0.0, [1, 2], False),
    "reversed, and closed by them": (
        [(OURS, Entry.IN, 0.1), (THEIRS, Entry.IN_OUT, 0.3), (THEIRS, Entry.OUT, 0.2)],
        0.0,
        [1, 2],
        False,
    ),
    "money alone": ([(OURS, Entry.IN, 0.1), (THEIRS, Entry.IN, 0.0)], 0.1, [1, 2], False),
    "money of a shared one": (
        [(OURS, Entry.IN, 0.1), (THEIRS, Entry.IN, 0.5), (THEIRS, Entry.IN, 0.0)],
        0.1,
        [1],
        True,
    ),
    "not there": ([(THEIRS, Entry.IN, 0.5)], 0.0, [], False),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_share_is_what_its_own_deals_brought_and_strangers_left(case: str) -> None:
    rows, left, touching, with_others = CASES[case]
    share = share_of(OURS, deals_of(*rows))
    assert share.volume_lots == pytest.approx(left)
    assert [deal.deal for deal in share.deals] == touching
    assert share.with_others is with_others
    assert share.is_over == (left == 0 and touching != [])


def test_the_order_in_which_the_deals_are_given_does_not_matter() -> None:
    deals = deals_of((OURS, Entry.IN, 0.1), (THEIRS, Entry.IN, 0.5), (OURS, Entry.OUT, 0.1))
    assert share_of(OURS, deals[::-1]) == share_of(OURS, deals)


LOTS = st.integers(1, 50).map(lambda hundredths: hundredths / 100)
STEPS = st.lists(st.tuples(st.booleans(), st.booleans(), LOTS), max_size=12)


@given(STEPS)
def test_shares_never_exceed_the_position_and_all_of_it_is_somebodys(steps: list[tuple[bool, bool, float]]) -> None:
    """Two orders on one side; each takes out no more than the position has."""
    rows: list[tuple[int, Entry, float]] = []
    held = {OURS: 0.0, THEIRS: 0.0}
    for ours, inward, lots in steps:
        magic = OURS if ours else THEIRS
        if inward:
            held[magic] += lots
            rows.append((magic, Entry.IN, lots))
        elif held[magic] >= lots:
            held[magic] -= lots
            rows.append((magic, Entry.OUT, lots))
    share = share_of(OURS, deals_of(*rows))
    assert share.volume_lots == pytest.approx(held[OURS])
    assert {deal.magic for deal in share.deals} <= {OURS}


@given(STEPS)
def test_alone_in_its_position_an_order_has_all_of_it(steps: list[tuple[bool, bool, float]]) -> None:
    rows: list[tuple[int, Entry, float]] = []
    held = 0.0
    for _, inward, lots in steps:
        if inward or held >= lots:
            held += lots if inward else -lots
            rows.append((OURS, Entry.IN if inward else Entry.OUT, lots))
    deals = deals_of(*rows)
    assert share_of(OURS, deals).volume_lots == pytest.approx(whole(deals).volume_lots)
    assert math.fsum(deal.net for deal in share_of(OURS, deals).deals) == pytest.approx(len(deals))
