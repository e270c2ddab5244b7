"""What each pillar read, in a line: the values behind its score, by the formulas of `trading/pillars.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from console.figures import number, words
from console.records import mapping
from console.sentences import printable

GRADE = "_grade"  # how the name of a graded reading of the base signal ends
SHOWN_AT_MOST = 8  # readings of a source outside, whose names nobody here knows
FRAMES = ("h1", "h4", "d1")


def readings_in_words(pillar: Mapping[str, Any]) -> str:
    """What the pillar read; empty where nothing was kept. Never raises, whatever the journal holds."""
    said = _FORMS.get(str(pillar.get("name")), _others)(pillar)
    return printable(said or _others(pillar))


def _base(pillar: Mapping[str, Any]) -> str:
    """Trigger x fit x grades, and the indicators that they grade."""
    read = mapping(pillar.get("readings"))
    trigger, fit = number(read.get("trigger")), number(read.get("fit"))
    if trigger is None or fit is None:
        return ""
    grades = [
        f"{name.removesuffix(GRADE)} {known:.2f}"
        for name, value in read.items()
        if name.endswith(GRADE) and (known := number(value)) is not None
    ]
    said = f"trigger {trigger:.2f} x fit {fit:.2f} x grades ({', '.join(grades)})"
    if trigger == 0:
        said = "no trigger: what the strategy waits for did not happen in the last three bars"
    elif fit == 0:
        said = f"trigger {trigger:.2f}, fit 0: the market's kind does not suit the strategy"
    return "; ".join(part for part in (said, _indicators(read)) if part)


def _indicators(read: Mapping[str, Any]) -> str:
    told = []
    for name, form in (
        ("rsi", "RSI {:.0f}"),
        ("adx", "ADX {:.0f}"),
        ("macd", "MACD {:+.2f}"),
        ("histogram", "histogram {:+.2f}"),
        ("percent_b", "band {:+.2f}"),
    ):
        known = number(read.get(name))
        if known is not None:
            told.append(form.format(known))
    return ", ".join(told)


def _trend(pillar: Mapping[str, Any]) -> str:
    """The strength of each frame, and what over-extension took."""
    read = mapping(pillar.get("readings"))
    frames = [
        f"{frame.upper()} {known:+.2f}"
        for frame in FRAMES
        if (known := number(read.get(f"{frame}_strength"))) is not None
    ]
    if not frames:
        return ""
    told = [f"{', '.join(frames)} (-1 falls, +1 rises)"]
    extension, cut = number(read.get("extension_daily_atr")), number(read.get("extension_cut"))
    if extension is not None:
        told.append(f"{abs(extension):.1f} daily ATR {'above' if extension >= 0 else 'below'} the 200-day average")
    if cut:
        told.append(f"over-extended: {100 * cut:.0f} % off")
    return "; ".join(told)


def _volatility(pillar: Mapping[str, Any]) -> str:
    """How lively the market is against its own past, and the bar against the market."""
    read = mapping(pillar.get("readings"))
    relative, bar = number(read.get("relative_volatility")), number(read.get("range_in_atr"))
    if relative is None or bar is None:
        return ""
    level, activity = number(read.get("level")), number(read.get("activity"))
    return (
        f"{relative:.2f} of the usual volatility{_graded(level, 'level')}; "
        f"this bar's range {bar:.2f} ATR{_graded(activity, 'activity')}"
    )


def _graded(grade: float | None, name: str) -> str:
    return "" if grade is None else f" ({name} {grade:.2f})"


def _sentiment(pillar: Mapping[str, Any]) -> str:
    """What each source said and how old that was, or that nothing was there."""
    told = [source_in_words(source) for source in pillar.get("sources") or ()]
    if pillar.get("absent"):
        told.insert(0, "absent, counted as neutral")
    read = mapping(pillar.get("readings"))
    bullishness = number(read.get("bullishness"))
    if bullishness is not None:
        told.insert(0, f"bullishness {bullishness:.2f} of 1")
    if number(read.get("event_pending")):
        told.append("an event is pending")
    return "; ".join(told)


def source_in_words(source: Mapping[str, Any]) -> str:
    """One source of sentiment: what it said, how old that was, or why it said nothing."""
    bullishness, age_seconds = number(source.get("bullishness")), number(source.get("age_seconds"))
    said = [] if bullishness is None else [f"bullishness {bullishness:.2f}"]
    said += [] if bullishness is None or age_seconds is None else [f"{age_seconds / 3_600:.1f} h old"]
    said += [str(source["note"])] if source.get("note") else []
    return f"{source.get('name')}: {', '.join(said) or 'nothing'}"


def _others(pillar: Mapping[str, Any]) -> str:
    """The readings as they are called: those of an analysis that came from outside."""
    read = mapping(pillar.get("readings"))
    known = [(name, found) for name, value in read.items() if (found := number(value)) is not None]
    told = [f"{words(name)} {found:.4g}" for name, found in known[:SHOWN_AT_MOST]]
    told += [f"{len(known) - SHOWN_AT_MOST} more"] if len(known) > SHOWN_AT_MOST else []
    return ", ".join(told)


_FORMS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "base": _base,
    "trend": _trend,
    "volatility": _volatility,
    "sentiment": _sentiment,
}
