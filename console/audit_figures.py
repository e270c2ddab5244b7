"""The figures of an audit in JSON's types: each comparison in full, and by whatever might hide a fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np

from console.audit_series import Followed
from trading.audit import BLOCK_DAYS, RULES, Comparison, Differences, found, rules_on
from trading.market import Instant, iso
from trading.settings import Settings

Data: TypeAlias = dict[str, Any]
HALVES = ("first", "second")


def figures(followed: Followed, comparisons: Sequence[Comparison], settings: Settings, split_at: Instant) -> Data:
    """Everything that these trades show. ``split_at``: where the second half of the entries begins."""
    return {
        "trades": len(followed.series),
        "block_days": BLOCK_DAYS,
        "split_at": iso(split_at),
        "rules": [_row(each, followed, settings, split_at) for each in comparisons if each.name in RULES],
        "together": [_row(each, followed, settings, split_at) for each in comparisons if each.name not in RULES],
    }


def finding_row(differences: Differences) -> Data:
    """What a comparison has shown on these trades."""
    seen = found(differences)
    return {
        "trades": seen.trades,
        "touched": seen.touched,
        "blocks": seen.blocks,
        **asdict(seen.gain),
        "at_worst": seen.gain_at_worst,
        "profit": asdict(seen.profit),
        "held_seconds": seen.held_seconds,
        "verdict": seen.verdict.value,
    }


def switches(name: str, settings: Settings) -> Data:
    """Whether the program has this rule on by itself, and whether these settings have."""
    return {"default": name in rules_on(Settings()), "enabled": name in rules_on(settings)}


def _row(comparison: Comparison, followed: Followed, settings: Settings, split_at: Instant) -> Data:
    mine = followed.differences[comparison.name]
    half = np.where(mine.entered_at < split_at, *HALVES)
    is_rule = comparison.name in RULES
    return {
        "name": comparison.name,
        **(switches(comparison.name, settings) if is_rule else {"rules": sorted(comparison.rules)}),
        "in_the_shadow_too": sorted(comparison.shadow),
        **finding_row(mine),
        "by_half": _by(mine, half.tolist(), HALVES),
        "by_entry": _by(mine, followed.kind, sorted(set(followed.kind))),
        "by_series": _by(mine, followed.series, list(dict.fromkeys(followed.series))),
        "by_strategy": _by(mine, followed.strategy, sorted(set(followed.strategy))),
    }


def _by(differences: Differences, key: Sequence[str], values: Sequence[str]) -> Data:
    column = np.array(key)
    return {value: finding_row(differences.where(column == value)) for value in values}
