"""A reliability diagram as SVG, written by hand: what was claimed from left to right, what happened upwards.

On the diagonal claims were true. Each point is a bin, its bar the 95 % interval of what happened; below it is how many
claims there were. The file stands by itself: no script, no font, no other file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from console.errors import CommandError

SIDE, GAP, LEFT, RIGHT = 320, 84, 72, 24
HEADING, TITLE = 44, 34  # above each diagram, and above all of them
COUNTS_HEIGHT, BOTTOM = 76, 70
INK, QUIET, GRID, FILL = "#1f2933", "#66727f", "#e3e8ee", "#2f6db3"
SUFFIXES = (".svg", ".html")
STYLE = """
body { margin: 1.5em; background: #fff; color: #1f2933; font-family: system-ui, sans-serif; }
h1 { font-size: 18px; overflow-wrap: anywhere; }
div { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 10px; }
svg { width: 100%; height: auto; max-width: 480px; }
"""


@dataclass(frozen=True, slots=True)
class Curve:
    """One diagram."""

    title: str
    remark: str  # the scores, in words
    bins: Sequence[Mapping[str, Any]]  # as `ReliabilityBin`, in JSON's types


def require_kind(path: Path) -> None:
    """Raise `CommandError` for a file that is not to be a diagram."""
    if path.suffix.lower() not in SUFFIXES:
        raise CommandError(f"--plot is {path}; expected a name that ends in {' or '.join(SUFFIXES)}")


def write_diagram(path: Path, title: str, curves: Sequence[Curve]) -> None:
    """Write it as a picture, or as a page with it. Raises `CommandError` when the file cannot be written."""
    text = _page(title, curves) if path.suffix.lower() == ".html" else diagram_svg(curves, title)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--plot: {path} cannot be written: {error.strerror}") from error


def diagram_svg(curves: Sequence[Curve], title: str = "") -> str:
    """All diagrams side by side, as one SVG, below their title if they have one."""
    top = HEADING + (TITLE if title else 0)
    width = LEFT + max(len(curves), 1) * (SIDE + GAP) - GAP + RIGHT
    height = top + SIDE + COUNTS_HEIGHT + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">',
        f"<title>{escape(title or ', '.join(curve.title for curve in curves))}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        *([_text(LEFT, 26, title, size=16, weight="600")] if title else []),
    ]
    for place, curve in enumerate(curves):
        parts.append(f'<g transform="translate({LEFT + place * (SIDE + GAP)},{top})">')
        parts += _panel(curve)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _page(title: str, curves: Sequence[Curve]) -> str:
    """A page with each diagram as a picture of its own, so that they stand below each other where it is narrow."""
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    drawings = "".join(diagram_svg([curve]) for curve in curves)
    body = f"<h1>{escape(title)}</h1><div>{drawings}</div>"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _panel(curve: Curve) -> Iterable[str]:
    yield _text(0, -26, curve.title, size=14, weight="600")
    yield _text(0, -9, curve.remark, colour=QUIET)
    for step in range(0, 11, 2):
        share = step / 10
        at = share * SIDE
        yield _line(at, 0, at, SIDE, GRID) + _line(0, at, SIDE, at, GRID)
        yield _text(-8, SIDE - at + 4, f"{100 * share:.0f} %", anchor="end", colour=QUIET)
        yield _text(at, SIDE + COUNTS_HEIGHT + 26, f"{100 * share:.0f} %", anchor="middle", colour=QUIET)
    yield _line(0, SIDE, SIDE, 0, QUIET, dash="4 4")
    yield _line(0, SIDE, SIDE, SIDE, INK) + _line(0, 0, 0, SIDE, INK)
    yield from _points(curve.bins)
    yield from _counts(curve.bins)
    yield _text(SIDE / 2, SIDE + COUNTS_HEIGHT + 48, "claimed", anchor="middle")
    yield f'<text transform="translate(-52,{SIDE / 2}) rotate(-90)" text-anchor="middle" fill="{INK}">happened</text>'


def _points(bins: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    path = " ".join(f"{each['claimed'] * SIDE:.1f},{(1 - each['happened']) * SIDE:.1f}" for each in bins)
    yield f'<polyline points="{path}" fill="none" stroke="{FILL}" stroke-width="1.5" stroke-opacity="0.5"/>'
    for each in bins:
        x, y = each["claimed"] * SIDE, (1 - each["happened"]) * SIDE
        low, high = ((1 - each["interval"][end]) * SIDE for end in ("low", "high"))
        said = f"claimed {each['claimed']:.1%}, happened {each['happened']:.1%} of {each['count']:,}"
        yield _line(x, low, x, high, FILL, width=2)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{FILL}"><title>{escape(said)}</title></circle>'


def _counts(bins: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    most = max((each["count"] for each in bins), default=1)
    base = SIDE + 12 + COUNTS_HEIGHT
    for each in bins:
        x, width = each["low"] * SIDE, (each["high"] - each["low"]) * SIDE
        height = max(each["count"] / most * (COUNTS_HEIGHT - 24), 1)
        yield (
            f'<rect x="{x + 1:.1f}" y="{base - height:.1f}" width="{width - 2:.1f}" height="{height:.1f}" '
            f'fill="{FILL}" fill-opacity="0.35"><title>{each["count"]:,} claims</title></rect>'
        )
    yield _line(0, base, SIDE, base, INK)
    yield _text(SIDE, SIDE + 24, f"at most {most:,} claims in a bin", anchor="end", colour=QUIET)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width:g}"'
        f"{dashes}/>"
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", colour: str = INK, size: int = 12, weight: str = "400"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
