"""What of a merged position belongs to one order, told from the deals."""

from __future__ import annotations

import math
from dataclasses import replace

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
    "into less of a stranger's": ([(THEIRS, Entry.IN, 0.05), (OURS, Entry.IN_OUT, 0.58)], 0.53, [2], True),
    "into less of a stranger's, and closed": (
        [(THEIRS, Entry.IN, 0.05), (OURS, Entry.IN_OUT, 0.58), (OURS, Entry.OUT, 0.53)],
        0.0,
        [2, 3],
        True,
    ),
    "into more of a stranger's": ([(THEIRS, Entry.IN, 0.5), (OURS, Entry.OUT, 0.1)], 0.0, [2, 2], True),
    "into as much of a stranger's": ([(THEIRS, Entry.IN, 0.1), (OURS, Entry.OUT, 0.1)], 0.0, [2, 2], True),
    "closed too late, which reversed": (
        [(OURS, Entry.IN, 0.3), (THEIRS, Entry.OUT, 0.1), (OURS, Entry.IN_OUT, 0.3)],
        0.0,
        [1, 2, 3],
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


def trade_of(*rows: tuple[int, Entry, float, float]) -> list[Deal]:
    """Deals as in `deals_of`, each with its profit, and a commission of one euro a lot."""
    plain = deals_of(*((magic, entry, lots) for magic, entry, lots, _ in rows))
    return [
        replace(deal, profit=profit, swap=0.0, commission=-deal.volume_lots)
        for deal, (*_, profit) in zip(plain, rows, strict=True)
    ]


def test_what_an_open_closed_of_a_strangers_position_is_no_profit_of_ours() -> None:
    rows = ((THEIRS, Entry.IN, 0.05, 0.0), (OURS, Entry.IN_OUT, 0.58, 24.35), (OURS, Entry.OUT, 0.53, 13.25))
    share = share_of(OURS, trade_of(*rows))
    assert [(deal.entry, deal.volume_lots) for deal in share.deals] == [(Entry.IN, 0.53), (Entry.OUT, 0.53)]
    assert math.fsum(deal.net for deal in share.deals) == pytest.approx(13.25 - 0.58 - 0.53)


def test_an_open_that_only_closed_a_strangers_position_is_over_and_brought_its_costs() -> None:
    share = share_of(OURS, trade_of((THEIRS, Entry.IN, 0.5, 0.0), (OURS, Entry.OUT, 0.1, 7.0)))
    assert share.is_over
    assert math.fsum(deal.net for deal in share.deals) == pytest.approx(-0.1)
    assert [deal.magic for deal in share.deals if deal.entry is Entry.OUT] == [0], "no close of ours"


def test_a_close_that_came_after_a_strangers_reversal_opened_nothing_of_our_share() -> None:
    deals = trade_of((OURS, Entry.IN, 0.88, 0.0), (THEIRS, Entry.IN_OUT, 2.5, 9.0), (OURS, Entry.IN, 0.88, 0.0))
    deals[1:] = [replace(deal, side=Side.SELL) for deal in deals[1:]]
    share = share_of(OURS, deals)
    assert share.is_over
    assert math.fsum(deal.net for deal in share.deals) == pytest.approx(-0.88 + 9.0 - 0.88 - 0.88)


def test_of_a_close_that_took_both_parts_each_has_its_own() -> None:
    """A stranger takes out 0.6 of the 0.5 that are theirs and the 0.2 that are ours."""
    rows = ((OURS, Entry.IN, 0.2, 0.0), (THEIRS, Entry.IN, 0.5, 0.0), (THEIRS, Entry.OUT, 0.6, 12.0))
    share = share_of(OURS, trade_of(*rows))
    assert math.fsum(deal.net for deal in share.deals) == pytest.approx(-0.2 + 12.0 / 6 - 0.1)


def test_of_a_strangers_reversal_only_what_it_closed_of_ours_counts() -> None:
    rows = ((OURS, Entry.IN, 0.1, 0.0), (THEIRS, Entry.IN_OUT, 0.3, 5.0))
    share = share_of(OURS, trade_of(*rows))
    assert math.fsum(deal.net for deal in share.deals) == pytest.approx(-0.1 + 5.0 - 0.1)


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
    assert share_of(OURS, deals).volume_lots == pytest.approx(whole(OURS, deals).volume_lots)
    assert math.fsum(deal.net for deal in share_of(OURS, deals).deals) == pytest.approx(len(deals))


def test_a_clock_that_was_set_back_does_not_put_a_close_before_its_open() -> None:
    opened, closed = deals_of((OURS, Entry.IN, 0.3), (OURS, Entry.OUT, 0.3))
    earlier = replace(closed, time=opened.time - 3_600_000)
    for share in (share_of(OURS, [earlier, opened]), whole(OURS, [earlier, opened])):
        assert (share.is_over, share.volume_lots) == (True, 0.0)
        assert [deal.entry for deal in share.deals] == [Entry.IN, Entry.OUT]


def test_a_position_that_others_opened_is_none_of_ours_on_a_hedging_account_either() -> None:
    share = whole(OURS, deals_of((THEIRS, Entry.IN, 0.3), (OURS, Entry.OUT, 0.3)))
    assert (share.deals, share.is_over) == ((), False)
