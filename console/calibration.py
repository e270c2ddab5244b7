"""`run.py calibration`: were the probabilities true, on recorded bars or in the ledger's own trades?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from console import calibration_figures, calibration_ledger
from console.arguments import Calibration
from console.calibration_series import RecordedSeries, read_all
from console.calibration_view import CLAIM_WORDS, render_ledger, render_recorded
from console.configuration import Configuration
from console.errors import CommandError
from console.figures import fraction
from console.output import Output
from console.reading import ledger_named
from console.reliability_diagram import Curve, require_kind, write_diagram
from trading.market import iso
from trading.strategies import barred_on_feed
from trading.walk_forward import Forecasts, walk_forward

NOTHING_YET: dict[str, Any] = {
    "trades": 0,
    "positions": 0,
    **{
        f"{figure}{claim}": None
        for figure in ("calibration_error", "brier_skill")
        for claim in ("", "_stop", "_profit")
    },
    "claims": {},
    "confidence": [],
}
"""What a ledger that is not there yet shows."""


def run(arguments: Calibration, configuration: Configuration, output: Output) -> int:
    """Measure, show the figures, draw the diagram; answers the exit code."""
    if arguments.plot is not None:
        require_kind(arguments.plot)
    if arguments.data:
        data, render = recorded_data(arguments, configuration), render_recorded
    else:
        data, render = ledger_data(arguments, configuration), render_ledger
    if arguments.plot is not None:
        write_diagram(arguments.plot, _title(data), _curves(data))
    output.show(data, render)
    return 0


def recorded_data(arguments: Calibration, configuration: Configuration) -> dict[str, Any]:
    """The figures of forecasts on the files. Raises `CommandError`."""
    began = time.perf_counter()
    series = read_all(arguments.data, arguments.commodity, configuration)
    forecasts = {each.name: _forecasts(each, arguments, configuration) for each in series}
    return {
        "source": "recorded bars",
        "seed": arguments.seed,
        **calibration_figures.figures(forecasts),
        "series": [
            {
                "name": each.name,
                "commodity": each.bars.commodity,
                "bars": len(each.bars),
                "bars_outside_trading_times": each.skipped,
                "bar_seconds": each.bars.bar_seconds,
                "from": iso(int(each.bars.time[0])),
                "to": iso(each.bars.end(len(each.bars) - 1)),
                "remarks": list(each.remarks),
            }
            for each in series
        ],
        "seconds": round(time.perf_counter() - began, 3),
    }


def _forecasts(series: RecordedSeries, arguments: Calibration, configuration: Configuration) -> Forecasts:
    bars = series.bars
    strategies = configuration.settings.strategies
    barred = barred_on_feed(strategies, bars.bar_seconds)
    used = {name: each for name, each in strategies.items() if each.enabled and name not in barred}
    found = walk_forward(bars, series.spread, series.times, used, wanted=arguments.positions, seed=arguments.seed)
    if not len(found) and bars.high.max() == bars.low.min():
        raise CommandError(f"{series.name}: its price never moves, in all its {len(bars):,} bars")
    if not len(found):
        raise CommandError(
            f"{series.name}: no open trade can be judged on its {len(bars):,} bars of {bars.bar_seconds} s; expected "
            "several in each trading day, and more days of them than volatility needs to be known"
        )
    return found


def ledger_data(arguments: Calibration, configuration: Configuration) -> dict[str, Any]:
    """The figures of what the ledger claimed. Raises `CommandError` and `LedgerError`."""
    shown = str(arguments.ledger) if isinstance(arguments.ledger, Path) else configuration.shown_database_url
    with ledger_named(arguments.ledger, configuration) as ledger:
        common = {"source": "ledger", "ledger": shown, "seed": arguments.seed, "exists": ledger is not None}
        found = NOTHING_YET if ledger is None else calibration_ledger.figures(ledger, seed=arguments.seed)
        return {**common, **found}


def _title(data: dict[str, Any]) -> str:
    if "series" in data:
        names = [series["name"] for series in data["series"]]
        return f"{data['positions']:,} forecasts on {names[0] if len(names) == 1 else f'{len(names)} series'}"
    return f"What {data['ledger']} claimed"


def _curves(data: dict[str, Any]) -> list[Curve]:
    return [
        Curve(
            title=CLAIM_WORDS[claim],
            remark=f"n {found['count']:,}, error {fraction(found['calibration_error'], 2)}",
            bins=found["reliability"],
        )
        for claim, found in data.get("claims", {}).items()
    ]
