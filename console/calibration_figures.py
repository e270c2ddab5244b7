"""The figures of forecasts on recorded bars, in JSON's types: pooled, and cut by whatever might hide a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats, Instants
from trading.bootstrap import bootstrapped
from trading.calibration import Flags, murphy, quantile_groups, reliability, score
from trading.market import DAY, HOUR
from trading.walk_forward import Forecasts

Data: TypeAlias = dict[str, Any]
QUINTILES, TENTHS = 5, 10
DRAWS = 300  # of whole days, for the intervals
CLAIMS = ("target", "stop", "profit")


def figures(by_series: Mapping[str, Forecasts]) -> Data:
    """Everything about these forecasts. Raises ``ValueError`` for no series."""
    pooled = Forecasts.joined(list(by_series.values()))
    series = np.repeat(list(by_series), [len(forecasts) for forecasts in by_series.values()])
    everyone = np.ones(len(pooled), dtype=np.bool_)
    claims = {claim: _in_full(pooled, claim) for claim in CLAIMS}
    return {
        "positions": len(pooled),
        "positions_with_target": int(np.count_nonzero(pooled.has_target)),
        "calibration_error": claims["target"]["calibration_error"],
        "calibration_error_stop": claims["stop"]["calibration_error"],
        "calibration_error_profit": claims["profit"]["calibration_error"],
        "brier_skill": claims["target"]["brier_skill"],
        "brier_skill_stop": claims["stop"]["brier_skill"],
        "brier_skill_profit": claims["profit"]["brier_skill"],
        "claims": claims,
        "by_series": {name: _row(pooled, series == name) for name in by_series},
        "by_strategy": _by(pooled, pooled.strategy, str),
        "by_side": _by(pooled, pooled.sign, lambda sign: "buy" if sign > 0 else "sell"),
        "by_hour": _by(pooled, pooled.judged_at % DAY // HOUR, str),
        "by_seconds_left": _by_quintile(pooled, pooled.seconds_left, everyone),
        "by_reward_to_risk": _by_quintile(pooled, pooled.reward_to_risk, pooled.has_target),
    }


def claims_of(forecasts: Forecasts, claim: str, wanted: Flags | None = None) -> tuple[Floats, Flags, Instants]:
    """What was claimed, what happened, and by when, of those for which ``wanted``, (m,), is true; None: of all.

    A trade without a target claims nothing of it: it would be right for free.
    """
    made = np.ones(len(forecasts), dtype=np.bool_) if wanted is None else wanted
    if claim == "target":
        made = made & forecasts.has_target
    return getattr(forecasts, f"claimed_{claim}")[made], getattr(forecasts, claim)[made], forecasts.horizon_at[made]


def _in_full(forecasts: Forecasts, claim: str) -> Data:
    claimed, happened, horizon_at = claims_of(forecasts, claim)
    bins = reliability(claimed, happened)
    return {
        **score(claimed, happened).as_detail(),
        # What is open on one day ends by it, and markets move together.
        "intervals": asdict(bootstrapped(claimed, happened, horizon_at, draws=DRAWS)),
        "parts": asdict(murphy(bins)) if bins else None,
        "reliability": [asdict(each) for each in bins],
        "deciles": [
            {"from": low, "to": high, **score(claimed[inside], happened[inside]).as_detail()}
            for low, high, inside in quantile_groups(claimed, TENTHS)
        ],
    }


def _row(forecasts: Forecasts, wanted: Flags) -> Data:
    scores = {claim: score(*claims_of(forecasts, claim, wanted)[:2]).as_detail() for claim in CLAIMS}
    return {"positions": int(np.count_nonzero(wanted)), **scores}


def _by(forecasts: Forecasts, key: NDArray[Any], name: Callable[[Any], str]) -> Data:
    return {name(value): _row(forecasts, key == value) for value in np.unique(key).tolist()}


def _by_quintile(forecasts: Forecasts, values: Floats, of: Flags) -> list[Data]:
    """By quintiles of the values, (m,), among those for which ``of`` is true."""
    rows, places = [], np.flatnonzero(of)
    for low, high, inside in quantile_groups(values[of], QUINTILES):
        wanted = np.zeros(len(forecasts), dtype=np.bool_)
        wanted[places[inside]] = True
        rows.append({"from": low, "to": high, **_row(forecasts, wanted)})
    return rows
