"""The settings of the exit rules: their defaults, and the mistakes that they refuse by name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from trading.settings import Settings
from trading.settings_exits import ExitSettings


def test_the_guard_rails_are_those_that_the_rules_were_measured_with() -> None:
    settings = ExitSettings()
    assert settings.largest_value_loss_sigmas == 0.01
    assert settings.least_probability_gain == 0.02
    assert settings.target_cut_a_day_fraction == 0.25
    assert settings.nearest_spreads == 3
    assert settings.drift_sigmas == 0
    assert settings.break_even.least_sigmas == 0.5
    assert settings.adverse_drift.least_loss_sigmas == 0.02
    assert settings.signal_gone.least_probability == 0.05


def test_a_rule_that_has_not_been_shown_to_pay_is_off() -> None:
    """But for what ends the strategies that have no target, and what is silent until a drift is shown."""
    settings = ExitSettings()
    rules = {name: getattr(settings, name).enabled for name in type(settings).model_fields if _is_rule(settings, name)}
    assert [name for name, enabled in rules.items() if not enabled] == [
        *("rescale", "mean", "break_even", "signal_gone", "regime_switch")
    ]
    assert len(rules) == 7


def _is_rule(settings: ExitSettings, name: str) -> bool:
    return hasattr(getattr(settings, name), "enabled")


def test_a_table_that_names_one_key_keeps_the_others() -> None:
    settings = Settings.model_validate({"exits": {"regime_switch": {"enabled": True}}})
    assert settings.exits.regime_switch.unsuited_bars == 3
    assert settings.exits.regime_switch.enabled
    assert settings.exits.rescale == ExitSettings().rescale


@pytest.mark.parametrize(
    ("exits", "field"),
    [
        ({"drift_sigmas": 0.11}, "exits.drift_sigmas"),
        ({"target_cut_a_day_fraction": 25}, "exits.target_cut_a_day_fraction"),
        ({"least_probability_gain": 2}, "exits.least_probability_gain"),
        ({"signal_gone": {"least_probability": 5}}, "exits.signal_gone.least_probability"),
        ({"regime_switch": {"unsuited_bars": 0}}, "exits.regime_switch.unsuited_bars"),
        ({"rescale": {"least_change_fraction": 0}}, "exits.rescale.least_change_fraction"),
        ({"minimum_interval_seconds": -1}, "exits.minimum_interval_seconds"),
        ({"break_even": {"least_sigmas": float("nan")}}, "exits.break_even.least_sigmas"),
        ({"breakeven": {}}, "exits.breakeven"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(exits: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Settings.model_validate({"exits": exits})


def test_a_strategy_of_which_every_trade_would_be_refused_is_refused_itself() -> None:
    said = "strategies.day: the target is 0.2 stop distances away, nearer than exits.minimum_reward_to_risk"
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate({"strategies": {"day": {"target_volatilities": 0.2}}})
    Settings.model_validate({"strategies": {"day": {"target_volatilities": 0.2, "enabled": False}}})
    Settings.model_validate(
        {"strategies": {"day": {"target_volatilities": 0.2}}, "exits": {"minimum_reward_to_risk": 0.2}}
    )
