"""The words of a judgement on an open trade, and the settings that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from trading.analysis import Strategy
from trading.commodities import Commodity
from trading.settings import Settings
from trading.settings_exits import ExitSettings
from trading.settings_strategies import StrategySettings
from trading.trade import CloseReason
from trading.valuation import Valuation


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave the trade as it is."""


@dataclass(frozen=True, slots=True)
class Adjust:
    """Write a new stop and target, and perhaps a new strategy. None of it is ever sent to a broker."""

    stop_price: float
    target_price: float | None
    reason: str  # the rule that asks for it
    strategy: Strategy | None = None  # None: the trade keeps its own


@dataclass(frozen=True, slots=True)
class Close:
    """Close the trade."""

    reason: CloseReason
    price: float  # the level that was hit, or the current closing price: what the fill is compared with


Decision: TypeAlias = Hold | Adjust | Close


@dataclass(frozen=True, slots=True)
class Judgement:
    """A decision with what it was based on. Valuations are None where nothing had to be weighed, or nothing could."""

    decision: Decision
    before: Valuation | None = None  # of the trade as it stands
    after: Valuation | None = None  # of the trade as an `Adjust` would leave it
    rule: str = ""  # which one spoke; "" for a mere hold
    why: str = ""  # in words


@dataclass(frozen=True, slots=True)
class ExitRules:
    """The settings that exits depend on, for one commodity."""

    quote_max_age_seconds: float
    analysis_max_age_seconds: float
    opposite_signal_closes: bool
    may_be_negative: bool
    point: float  # the smallest price step
    settings: ExitSettings
    strategies: Mapping[Strategy, StrategySettings]


def exit_rules(settings: Settings, commodity: Commodity) -> ExitRules:
    """The exit rules of this commodity under these settings."""
    return ExitRules(
        quote_max_age_seconds=settings.quote_max_age_seconds,
        analysis_max_age_seconds=settings.analysis_max_age_seconds,
        opposite_signal_closes=settings.opposite_signal_closes,
        may_be_negative=commodity.may_be_negative,
        point=commodity.point,
        settings=settings.exits,
        strategies=settings.strategies,
    )
