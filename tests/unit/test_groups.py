"""What trades of one group lose together."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import a_bitcoin, a_commodity

from trading.commodities import Commodity
from trading.groups import direction, free_group_budget, risk_in_direction
from trading.market import Side

EURUSD = a_commodity()
USDJPY = a_commodity(id="USDJPY", base_currency="USD", profit_currency="JPY")
BITCOIN = a_bitcoin(group="crypto")
GOLD = a_commodity(id="GOLD", base_currency="XAU", group="metals")


@pytest.mark.parametrize(
    ("commodity", "sign"),
    [(EURUSD, -1), (USDJPY, 1), (BITCOIN, 1), (GOLD, 1)],
    ids=lambda value: getattr(value, "id", ""),
)
def test_a_buy_bets_on_the_factor_or_against_it(commodity: Commodity, sign: int) -> None:
    assert direction(commodity, Side.BUY) == sign
    assert direction(commodity, Side.SELL) == -sign


def test_long_the_euro_and_short_the_dollar_against_the_yen_add_up() -> None:
    risks = [(direction(EURUSD, Side.BUY), 100.0), (direction(USDJPY, Side.SELL), 80.0)]
    assert free_group_budget(10_000.0, 0.05, risks, direction(EURUSD, Side.BUY)) == 320.0


def test_what_stands_on_the_other_side_gives_no_room_and_takes_none() -> None:
    risks = [(1, 400.0), (-1, 300.0)]
    assert free_group_budget(10_000.0, 0.05, risks, 1) == 100.0
    assert free_group_budget(10_000.0, 0.05, risks, -1) == 200.0
    assert free_group_budget(10_000.0, 0.05, [], 1) == 500.0
    assert free_group_budget(5_000.0, 0.05, risks, 1) == 0.0


@given(st.integers(0, 10**6), st.floats(1_000, 1e6), st.floats(0.01, 0.2))
def test_whatever_is_opened_and_closed_a_group_never_risks_more_than_its_cap(
    seed: int, equity: float, fraction: float
) -> None:
    rng, open_trades = random.Random(seed), list[tuple[int, float]]()
    for _ in range(40):
        if open_trades and rng.random() < 0.3:
            open_trades.pop(rng.randrange(len(open_trades)))
        wanted = rng.choice((1, -1))
        free = free_group_budget(equity, fraction, open_trades, wanted)
        open_trades.append((wanted, min(free, rng.uniform(0, 0.02) * equity)))
        for side in (1, -1):
            assert risk_in_direction(open_trades, side) <= equity * fraction * (1 + 1e-12)


@given(st.lists(st.tuples(st.sampled_from((1, -1)), st.floats(0, 1e6))))
def test_every_risk_is_in_one_direction(risks: list[tuple[int, float]]) -> None:
    both = risk_in_direction(risks, 1) + risk_in_direction(risks, -1)
    assert both == pytest.approx(math.fsum(risk for _, risk in risks))
