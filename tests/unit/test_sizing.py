"""How large a trade is: never more risk than agreed, always whole lot steps, never raised to the minimum."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import a_trade, an_instrument

from trading.market import Instrument, Side
from trading.settings_risk import Risk
from trading.sizing import Sizing, free_risk_budget, risk_budget, risk_to_stop, size, volatility_factor

FREE = an_instrument(commission_per_lot=0.0)


def sized(instrument: Instrument = FREE, **changes: Any) -> Sizing:
    """The size of a trade on an account of 10,000 with nothing open and a stop 100 points away."""
    arguments: dict[str, Any] = {
        "equity": 10_000.0,
        "free_risk_budget": 2_000.0,
        "stop_distance": 0.01,
        "conversion_rate": 1.0,
        "risk": Risk(),
        "free_margin": 10_000.0,
        "price": 1.1,
    }
    return size(instrument=instrument, **{**arguments, **changes})


def exact(number: float) -> Fraction:
    """The number as it is written."""
    return Fraction(repr(number))


def test_one_per_cent_is_lost_at_the_stop() -> None:
    sizing = sized()
    assert (sizing.volume_lots, sizing.risk_amount, sizing.cuts, sizing.refusal) == (0.1, 100.0, (), None)


def test_commission_of_both_sides_counts_as_risk() -> None:
    sizing = sized(an_instrument(commission_per_lot=3.5))
    assert sizing.volume_lots == 0.09
    assert sizing.risk_amount == pytest.approx(0.09 * 1_007)


def test_the_loss_is_converted_into_the_currency_of_the_account() -> None:
    assert sized(stop_distance=1.5, conversion_rate=1 / 150, price=150.0).volume_lots == 0.09
    assert sized(stop_distance=1.5, conversion_rate=0.005, price=150.0).volume_lots == 0.13


def test_decimal_steps_are_not_lost_to_binary_fractions() -> None:
    lost_in_binary = 0
    for steps in range(1, 200):
        equity = 1_000.0 * steps
        assert sized(equity=equity, free_risk_budget=1e6, free_margin=1e9).volume_lots == steps / 100
        lost_in_binary += math.floor(0.01 * equity / (0.01 * 100_000.0 * 1.0) / 0.01) < steps
    assert lost_in_binary > 0


@pytest.mark.parametrize(
    ("changes", "limit", "volume"),
    [
        ({"free_risk_budget": 50.0}, "portfolio risk", 0.05),
        ({"free_margin": 250.0}, "free margin", 0.05),
        ({"free_group_budget": 70.0}, "group risk", 0.07),
        ({"volatility_factor": 0.5}, "volatility", 0.05),
        ({"drawdown_factor": 0.75}, "drawdown", 0.07),
        ({"equity": 10_000_000.0, "free_risk_budget": 1e6, "free_margin": 1e9, "stop_distance": 0.001}, None, 100.0),
    ],
)
def test_every_limit_cuts_and_says_so(changes: dict[str, Any], limit: str | None, volume: float) -> None:
    sizing = sized(**changes)
    assert sizing.volume_lots == volume
    assert sizing.cuts[0].limit == (limit or "maximum volume")
    assert sizing.cuts[0].from_lots == sizing.wanted_lots > sizing.cuts[0].to_lots


def test_margin_must_carry_the_position_down_to_its_stop() -> None:
    sizing = sized(free_margin=3_666.67 + 1_000.0, equity=1e6, free_risk_budget=1e6)
    assert sizing.volume_lots == 1.0
    assert sized(free_margin=4_660.0, equity=1e6, free_risk_budget=1e6).volume_lots == 0.99


def test_a_negative_price_takes_margin_like_a_positive_one() -> None:
    oil = an_instrument(contract_size=1_000.0, commission_per_lot=0.0)
    sizes = [sized(oil, price=price, stop_distance=1.0, equity=1e6, free_risk_budget=1e6) for price in (37.63, -37.63)]
    assert sizes[0] == sizes[1]
    assert sizes[0].cuts[0].limit == "free margin"


def test_no_volume_is_no_trade_even_where_the_broker_states_no_minimum() -> None:
    assert sized(an_instrument(volume_min_lots=0.0), equity=0.0).refusal is not None


def test_a_volume_between_two_steps_is_rounded_down() -> None:
    sizing = sized(equity=10_999.0)
    assert sizing.volume_lots == 0.1
    assert [(cut.limit, cut.to_lots) for cut in sizing.cuts] == [("lot step", 0.1)]
    assert sizing.wanted_lots == pytest.approx(0.10999)


def test_a_volume_below_the_minimum_is_no_trade_and_never_raised() -> None:
    sizing = sized(equity=999.0)
    assert (sizing.volume_lots, sizing.risk_amount) == (0.0, 0.0)
    assert sizing.refusal == "0.00999 lots by risk per trade, below the minimum of 0.01"
    assert sized(an_instrument(volume_min_lots=0.2, commission_per_lot=0.0)).volume_lots == 0.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"equity": -5.0}, "0 lots by risk per trade"),
        ({"equity": 0.0}, "0 lots by risk per trade"),
        ({"free_risk_budget": 0.0}, "0 lots by portfolio risk"),
        ({"free_margin": -100.0}, "0 lots by free margin"),
        ({"free_group_budget": 0.0}, "0 lots by group risk"),
        ({"drawdown_factor": 0.0}, "0 lots by drawdown"),
    ],
)
def test_nothing_to_risk_is_no_trade(changes: dict[str, Any], words: str) -> None:
    sizing = sized(**changes)
    assert sizing.volume_lots == 0
    assert sizing.refusal is not None
    assert sizing.refusal.startswith(words)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"equity": float("nan")}, "equity is nan"),
        ({"free_margin": float("inf")}, "free_margin is inf"),
        ({"free_risk_budget": float("nan")}, "free_risk_budget is nan"),
        ({"price": float("nan")}, "price is nan"),
        ({"free_group_budget": float("nan")}, "free_group_budget is nan"),
        ({"volatility_factor": 1.1}, "volatility_factor is 1.1"),
        ({"drawdown_factor": float("nan")}, "drawdown_factor is nan"),
        ({"stop_distance": 0.0}, "stop_distance is 0.0"),
        ({"stop_distance": -0.01}, "stop_distance is -0.01"),
        ({"conversion_rate": 0.0}, "conversion_rate is 0.0"),
        ({"instrument": an_instrument(contract_size=0.0)}, "contract_size is 0.0"),
        ({"instrument": an_instrument(leverage=float("nan"))}, "leverage is nan"),
        ({"instrument": an_instrument(volume_step_lots=0.0)}, "volume_step_lots is 0.0"),
        ({"instrument": an_instrument(commission_per_lot=-1.0)}, "commission_per_lot is -1.0"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_name(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        sized(**changes)


def test_the_sizing_goes_to_the_journal_as_json() -> None:
    detail = json.loads(json.dumps(sized(free_risk_budget=55.0).as_detail(), allow_nan=False))
    assert detail == {
        "volume_lots": 0.05,
        "risk_amount": 50.0,
        "wanted_lots": 0.1,
        "cuts": [
            {"limit": "portfolio risk", "from_lots": 0.1, "to_lots": 0.055},
            {"limit": "lot step", "from_lots": 0.055, "to_lots": 0.05},
        ],
        "refusal": None,
    }


def test_every_cut_begins_where_the_one_before_it_ended() -> None:
    sizing = sized(volatility_factor=0.75, drawdown_factor=0.5, free_group_budget=30.5, free_risk_budget=25.0)
    assert [(cut.limit, cut.from_lots, cut.to_lots) for cut in sizing.cuts] == [
        ("volatility", 0.1, 0.075),
        ("drawdown", 0.075, 0.0375),
        ("group risk", 0.0375, 0.0305),
        ("portfolio risk", 0.0305, 0.025),
        ("lot step", 0.025, 0.02),
    ]


@pytest.mark.parametrize(
    ("relative", "factor"),
    [
        *((0.5, 1.0), (1.5, 1.0), (2.0, 0.75), (2.5, 0.6), (3.0, 0.5), (50.0, 0.5), (math.inf, 0.5)),
        *((None, 1.0), (math.nan, 1.0), (0.0, 1.0)),
    ],
)
def test_the_risk_is_cut_where_ranges_are_far_above_the_usual_ones(relative: float | None, factor: float) -> None:
    assert volatility_factor(relative, Risk()) == pytest.approx(factor)
    assert volatility_factor(relative, Risk(volatility_cut_from=None)) == 1.0


@given(st.floats(0.01, 100), st.floats(1, 10), st.floats(1, 20), st.floats(0.01, 1))
def test_a_wilder_market_never_gives_more_risk(relative: float, wilder: float, begins: float, least: float) -> None:
    risk = Risk(volatility_cut_from=begins, volatility_cut_least=least)
    assert least <= volatility_factor(relative * wilder, risk) <= volatility_factor(relative, risk) <= 1


money = st.floats(1.0, 1e7)
an_account = st.fixed_dictionaries(
    {
        "equity": money,
        "free_risk_budget": money,
        "free_margin": money,
        "stop_distance": st.floats(1e-6, 100.0),
        "conversion_rate": st.floats(1e-4, 1e4),
        "price": st.floats(-50.0, 1e5).map(lambda price: round(price, 5)),  # an instrument has so many digits
        "risk": st.builds(Risk, risk_per_trade_fraction=st.floats(0.0001, 0.05)),
        "free_group_budget": st.none() | money,
        "volatility_factor": st.floats(0.0, 1.0),
        "drawdown_factor": st.sampled_from([1.0, 0.75, 0.5, 0.25, 0.0]),
    }
)
an_instrument_of_any_kind = st.builds(
    an_instrument,
    contract_size=st.sampled_from([1.0, 100.0, 100_000.0]),
    commission_per_lot=st.sampled_from([0.0, 3.5, 7.123]),
    volume_step_lots=st.sampled_from([0.01, 0.1, 1.0, 0.001, 0.03]),
    volume_min_lots=st.sampled_from([0.01, 0.1, 1.0]),
    leverage=st.sampled_from([1.0, 30.0, 500.0]),
)


@given(an_account, an_instrument_of_any_kind)
def test_no_limit_is_ever_exceeded_not_even_by_a_rounding_error(account: dict[str, Any], terms: Instrument) -> None:
    sizing = size(instrument=terms, **account)
    volume = exact(sizing.volume_lots)
    loss_per_lot = exact(account["stop_distance"]) * exact(terms.contract_size) * exact(account["conversion_rate"])
    loss_per_lot += 2 * exact(terms.commission_per_lot)
    margin = abs(exact(account["price"])) * exact(terms.contract_size) * exact(account["conversion_rate"])
    wanted = exact(account["risk"].risk_per_trade_fraction) * exact(account["equity"])
    assert volume * loss_per_lot <= wanted * exact(account["volatility_factor"]) * exact(account["drawdown_factor"])
    assert account["free_group_budget"] is None or volume * loss_per_lot <= exact(account["free_group_budget"])
    assert volume * loss_per_lot <= exact(account["free_risk_budget"])
    assert volume * (margin / exact(terms.leverage) + loss_per_lot) <= exact(account["free_margin"])
    assert volume <= exact(terms.volume_max_lots)
    assert sizing.risk_amount == pytest.approx(float(volume * loss_per_lot))


@given(an_account, an_instrument_of_any_kind)
def test_the_volume_is_zero_or_whole_steps_from_the_minimum_up(account: dict[str, Any], terms: Instrument) -> None:
    sizing = size(instrument=terms, **account)
    volume = exact(sizing.volume_lots)
    assert (volume / exact(terms.volume_step_lots)).denominator == 1
    assert volume == 0 or volume >= exact(terms.volume_min_lots)
    assert (volume == 0) == (sizing.refusal is not None)


@given(an_account, an_instrument_of_any_kind)
def test_every_cut_is_told_once_and_together_they_are_the_whole_way(account: dict[str, Any], terms: Instrument) -> None:
    sizing = size(instrument=terms, **account)
    limits = [cut.limit for cut in sizing.cuts]
    assert len(set(limits)) == len(limits)
    volume = sizing.wanted_lots
    for cut in sizing.cuts:
        assert cut.from_lots == volume
        assert cut.to_lots <= cut.from_lots
        volume = cut.to_lots
    assert sizing.volume_lots == (0.0 if sizing.refusal is not None else volume)


MORE = ("equity", "free_risk_budget", "free_margin", "free_group_budget")


@given(an_account, an_instrument_of_any_kind, st.sampled_from(MORE))
def test_more_money_never_gives_a_smaller_trade(account: dict[str, Any], terms: Instrument, what: str) -> None:
    richer = {**account, what: None if account[what] is None else account[what] * 1.5}
    assert size(instrument=terms, **richer).volume_lots >= size(instrument=terms, **account).volume_lots


@given(an_account, an_instrument_of_any_kind, st.floats(1.0, 10.0))
def test_a_farther_stop_never_gives_a_larger_trade(account: dict[str, Any], terms: Instrument, factor: float) -> None:
    farther = {**account, "stop_distance": account["stop_distance"] * factor}
    assert size(instrument=terms, **farther).volume_lots <= size(instrument=terms, **account).volume_lots


@pytest.mark.parametrize("side", Side)
def test_the_risk_of_an_open_trade_is_what_was_agreed_until_its_stop_moves(side: Side) -> None:
    terms = an_instrument()
    agreed = sized(terms).risk_amount
    trade = a_trade(side, volume_lots=0.09)
    assert risk_to_stop(trade, terms, 1.0) == pytest.approx(agreed)
    halfway = a_trade(side, volume_lots=0.09, stop_price=1.1 - side.sign * 0.005)
    assert risk_to_stop(halfway, terms, 1.0) == pytest.approx(0.09 * 507)
    beyond_entry = a_trade(side, volume_lots=0.09, stop_price=1.1 + side.sign * 0.005)
    assert risk_to_stop(beyond_entry, terms, 1.0) == 0.0


def test_before_the_fill_the_expected_price_stands_for_the_entry() -> None:
    trade = a_trade(entry_price=None, expected_price=1.102)
    assert risk_to_stop(trade, FREE, 1.0) == pytest.approx(0.1 * 0.012 * 100_000)


def test_the_budget_is_what_open_trades_have_not_taken() -> None:
    assert risk_budget(10_000.0, 0.2) == 2_000.0
    assert free_risk_budget(10_000.0, 0.2, [100.0, 250.0]) == 1_650.0
    assert free_risk_budget(10_000.0, 0.2, [1_500.0, 600.0]) == 0.0
    assert free_risk_budget(-10.0, 0.2, []) == 0.0


def test_trades_opened_one_after_another_never_risk_more_than_the_portfolio_may() -> None:
    taken: list[float] = []
    for _ in range(30):
        free = free_risk_budget(10_000.0, 0.2, taken)
        taken.append(sized(free_risk_budget=free, stop_distance=0.00717, free_margin=1e6).risk_amount)
    assert 1_900 < sum(taken) <= 2_000
    assert taken[-1] == 0.0
