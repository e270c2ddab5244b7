"""What an exit rule earns or costs: trades under it against their own shadows, with standard errors.

A *comparison* is two sets of rules that differ in one rule (or in all of them). Each trade is followed under both, and
the difference of its two results counts, in daily volatilities at entry, so that commodities and years can be put
together. Taking the difference trade by trade removes what both have in common, which is nearly everything.

**Standard errors.** Trades overlap, and markets move together, so their differences are not independent, and dividing
by the root of their number would make every rule look sure. All trades that were entered in the same block of
`BLOCK_DAYS` days, of whatever commodity, are therefore one cluster, four times as long as the longest hold:

    SE = sqrt( G / (G - 1) * sum over the G clusters of (sum of (d - mean) in it)^2 ) / n

(K.-Y. Liang and S. L. Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73, 1986; A. C.
Cameron and D. L. Miller, "A practitioner's guide to cluster-robust inference", Journal of Human Resources 50, 2015).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats, Instants
from trading.exit_memory import TRAILING
from trading.market import DAY, SECOND
from trading.settings import Settings
from trading.settings_exits import LARGEST_DRIFT_SIGMAS, ExitSettings, switchable
from trading.shadow import End
from trading.trade import Trade
from trading.valuation import entry_price

BLOCK_DAYS = 28
LEAST_BLOCKS, LEAST_TOUCHED = 12, 50  # below either there is too little to go by
DECISIVE = 2.0  # standard errors
LARGEST_LOSS = 0.01  # daily volatilities a trade that likelier profits may cost, as `exits.largest_value_loss_sigmas`

OPPOSITE_SIGNAL = "opposite_signal"
EXIT_RULES = switchable(ExitSettings())
RULES = (*EXIT_RULES, OPPOSITE_SIGNAL)
"""Every rule that can be switched, by the name that it has in the journal."""

NEEDS = {"regime_switch": frozenset({TRAILING})}
"""What is on in a rule's trade and in its shadow alike: a strategy that a switch brings in may have to trail."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A trade to be followed, and how it came about."""

    trade: Trade
    kind: str  # analysis: the built-in analyst asked for it; random: drawn by chance


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rules, and the rules that their shadow has."""

    name: str
    rules: frozenset[str]
    shadow: frozenset[str]

    @classmethod
    def of(cls, rule: str) -> Comparison:
        """One rule against its shadow."""
        shadow = NEEDS.get(rule, frozenset())
        return cls(rule, shadow | {rule}, shadow)


class Verdict(StrEnum):
    """What the figures say of a rule."""

    SILENT = "silent"  # it never spoke
    FEW = "too little data"
    COSTS = "switch off"  # the shadow beats it by two standard errors
    PAYS = "pays"  # more money by two standard errors
    LIKELIER = "likelier profits"  # more trades with a profit by two, and surely no more lost than that may cost
    UNPROVEN = "not shown to pay"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its doubt, NaN where there are fewer than two blocks; t is NaN also where nothing differs."""

    mean: float
    standard_error: float
    t: float


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """n trades under a comparison; each array is (n,)."""

    entered_at: Instants
    gain: Floats  # result less the shadow's, in daily volatilities at entry
    profit: Floats  # +1: ended with a profit, and the shadow did not; -1: the other way about; 0
    held_seconds: Floats  # less the shadow's
    touched: NDArray[np.bool_]  # the rule spoke

    def __len__(self) -> int:
        return len(self.entered_at)

    def where(self, wanted: NDArray[Any]) -> Differences:
        """Those for which ``wanted``, (n,), is true."""
        return Differences(**{field.name: getattr(self, field.name)[wanted] for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison has shown on some trades."""

    trades: int
    touched: int
    blocks: int
    gain: Estimate  # daily volatilities a trade
    profit: Estimate  # fraction of the trades that end with a profit
    held_seconds: float  # mean difference; NaN without trades

    @property
    def gain_at_worst(self) -> float:
        """Two standard errors below the mean."""
        return self.gain.mean - DECISIVE * self.gain.standard_error

    @property
    def verdict(self) -> Verdict:
        """By two standard errors, where there is enough to go by."""
        if self.touched == 0:
            return Verdict.SILENT
        if self.blocks < LEAST_BLOCKS or self.touched < LEAST_TOUCHED:
            return Verdict.FEW
        if self.gain.t <= -DECISIVE:
            return Verdict.COSTS
        if self.gain.t >= DECISIVE:
            return Verdict.PAYS
        # A nearer target makes profits likelier whether it is worth it or not: not to see a loss is not enough.
        is_cheap = self.gain_at_worst >= -LARGEST_LOSS
        return Verdict.LIKELIER if self.profit.t >= DECISIVE and is_cheap else Verdict.UNPROVEN


def differences_of(
    comparison: Comparison, entries: Sequence[Entry], ends: Sequence[Mapping[frozenset[str], End]]
) -> Differences:
    """Of n trades under one comparison, given how each ended under its rules and under its shadow's."""
    pairs = [(each[comparison.rules], each[comparison.shadow]) for each in ends]
    unit = [entry.trade.daily_volatility * abs(entry_price(entry.trade)) for entry in entries]
    spoken = comparison.rules - comparison.shadow
    return Differences(
        entered_at=np.array([entry.trade.submitted_at for entry in entries], dtype=np.int64),
        gain=np.array([(end.gain - shadow.gain) / one for (end, shadow), one in zip(pairs, unit, strict=True)]),
        profit=np.array([float(end.gain > 0) - float(shadow.gain > 0) for end, shadow in pairs]),
        held_seconds=np.array([(end.at - shadow.at) / SECOND for end, shadow in pairs]),
        touched=np.array([bool(end.heard & spoken) for end, _ in pairs], dtype=np.bool_),
    )


def found(differences: Differences) -> Finding:
    """The means of the differences and how sure they are."""
    block = differences.entered_at // (BLOCK_DAYS * DAY)
    return Finding(
        trades=len(differences),
        touched=int(np.count_nonzero(differences.touched)),
        blocks=len(np.unique(block)),
        gain=estimate(differences.gain, block),
        profit=estimate(differences.profit, block),
        held_seconds=float(np.mean(differences.held_seconds)) if len(differences) else math.nan,
    )


def estimate(values: Floats, cluster: Instants) -> Estimate:
    """The mean of (n,) values, and its standard error where those of one cluster may hang together."""
    if len(values) == 0:
        return Estimate(math.nan, math.nan, math.nan)
    mean = float(np.mean(values))
    _, place = np.unique(cluster, return_inverse=True)
    sums = np.bincount(place, weights=values - mean)
    count = len(sums)
    if count < 2:
        return Estimate(mean, math.nan, math.nan)
    error = math.sqrt(count / (count - 1) * float(np.sum(sums**2))) / len(values)
    if error > 0:
        return Estimate(mean, error, mean / error)
    return Estimate(mean, error, math.copysign(math.inf, mean) if mean else math.nan)


def with_rules(settings: Settings, on: frozenset[str]) -> Settings:
    """The settings with these rules on and all others off.

    `adverse_drift` is silent while `exits.drift_sigmas` is 0; to be heard at all it is given the most that may be
    believed.
    """
    exits: dict[str, Any] = {
        name: getattr(settings.exits, name).model_copy(update={"enabled": name in on}) for name in EXIT_RULES
    }
    if "adverse_drift" in on and settings.exits.drift_sigmas == 0:
        exits["drift_sigmas"] = LARGEST_DRIFT_SIGMAS
    return settings.model_copy(
        update={
            "opposite_signal_closes": OPPOSITE_SIGNAL in on,
            "exits": settings.exits.model_copy(update=exits),
        }
    )


def rules_on(settings: Settings) -> frozenset[str]:
    """The rules that these settings switch on."""
    on = {name for name in EXIT_RULES if getattr(settings.exits, name).enabled}
    return frozenset(on | {OPPOSITE_SIGNAL} if settings.opposite_signal_closes else on)


def joined(parts: Sequence[Differences]) -> Differences:
    """All of them, in this order. Raises ``ValueError`` for none."""
    return Differences(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Differences)}
    )
