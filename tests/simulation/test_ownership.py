"""The referee's count of merged positions and the program's own come to the same, by different ways."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.account_book import Holding
from connectors.settlement import Execution, settle
from simulation.ownership import Ownership
from simulation.scenario import catalogue
from trading.market import Deal, Side
from trading.settings_accounts import PaperSettings
from trading.shares import share_of

OURS, THEIRS = 7 << 32 | 1, 0
LOTS = st.integers(1, 60).map(lambda hundredths: hundredths / 100)
ORDERS = st.lists(st.tuples(st.sampled_from(Side), LOTS, st.integers(-30, 30)), max_size=8)


def dealt(orders: list[tuple[int, Side, float, int]]) -> list[Deal]:
    """The deals of orders that are executed one after the other in one symbol; each: whose, side, lots, points."""
    terms = catalogue()["EURUSD"].instrument("EURUSD", PaperSettings())
    deals: list[Deal] = []
    held: Holding | None = None
    for number, (magic, side, lots, points) in enumerate(orders):
        price = round(1.1 + points * terms.point, 5)
        execution = Execution(2 * number + 1, magic, side, lots, price, number, "", "expert")
        settled = settle(held, execution, terms, 1.0)
        held = settled.holding
        deals.append(settled.deal)
    last = deals[-1].position_id if deals else 0
    return [deal for deal in deals if deal.position_id == last]


@given(ORDERS, st.sampled_from(Side), LOTS, ORDERS)
def test_both_counts_give_an_order_the_same_lots_and_the_same_money(
    before: list[tuple[Side, float, int]],
    side: Side,
    lots: float,
    after: list[tuple[Side, float, int]],
) -> None:
    """One order of ours to open, strangers' around it, and then our close of what is ours by then."""
    orders = [(THEIRS, *order) for order in before] + [(OURS, side, lots, 0)] + [(THEIRS, *order) for order in after]
    left = share_of(OURS, dealt(orders)).volume_lots
    for more in ([], [(OURS, side.opposite, left, 7)] if left > 0 else []):
        deals = dealt([*orders, *more])
        share, part = share_of(OURS, deals), Ownership(deals, lambda magic: magic == OURS).of(OURS)
        assert share.volume_lots == pytest.approx(part.lots, abs=1e-8)
        assert math.fsum(deal.net for deal in share.deals) == pytest.approx(part.money, abs=1e-6)
