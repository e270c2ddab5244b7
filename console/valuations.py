"""What open trades are worth, as the monitor said it last, and what came of it when the like was said before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from rich.console import RenderableType
from rich.text import Text

from console.figures import UNKNOWN, fraction, number, span, time_of
from console.records import Data
from console.tables import Cell, Column, table
from persistence.journal import VALUATION
from persistence.ledger import Ledger
from trading.market import SECOND, Instant, iso
from trading.trade import Trade

if TYPE_CHECKING:
    from console.live_calibration import LiveCalibration

CLAIMS: tuple[Literal["target", "stop", "profit"], ...] = ("target", "stop", "profit")


class Valuations:
    """The newest valuation of each trade. Every valuation of the ledger is read, but only once one is asked for."""

    def __init__(self, ledger: Ledger, calibration: LiveCalibration | None = None) -> None:
        """``calibration``: what the ledger's trades have shown; None: it is read once it is asked for."""
        self._ledger = ledger
        self._calibration = calibration

    def of(self, trade: Trade, now: Instant | None) -> Data | None:
        """What the trade was found to be worth; None where it never was.

        The probabilities are fractions, each beside what came of the like (``so_far``, None while nothing has);
        ``expected_value`` is that of holding on, in units of ``sigma``; ``horizon_at`` is the next forced close (by a
        rule that takes profits only: if there is one), and ``seconds_left`` count from ``now`` until then.
        """
        lines = self._ledger.journal.list(kind=VALUATION, trade_id=trade.trade_id, limit=1)
        if not lines:
            return None
        line, found = lines[0], lines[0].detail
        horizon_at = number(found.get("horizon_at"))
        left = None if now is None or horizon_at is None else max(horizon_at - now, 0.0) / SECOND
        return {
            "at": iso(line.at),
            **{claim: number(found.get(claim)) for claim in CLAIMS},
            "so_far": {claim: self._so_far(claim, number(found.get(claim))) for claim in CLAIMS},
            "expected_value": number(found.get("expected_value")),
            "sigma": number(found.get("sigma")),
            "horizon_at": None if horizon_at is None else iso(int(horizon_at)),
            "seconds_left": left,
        }

    def _so_far(self, claim: Literal["target", "stop", "profit"], claimed: float | None) -> Data | None:
        from console.live_calibration import LiveCalibration, brief, sentence  # loads what a look at no trade needs not

        if claimed is None:
            return None
        if self._calibration is None:
            self._calibration = LiveCalibration.of(self._ledger)
        figure = self._calibration.figure(claim, min(max(claimed, 0.0), 1.0))
        if figure is None:
            return None
        return {
            "said_from": figure.low,
            "said_to": figure.high,
            "trades": figure.trades,
            "happened": figure.happened,
            "brief": brief(figure),
            "said": sentence(figure),
        }


def worth_table(trades: list[Mapping[str, Any]]) -> RenderableType:
    """The open trades that were valued, a row each; beside each probability how often the like has come true."""
    columns = (
        Column("trade", "right"),
        Column("account", goes=2),
        Column("commodity"),
        Column("P(profit)", "right"),
        Column("came true", "right"),
        Column("P(target)", "right"),
        Column("came true", "right", goes=3),
        Column("P(stop)", "right", goes=4),
        Column("EV", "right"),
        Column("horizon in", "right"),
        Column("as of", goes=1),
    )
    rows = [_worth_row(trade) for trade in trades if trade["valuation"] is not None]
    title = "What they are worth by their horizons, if their levels stay (EV: of holding on, in sigmas)"
    return table(title, columns, rows, otherwise="None of them was valued yet: the readings warm up.")


def _worth_row(trade: Mapping[str, Any]) -> tuple[Cell, ...]:
    found = trade["valuation"]
    return (
        str(trade["trade_id"]),
        Text(trade["platform"], style="bold"),
        trade["commodity"],
        fraction(found["profit"], 0),
        _came_true(found, "profit"),
        _target(trade, found),
        _came_true(found, "target") if trade["target_price"] is not None else "",
        fraction(found["stop"], 0),
        expected_value(found["expected_value"]),
        span(found["seconds_left"]),
        time_of(found["at"])[5:],
    )


def worth_lines(trade: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for one trade, in words: names and what is to be said of each."""
    found = trade["valuation"]
    if found is None:
        return []
    rows = [("P(profit)", _claimed(found, "profit"))]
    if trade["target_price"] is not None:
        rows.append(("P(target)", _claimed(found, "target")))
    rows.append(("P(stop)", _claimed(found, "stop")))
    rows.append(("EV", f"{expected_value(found['expected_value'])} sigma, of holding on rather than closing"))
    if trade["state"] == "open":
        rows.append(
            ("horizon", f"in {span(found['seconds_left'])}, {time_of(found['horizon_at'])}: the next forced close")
        )
    return rows


def expected_value(value: Any) -> str:
    """An expected value with its sign, in sigmas."""
    known = number(value)
    return UNKNOWN if known is None else f"{known:+.3f}"


def worth_in_words(valuation: Any) -> str:
    """A valuation in a line; what it lacks is left out."""
    told = []
    for key, name in (("profit", "P(profit)"), ("target", "P(target)"), ("stop", "P(stop)")):
        known = _number(valuation, key)
        if known is not None and (known or key != "target"):
            told.append(f"{name} {fraction(known, 0)}")
    worth = _number(valuation, "expected_value")
    if worth is not None:
        told.append(f"EV {expected_value(worth)}")
    return ", ".join(told) or "valued"


def change_of_worth(before: Any, after: Any) -> str:
    """What an adjustment has done to probability and value, in words; empty where it was not weighed."""
    told = []
    for key, name in (("profit", "P(profit)"), ("target", "P(target)")):
        first, then = _number(before, key), _number(after, key)
        if first is None or (key == "target" and not first and not then):
            continue
        told.append(f"{name} {fraction(first, 0)}" + ("" if then is None else f" to {fraction(then, 0)}"))
    first, then = _number(before, "expected_value"), _number(after, "expected_value")
    if first is not None:
        told.append(f"EV {expected_value(first)}" + ("" if then is None else f" to {expected_value(then)}"))
    return ", ".join(told)


def _number(valuation: Any, key: str) -> float | None:
    return number(valuation.get(key)) if isinstance(valuation, Mapping) else None


def _target(trade: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return fraction(found["target"], 0) if trade["target_price"] is not None else "none"


def _came_true(found: Mapping[str, Any], claim: str) -> Text:
    so_far = found["so_far"][claim]
    return Text("none yet" if so_far is None else so_far["brief"], style="dim")


def _claimed(found: Mapping[str, Any], claim: str) -> str:
    so_far = found["so_far"][claim]
    came = "of the like nothing has come yet" if so_far is None else so_far["said"]
    return f"{fraction(found[claim], 0)}; {came}"
