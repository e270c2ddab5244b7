"""Which account takes a trade, and that nothing but cost, room and turn decides."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_quote, an_instrument

from trading.market import HOUR, MINUTE, SECOND, Instant, Side
from trading.selection import (
    COST_MATERIALITY,
    AccountView,
    DecidedBy,
    Ineligible,
    Selection,
    choose,
    expected_swap_per_lot,
)

STOP_DISTANCE = 0.01


def a_view(platform: str = "alpha", *, spread: float = 0.0001, **changes: Any) -> AccountView:
    """An account that can take the trade, with changes."""
    view = AccountView(
        platform=platform,
        connected=True,
        trades_commodity=True,
        market_open=True,
        in_preclose_window=False,
        reserved=False,
        has_active_trade=False,
        merges_with_others=False,
        cooling_down_until=None,
        open_trades=0,
        max_open_trades=10,
        risk_budget=2_000.0,
        free_risk_budget=2_000.0,
        quote=a_quote(1.1, 1.1 + spread),
        max_spread_fraction=0.1,
        volume_lots=0.1,
        contract_value=100_000.0,
        commission_per_lot=3.5,
        expected_swap_per_lot=-14.0,
        last_chosen_at=None,
    )
    return replace(view, **changes)


def decide(*views: AccountView, now: Instant = NOON) -> Selection:
    return choose(views, now=now, stop_distance=STOP_DISTANCE, quote_max_age_seconds=60)


def run(views: Sequence[AccountView], analyses: int) -> list[str | None]:
    """Who is chosen by so many equal analyses, one an hour, each account free again by the next."""
    last_chosen: dict[str, Instant] = {}
    chosen = []
    for number in range(analyses):
        now = NOON + number * HOUR
        current = [
            replace(
                view, last_chosen_at=last_chosen.get(view.platform), quote=view.quote and replace(view.quote, time=now)
            )
            for view in views
        ]
        selection = decide(*current, now=now)
        if selection.chosen is not None:
            last_chosen[selection.chosen] = now
        chosen.append(selection.chosen)
    return chosen


OBSTACLES: list[tuple[Ineligible, dict[str, Any]]] = [
    (Ineligible.REFUSED_IT, {"has_refused": True}),
    (Ineligible.NOT_CONNECTED, {"connected": False}),
    (Ineligible.NOT_ITS_COMMODITY, {"trades_commodity": False}),
    (Ineligible.MARKET_SHUT, {"market_open": False}),
    (Ineligible.PRECLOSE_WINDOW, {"in_preclose_window": True}),
    (Ineligible.RESERVED, {"reserved": True}),
    (Ineligible.OPEN_TRADE, {"has_active_trade": True}),
    (Ineligible.POSITION_OF_OTHERS, {"merges_with_others": True}),
    (Ineligible.COOLING_DOWN, {"cooling_down_until": NOON + 1}),
    (Ineligible.DRAWDOWN, {"drawdown_factor": 0.0}),
    (Ineligible.DAILY_LOSS, {"is_day_lost": True}),
    (Ineligible.LOSSES_IN_A_ROW, {"pausing_until": NOON + 1}),
    (Ineligible.EXPOSURE_LIMIT, {"open_trades": 10}),
    (Ineligible.GROUP_RISK, {"free_group_budget": 0.0}),
    (Ineligible.SPREAD_TOO_WIDE, {"quote": a_quote(1.1, 1.1011)}),
    (Ineligible.VOLUME_BELOW_MINIMUM, {"volume_lots": 0.0}),
]


@pytest.mark.parametrize(("reason", "changes"), OBSTACLES, ids=lambda value: value if isinstance(value, str) else "")
def test_each_obstacle_is_named(reason: Ineligible, changes: dict[str, Any]) -> None:
    selection = decide(a_view(**changes))
    assert (selection.chosen, selection.decided_by) == (None, DecidedBy.NONE)
    (row,) = selection.candidates
    assert (row.eligible, row.ineligible, row.cost, row.headroom) == (False, reason, None, None)


@pytest.mark.parametrize("first", range(len(OBSTACLES)))
def test_of_several_obstacles_the_first_in_order_is_named(first: int) -> None:
    changes: dict[str, Any] = {}
    for _, obstacle in reversed(OBSTACLES[first:]):
        changes.update(obstacle)
    assert decide(a_view(**changes)).candidates[0].ineligible is OBSTACLES[first][0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quote": None}, Ineligible.NO_QUOTE),
        ({"quote": a_quote(1.1, 1.1001, NOON - 61 * SECOND)}, Ineligible.NO_QUOTE),
        ({"quote": a_quote(float("nan"), 1.1)}, Ineligible.NO_QUOTE),
        ({"quote": a_quote(1.1001, 1.1)}, Ineligible.NO_QUOTE),
        ({"free_risk_budget": 0.0}, Ineligible.EXPOSURE_LIMIT),
        ({"free_risk_budget": float("nan")}, Ineligible.EXPOSURE_LIMIT),
        ({"risk_budget": 0.0}, Ineligible.EXPOSURE_LIMIT),
        ({"free_group_budget": float("nan")}, Ineligible.GROUP_RISK),
        ({"drawdown_factor": float("nan")}, Ineligible.DRAWDOWN),
        ({"contract_value": 0.0}, Ineligible.COST_UNKNOWN),
        ({"commission_per_lot": float("nan")}, Ineligible.COST_UNKNOWN),
        ({"volume_lots": float("nan")}, Ineligible.VOLUME_BELOW_MINIMUM),
        ({"max_spread_fraction": float("nan")}, Ineligible.SPREAD_TOO_WIDE),
    ],
)
def test_what_is_not_known_makes_an_account_ineligible(changes: dict[str, Any], reason: Ineligible) -> None:
    assert decide(a_view(**changes)).candidates[0].ineligible is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"cooling_down_until": NOON},
        {"quote": a_quote(1.1, 1.1001, NOON - 60 * SECOND)},
        {"open_trades": 9},
        {"quote": a_quote(1.0, 1.0009765625), "max_spread_fraction": 0.09765625},
    ],
)
def test_an_account_exactly_at_a_limit_is_eligible(changes: dict[str, Any]) -> None:
    assert decide(a_view(**changes)).decided_by is DecidedBy.ONLY


def test_cost_is_spread_and_commission_and_swap_in_stop_distances() -> None:
    (row,) = decide(a_view(spread=0.0002, commission_per_lot=5.0, expected_swap_per_lot=-20.0)).candidates
    assert row.cost == pytest.approx((0.0002 + (2 * 5.0 + 20.0) / 100_000) / 0.01)
    (row,) = decide(a_view(spread=0.0002, commission_per_lot=0.0, expected_swap_per_lot=10.0)).candidates
    assert row.cost == pytest.approx((0.0002 - 10.0 / 100_000) / 0.01)


def test_swap_is_charged_for_every_night_of_the_hold() -> None:
    assert expected_swap_per_lot(an_instrument(), Side.BUY, 48 * 3600) == pytest.approx(-14.0)
    assert expected_swap_per_lot(an_instrument(), Side.SELL, 12 * 3600) == pytest.approx(1.0)


def test_a_materially_cheaper_account_wins_whatever_its_room_and_its_turn() -> None:
    cheap = a_view("zulu", free_risk_budget=100.0, last_chosen_at=NOON - MINUTE)
    dear = a_view("alpha", spread=0.0001 + 1.01 * COST_MATERIALITY * STOP_DISTANCE)
    selection = decide(dear, cheap)
    assert (selection.chosen, selection.decided_by) == ("zulu", DecidedBy.COST)


def test_an_immaterial_difference_in_cost_leaves_the_decision_to_headroom() -> None:
    cheap = a_view("alpha", free_risk_budget=1_800.0)
    dear = a_view("beta", spread=0.0001 + COST_MATERIALITY * STOP_DISTANCE)
    selection = decide(dear, cheap)
    assert (selection.chosen, selection.decided_by) == ("beta", DecidedBy.HEADROOM)


def test_a_difference_of_exactly_the_threshold_does_not_hang_on_the_last_bit() -> None:
    for points in range(10, 80):
        near, far = points * 1e-5, points * 1e-5 + COST_MATERIALITY * STOP_DISTANCE
        assert decide(a_view("alpha", spread=near), a_view("beta", spread=far)).decided_by is DecidedBy.ROTATION


def test_a_budget_cannot_be_more_than_wholly_free() -> None:
    (row,) = decide(a_view(risk_budget=1_000.0, free_risk_budget=1_500.0)).candidates
    assert row.headroom == 1.0
    (row,) = decide(a_view(risk_budget=1_000.0, free_risk_budget=250.0)).candidates
    assert row.headroom == 0.25


def test_material_is_meant_against_the_cheapest_and_not_against_the_next() -> None:
    """Each is nearly as cheap as the next one, and the last is not nearly as cheap as the first."""
    step = 0.9 * COST_MATERIALITY * STOP_DISTANCE
    views = [
        a_view("first", spread=0.0001, free_risk_budget=1_000.0),
        a_view("second", spread=0.0001 + step, free_risk_budget=1_500.0),
        a_view("third", spread=0.0001 + 2 * step, free_risk_budget=2_000.0),
    ]
    for order in permutations(views):
        selection = decide(*order)
        assert (selection.chosen, selection.decided_by) == ("second", DecidedBy.HEADROOM)


def test_headroom_is_a_fraction_so_a_large_account_is_no_better_than_a_small_one() -> None:
    small = a_view("small", risk_budget=1_000.0, free_risk_budget=900.0)
    large = a_view("large", risk_budget=100_000.0, free_risk_budget=80_000.0)
    assert decide(large, small).chosen == "small"
    rounded = replace(large, free_risk_budget=90_400.0, last_chosen_at=NOON - HOUR)
    assert decide(rounded, small).decided_by is DecidedBy.ROTATION


def test_two_equal_accounts_share_a_thousand_equal_analyses_exactly() -> None:
    chosen = run([a_view("alpha"), a_view("beta")], 1_000)
    assert Counter(chosen) == {"alpha": 500, "beta": 500}


@pytest.mark.parametrize("count", [3, 4])
def test_more_equal_accounts_take_turns(count: int) -> None:
    names = [f"account{number}" for number in range(count)]
    chosen = run([a_view(name) for name in names], 120)
    assert set(Counter(chosen).values()) == {120 // count}
    assert chosen[:count] == chosen[count : 2 * count]


def test_the_order_of_the_configuration_does_not_change_the_split() -> None:
    views = [a_view("alpha"), a_view("beta"), a_view("gamma", spread=0.00012)]
    outcomes = {tuple(run(order, 60)) for order in permutations(views)}
    assert len(outcomes) == 1


def test_doubling_one_balance_does_not_change_the_split() -> None:
    beta = a_view("beta", free_risk_budget=1_900.0)
    doubled = replace(beta, risk_budget=4_000.0, free_risk_budget=3_800.0, volume_lots=0.2)
    alpha = a_view("alpha", free_risk_budget=1_900.0)
    assert run([alpha, doubled], 1_000) == run([alpha, beta], 1_000)


def test_widening_one_spread_moves_exactly_the_analyses_where_that_is_material() -> None:
    """Half of the analyses have a near stop, where the wider spread is material, and half a far one."""
    chance = random.Random(7)
    stops = [chance.choice((0.005, 0.05)) for _ in range(1_000)]
    last_chosen: dict[str, Instant] = {}
    moved = []
    for number, stop_distance in enumerate(stops):
        now = NOON + number * HOUR
        views = [
            a_view(name, quote=a_quote(1.1, 1.1 + spread, now), last_chosen_at=last_chosen.get(name))
            for name, spread in (("alpha", 0.0001), ("beta", 0.0003))
        ]
        selection = choose(views, now=now, stop_distance=stop_distance, quote_max_age_seconds=60)
        assert selection.chosen is not None
        last_chosen[selection.chosen] = now
        moved.append(selection.decided_by is DecidedBy.COST)
        assert selection.decided_by in {DecidedBy.COST, DecidedBy.ROTATION}
        assert selection.chosen == "alpha" or selection.decided_by is DecidedBy.ROTATION
    assert moved == [stop == 0.005 for stop in stops]


def test_an_account_that_was_never_chosen_comes_first() -> None:
    veteran, novice = a_view("alpha", last_chosen_at=NOON - 1_000 * HOUR), a_view("beta")
    assert decide(veteran, novice).chosen == "beta"
    assert decide(a_view("beta"), a_view("alpha")).chosen == "alpha"


def test_the_only_eligible_account_is_chosen_as_such() -> None:
    selection = decide(a_view("alpha", connected=False), a_view("beta"))
    assert (selection.chosen, selection.decided_by) == ("beta", DecidedBy.ONLY)


def test_when_no_account_can_take_it_the_summary_counts_the_reasons() -> None:
    selection = decide(
        a_view("alpha", cooling_down_until=NOON + 1), a_view("beta", has_active_trade=True), a_view("c", reserved=True),
        a_view("d", has_active_trade=True),
    )  # fmt: skip
    assert selection.summary == "no account is eligible: 1 x reserved, 2 x open trade, 1 x cooling down"
    assert decide().summary == "there is no account to choose from"


def test_the_table_goes_to_the_journal_as_json_in_the_order_of_names() -> None:
    selection = decide(a_view("beta", last_chosen_at=NOON), a_view("alpha"), a_view("gamma", quote=None))
    detail = json.loads(json.dumps(selection.as_detail(), allow_nan=False))
    assert [row["platform"] for row in detail["accounts"]] == ["alpha", "beta", "gamma"]
    assert (detail["chosen"], detail["decided_by"]) == ("alpha", "rotation")
    assert detail["accounts"][2]["ineligible"] == "no usable quote"
    assert detail["accounts"][0]["eligible"] is True
    assert selection.log_line() == (
        "alpha by rotation; alpha: cost 0.0310, headroom 1.0000, never chosen; "
        "beta: cost 0.0310, headroom 1.0000, last chosen 2026-03-04T12:00:00Z; gamma: no usable quote"
    )


def test_two_views_of_one_account_are_refused() -> None:
    with pytest.raises(ValueError, match="platform 'alpha' appears twice"):
        decide(a_view("alpha"), a_view("alpha"))


@pytest.mark.parametrize("stop_distance", [0.0, -1.0, float("nan")])
def test_a_stop_distance_that_is_none_is_refused(stop_distance: float) -> None:
    with pytest.raises(ValueError, match="stop_distance is"):
        choose([a_view()], now=NOON, stop_distance=stop_distance, quote_max_age_seconds=60)


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 0.001), st.floats(0.001, 1), st.one_of(st.none(), st.integers(0, NOON)), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    order=st.randoms(use_true_random=False),
)
def test_the_choice_keeps_its_promises_in_any_order(
    rows: list[tuple[float, float, int | None, bool]], order: random.Random
) -> None:
    views = [
        a_view(f"p{n}", spread=spread, free_risk_budget=2_000 * free, last_chosen_at=last, connected=connected)
        for n, (spread, free, last, connected) in enumerate(rows)
    ]
    selection = decide(*views)
    order.shuffle(views)
    assert decide(*views) == selection
    by_name = {row.platform: row for row in selection.candidates}
    eligible = [row for row in selection.candidates if row.cost is not None and row.headroom is not None]
    assert (selection.chosen is None) == (not eligible)
    if selection.chosen is None:
        return
    winner = by_name[selection.chosen]
    assert winner.cost is not None
    assert winner.headroom is not None
    for row in eligible:
        assert row.cost is not None
        assert row.headroom is not None
        assert winner.cost <= row.cost + COST_MATERIALITY + 1e-6
        if row.cost <= winner.cost - 1e-6 and row.headroom > winner.headroom + 0.02:
            pytest.fail(f"{row} is cheaper than {winner} and has more room")
