"""The options of each command."""

from __future__ import annotations

import argparse
from pathlib import Path

from console import option_values
from console.arguments import (
    DEFAULT_AUDITED_TRADES,
    DEFAULT_CLOSE_WAIT_SECONDS,
    DEFAULT_LINES,
    DEFAULT_POSITIONS,
    DEFAULT_SEEDS,
    DEFAULT_SOAK_PARALLEL,
    DEFAULT_SOAK_ROUNDS,
    DEFAULT_SPEED,
    DEFAULT_TRADES,
    DEFAULT_ZONE,
    SOAK_WAYS,
    SOAKS,
    TOKENS,
)
from trading.analysis import Strategy
from trading.settings_metatrader import GATEWAY_ADDRESS
from trading.trade import TradeState


def serve_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--speed",
        type=option_values.positive,
        metavar="X",
        help="market seconds that pass in one second, on paper accounts only "
        f"(default: {DEFAULT_SPEED:g}, an hour a second)",
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="set the ledger and the paper books aside, and start anew; refused while an mt5 account has a trade open",
    )
    parser.add_argument(
        "--from",
        dest="start",
        type=option_values.moment,
        metavar="DATE",
        help="where in the recording to start, on paper accounts only",
    )
    parser.add_argument("--no-view", dest="view", action="store_false", help="log lines instead of the live view")
    parser.add_argument("--no-console", dest="console", action="store_false", help="no pages and no API")
    parser.add_argument(
        "--seed",
        type=option_values.whole,
        metavar="N",
        help="seed of the simulated market, on paper accounts only (default: 0)",
    )
    _data_option(parser, "the market, on paper accounts only")


def broker_options(parser: argparse.ArgumentParser) -> None:
    _market_options(parser)
    parser.add_argument(
        "--port",
        type=option_values.port,
        metavar="N",
        help="where to listen on this machine (default: by the settings; 0: any)",
    )
    parser.add_argument("--fresh", action="store_true", help="forget the broker's books and the ledger, start anew")
    parser.add_argument(
        "--lose-replies",
        type=option_values.fraction,
        default=0.0,
        metavar="F",
        help="lose this fraction of the replies to orders, half of them with the order carried out (default: 0)",
    )
    parser.add_argument(
        "--delay-seconds",
        type=option_values.seconds,
        default=0.0,
        metavar="S",
        help="let each order wait for a random part of this before it is carried out (default: 0)",
    )


def gateway_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen",
        type=option_values.address,
        default=GATEWAY_ADDRESS,
        metavar="HOST:PORT",
        help=f"where to listen (default: {':'.join(map(str, GATEWAY_ADDRESS))}; port 0: any); beyond this machine only "
        "with a certificate",
    )
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="the certificate to show, in PEM: for TLS")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="the key of the certificate, in PEM, without a password"
    )


def terminal_options(parser: argparse.ArgumentParser) -> None:
    _market_options(parser)
    parser.add_argument(
        "--port",
        type=option_values.port,
        default=0,
        metavar="N",
        help="where to listen on this machine (default: any; the terminals' files tell which)",
    )
    parser.add_argument(
        "--zone",
        type=option_values.zone,
        default=DEFAULT_ZONE,
        metavar="ZONE",
        help="of the broker's clock: new-york (New York and seven hours), europe, or hours such as +2 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--faults",
        type=option_values.intensity,
        default=0.0,
        metavar="X",
        help="random faults: at 1 about every second order, one question in 80, and something every few hours "
        "(default: 0)",
    )
    parser.add_argument(
        "--faults-until", type=option_values.moment, metavar="DATE", help="nothing goes wrong from here on, UTC"
    )


def replay_options(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--sample", action="store_true", help="the recorded EURUSD hours of the extra `sample`")
    _data_option(source)
    parser.add_argument("--commodity", type=str.upper, metavar="ID", help="of a single file (default: by its name)")
    parser.add_argument(
        "--time-zone",
        dest="clocks",
        action="append",
        default=[],
        metavar="ZONE",
        help="clock of times that name none: Europe/Athens, UTC+2/+3 EU, server, measure; or ID=ZONE, repeatable "
        "(default: UTC)",
    )
    parser.add_argument("--time-column", metavar="NAME", help="the column of times, where it is not the usual one")
    parser.add_argument(
        "--prices", choices=("mid", "bid", "ask"), help="what the prices are (default: by the file's form, or mid)"
    )
    parser.add_argument(
        "--spread",
        dest="spreads",
        action="append",
        default=[],
        metavar="SPREAD",
        help="file, typical, points such as 12, or points with hours of New York such as 12,17=60; or ID:SPREAD, "
        "repeatable (default: file)",
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="leave out and count the rows that cannot be used, instead of ending"
    )
    parser.add_argument("--from", dest="start", type=option_values.moment, metavar="DATE", help="first instant, UTC")
    parser.add_argument("--to", dest="end", type=option_values.moment, metavar="DATE", help="end, UTC, not included")
    parser.add_argument("--threads", action="store_true", help="on threads, as in production, not in virtual time")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="keep the ledger in this file")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a page of it into one .html file")
    parser.add_argument("--seed", type=option_values.whole, default=0, metavar="N", help="seed of the run (default: 0)")
    set_option(parser)


def set_option(parser: argparse.ArgumentParser) -> None:
    """For commands whose arguments are `Changed`."""
    parser.add_argument(
        "--set",
        dest="given",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting with another value, such as risk.risk_per_trade_fraction=0.005 or "
        "strategies.day.enabled=false; repeatable",
    )


def trades_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--platform", metavar="NAME", help="only this account's")
    parser.add_argument("--commodity", metavar="ID", help="only this commodity's")
    parser.add_argument(
        "--state", type=option_values.state, metavar="STATE", help=f"only these: {', '.join(TradeState)}"
    )
    parser.add_argument(
        "--limit",
        type=option_values.count,
        default=DEFAULT_TRADES,
        metavar="N",
        help="at most this many (default: %(default)s)",
    )
    at_console_options(parser)


def why_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("commodity", nargs="?", metavar="COMMODITY", help="only this one's decisions")
    parser.add_argument(
        "--last",
        type=option_values.count,
        metavar="N",
        help="the newest N decisions, shortly (default: the one that opened last, at length)",
    )
    parser.add_argument(
        "--at",
        type=option_values.moment,
        metavar="INSTANT",
        help="the decision in force at that moment, UTC, and the trades open then",
    )


def calendar_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("commodity", metavar="COMMODITY", help="which one")
    parser.add_argument(
        "--at",
        type=option_values.date_or_moment,
        metavar="DATE_OR_INSTANT",
        help="a trading date, or an instant, UTC, for the trading day that it lies in (default: now)",
    )
    parser.add_argument("--account", metavar="NAME", help="with the hours of this account's broker")


def _bars_or_ledger(source: argparse._ActionsContainer, bars: str, ledger: str) -> None:
    """What is looked at: recorded bars, or what a ledger holds."""
    source.add_argument("--data", type=Path, nargs="+", action="extend", default=[], metavar="FILE", help=bars)
    source.add_argument("--ledger", type=Path, nargs="?", const=True, default=False, metavar="FILE", help=ledger)


def _commodity_of_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--commodity", type=str.upper, metavar="ID", help="of the bars of every file (default: by each file's name)"
    )


def fairness_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("commodity", nargs="?", metavar="COMMODITY", help="only this one's decisions")
    parser.add_argument(
        "--since",
        type=option_values.moment,
        metavar="DATE",
        help="only decisions from here on, UTC (default: as far back as the journal goes)",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="the decisions of this ledger, such as a replay's (default: our own)",
    )


def calibration_options(parser: argparse.ArgumentParser) -> None:
    _bars_or_ledger(
        parser.add_mutually_exclusive_group(required=True),
        "bars, one or more .csv or .parquet files, or ID=FILE; repeatable",
        "what a ledger claimed: that of the settings, or the one in this file, such as a replay's",
    )
    _commodity_of_files(parser)
    parser.add_argument(
        "--positions",
        type=option_values.count,
        default=DEFAULT_POSITIONS,
        metavar="N",
        help="how many open trades to judge on each file, at most (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=option_values.whole, default=0, metavar="N", help="which open trades (default: %(default)s)"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="write a reliability diagram there: .svg, or .html with it"
    )
    set_option(parser)


def audit_options(parser: argparse.ArgumentParser) -> None:
    _bars_or_ledger(
        parser,
        "bars, .csv or .parquet files, or ID=FILE; repeatable; with --ledger, of the commodities that it traded",
        "the trades of a ledger: that of the settings, or the one in this file, such as a replay's",
    )
    _commodity_of_files(parser)
    parser.add_argument(
        "--rule",
        dest="rules",
        action="append",
        default=[],
        metavar="NAME",
        help="only this rule; repeatable (default: every rule, and all that are on together)",
    )
    parser.add_argument(
        "--trades",
        type=option_values.count,
        default=DEFAULT_AUDITED_TRADES,
        metavar="N",
        help="how many trades on each file, at most: so many of the analyst's and as many drawn by chance "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=option_values.whole, default=0, metavar="N", help="of those drawn by chance (default: 0)"
    )
    parser.add_argument(
        "--jobs", type=option_values.count, metavar="N", help="processes to use (default: one for each core)"
    )
    set_option(parser)


def init_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace the file when there is one")


def tokens_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rotate",
        choices=TOKENS,
        metavar="WHICH",
        help=f"make this one anew, and let in no longer who has the old one: {', '.join(TOKENS)}; all signs every "
        "browser out, too",
    )


def sign_in_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--read", action="store_true", help="to look only: the browser can give no command")


def submit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="whose key signs: a source of [analyses]")
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the analysis as JSON; -: standard input")
    parser.add_argument("--new-key", action="store_true", help="instead: write the source a new key, and show where")
    parser.add_argument("--print", dest="to_output", action="store_true", help="print the signed text, leave nothing")


def soak_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=SOAKS, metavar="WHAT", help=f"one of {', '.join(SOAKS)}")
    parser.add_argument(
        "--rounds",
        type=option_values.count,
        default=DEFAULT_SOAK_ROUNDS,
        metavar="N",
        help="how many (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=option_values.whole, default=0, metavar="N", help="of the moments and faults (default: 0)"
    )
    parser.add_argument(
        "--parallel",
        type=option_values.count,
        default=DEFAULT_SOAK_PARALLEL,
        metavar="N",
        help="worlds at a time in kill and pause (default: %(default)s)",
    )
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL server (default: files of SQLite)")
    parser.add_argument(
        "--way", choices=SOAK_WAYS, metavar="WAY", help=f"takeover: only one of {', '.join(SOAK_WAYS)} (default: all)"
    )


def backup_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace the file when there is one")


def restore_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a backup, or a copy of a ledger's file")


def reason_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the journal and for status")


def at_console_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", metavar="URL", help="of a console elsewhere (default: the one on this ledger)")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="with --url: holds the token (default: this ledger's)"
    )


def status_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="stay, and show it live, until Ctrl-C")
    at_console_options(parser)


def close_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trade_id", type=option_values.count, nargs="?", metavar="TRADE", help="its number")
    parser.add_argument("--all", action="store_true", help="instead: every open trade, of the part that is named")
    part_options(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--wait",
        dest="wait_seconds",
        type=option_values.seconds,
        default=DEFAULT_CLOSE_WAIT_SECONDS,
        metavar="SECONDS",
        help="for what comes of it (default: %(default)g)",
    )
    at_console_options(parser)


def resume_options(parser: argparse.ArgumentParser) -> None:
    part_options(parser)
    at_console_options(parser)


def part_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", metavar="NAME", help="only this account (default: every one)")
    parser.add_argument("--commodity", metavar="ID", help="only this commodity (default: every one)")


def pause_options(parser: argparse.ArgumentParser) -> None:
    part_options(parser)
    reason_options(parser)
    at_console_options(parser)


def halt_options(parser: argparse.ArgumentParser) -> None:
    reason_options(parser)
    at_console_options(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask, though positions are left unguarded")


def reset_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--drawdown",
        metavar="ACCOUNT",
        help="lift nothing of the crashes; instead let the drawdown of this account count from now on",
    )
    at_console_options(parser)


def position_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("platform", metavar="PLATFORM", help="the account")
    parser.add_argument(
        "magic", type=option_values.count, metavar="MAGIC", help="the position's number, as serve names it"
    )


def adopt_options(parser: argparse.ArgumentParser) -> None:
    position_options(parser)
    parser.add_argument(
        "--stop-price",
        type=option_values.finite,
        required=True,
        metavar="P",
        help="where it is closed at a loss from now on",
    )
    parser.add_argument("--target-price", type=option_values.finite, metavar="P", help="where it is closed at a profit")
    parser.add_argument(
        "--strategy",
        type=option_values.strategy,
        default=Strategy.SWING,
        metavar="NAME",
        help=f"whose longest hold and day end apply: {', '.join(Strategy)} (default: %(default)s)",
    )


def disown_options(parser: argparse.ArgumentParser) -> None:
    position_options(parser)
    reason_options(parser)


def simulate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seeds",
        type=option_values.count,
        default=DEFAULT_SEEDS,
        metavar="N",
        help="how many seeds (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=option_values.whole, default=0, metavar="S", help="the first of them (default: 0)"
    )
    parser.add_argument(
        "--faults",
        default="all",
        metavar="KINDS",
        help="kinds of faults, separated by commas; or all, or none (default: %(default)s)",
    )
    parser.add_argument(
        "--connector",
        choices=("paper", "mt5"),
        default="paper",
        metavar="KIND",
        help="paper, or mt5: through the MetaTrader 5 connector, its worker and the package's double (default: paper)",
    )
    parser.add_argument(
        "--jobs", type=option_values.count, metavar="N", help="processes to use (default: one for each core)"
    )
    parser.add_argument(
        "--lines",
        type=option_values.count,
        default=DEFAULT_LINES,
        metavar="N",
        help="of the story of a seed that fails (default: %(default)s)",
    )
    parser.add_argument(
        "--mutants",
        action="store_true",
        help="instead: how many seeds, at most N, each deliberate fault of the protocol lives",
    )


def rehearse_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--year", type=option_values.year, metavar="YEAR", help="which (default: the present one)")
    parser.add_argument(
        "--months", type=option_values.months, metavar="N-M", help="months of it, such as 11 or 3-4 (default: all)"
    )
    parser.add_argument(
        "--from", dest="first", type=option_values.day, metavar="DATE", help="the first trading date instead"
    )
    parser.add_argument("--to", dest="last", type=option_values.day, metavar="DATE", help="the last one instead")
    parser.add_argument(
        "--seed", type=option_values.whole, default=0, metavar="S", help="of prices, trades and kills (default: 0)"
    )
    parser.add_argument(
        "--commodities",
        type=option_values.words,
        default=(),
        metavar="LIST",
        help="which, separated by commas (default: the whole catalogue)",
    )
    parser.add_argument(
        "--jobs", type=option_values.count, default=1, metavar="N", help="processes to use (default: %(default)s)"
    )


def _market_options(parser: argparse.ArgumentParser) -> None:
    """Of a process that walks through a recorded market, and is a broker in it."""
    parser.add_argument(
        "--speed",
        type=option_values.positive,
        default=DEFAULT_SPEED,
        metavar="X",
        help="market seconds that pass in one second (default: %(default)g, an hour a second)",
    )
    parser.add_argument(
        "--from", dest="start", type=option_values.moment, metavar="DATE", help="where in the recording to start"
    )
    parser.add_argument(
        "--seed",
        type=option_values.whole,
        default=0,
        metavar="N",
        help="seed of the simulated market and the faults (default: 0)",
    )
    _data_option(parser, "the market")


def _data_option(parser: argparse._ActionsContainer, what: str = "") -> None:
    """Files of bars. ``what`` they are; empty: nothing else."""
    instead = f"{what}, in place of the recorded EURUSD hours: " if what else ""
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="FILE",
        help=f"{instead}bars in a .csv or .parquet file, a directory of such, or ID=FILE; repeatable, one file a "
        "commodity",
    )
