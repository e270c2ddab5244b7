"""What each rule has to say of a trade, by the words of `docs/rehearsal.md`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trading.market import Instant
from trading.trade import CloseReason


@dataclass(frozen=True, slots=True)
class Rules:
    """Which rules are switched on."""

    profitable_daily: bool = True
    profitable_friday: bool = True
    all_friday: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A tick in a window at which the rules could be judged, and what the trade was worth then."""

    at: Instant
    net_profit: float  # in account currency, the costs of closing included


def closing_rules(rules: Rules, *, ends_week: bool) -> tuple[CloseReason, ...]:
    """Those that judge a day, in their order."""
    friday = ends_week and (rules.profitable_friday or rules.all_friday)
    return ((CloseReason.FRIDAY,) if friday else ()) + ((CloseReason.DAY_END,) if rules.profitable_daily else ())


def expected_lines(
    rule: CloseReason, rules: Rules, attempts: Sequence[Attempt], *, closes_at_day_end: bool
) -> dict[Instant, str]:
    """What the journal has to say of a rule, by the tick at which it is judged.

    More than one tick where the crew was killed in the middle of the first: then either will do.
    """
    everything = rule is CloseReason.FRIDAY and rules.all_friday
    concerned = rule is CloseReason.FRIDAY or closes_at_day_end
    return {
        attempt.at: f"{rule.value}:{'closed' if everything or (concerned and attempt.net_profit > 0) else 'kept'}"
        for attempt in attempts
    }
