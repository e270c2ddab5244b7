"""`run.py fairness`: whether the choice between accounts is fair, counted over the decisions in the journal."""

from __future__ import annotations

from console.arguments import Fairness
from console.configuration import Configuration
from console.fairness_data import fairness_data, nothing_counted
from console.fairness_view import render
from console.output import Output
from console.reading import ledger_named, require_commodity
from console.records import Data
from trading.market import iso


def run(arguments: Fairness, configuration: Configuration, output: Output) -> int:
    """Count, test, show; answers the exit code."""
    commodity = require_commodity(arguments.commodity, configuration, "COMMODITY")
    with ledger_named(arguments.ledger or False, configuration) as ledger:
        counted = nothing_counted() if ledger is None else fairness_data(ledger, commodity, arguments.since)
    data: Data = {
        "ledger": str(arguments.ledger or configuration.shown_database_url),
        "exists": ledger is not None,
        "commodity": commodity,
        "since": None if arguments.since is None else iso(arguments.since),
        **counted,
    }
    output.show(data, render)
    return 0
