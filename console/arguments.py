"""The command line: `run.py [--config FILE] [--json] [--log-json] <command>`, as one frozen value for each command."""

from __future__ import annotations

import argparse
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NoReturn, TypeAlias

from console.errors import CommandError
from console.output import Output
from console.settings_tree import nearest
from trading.analysis import Strategy
from trading.market import Instant, instant, iso
from trading.trade import TradeState

PURPOSE = "Opens, watches, adjusts and closes trades by itself, exactly once, and can say why it did or did not."
DEFAULT_SPEED = 3600.0
LONGEST_DELAY_SECONDS = 3600.0
DEFAULT_COMMODITY = "EURUSD"
SOAKS = ("kill", "pause", "takeover")
SOAK_WAYS = ("kill", "stop", "cut", "term")
DEFAULT_SOAK_ROUNDS = 20
DEFAULT_SOAK_PARALLEL = 2
DEFAULT_SEEDS = 500
DEFAULT_LINES = 60
DEFAULT_TRADES = 20
DEFAULT_DECISIONS = 5

# What a file of bars may be named after besides the catalogue's commodities.
_CURRENCY = (
    "(?:AUD|BRL|CAD|CHF|CNH|CNY|CZK|DKK|EUR|GBP|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|SGD|THB|TRY|USD|ZAR|"
    "XAG|XAU|XPD|XPT|BTC|ETH|LTC|XRP)"
)
PAIR = re.compile(_CURRENCY * 2)
WELL_KNOWN = re.compile(
    r"(?:GOLD|SILVER|PLATINUM|PALLADIUM|COPPER|WTI|BRENT|OIL|CRUDE|USOIL|UKOIL|XTIUSD|XBRUSD|NATGAS|NASDAQ|NAS100|"
    r"US100|US30|US500|SPX|SPX500|SP500|DOW|DJ30|DAX|GER30|GER40|DE40|UK100|FTSE|JP225|NIKKEI|BITCOIN|ETHEREUM)\d*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every command takes."""

    config: Path | None = None  # None: watchbill.toml where there is one
    json: bool = False  # standard output is exactly one JSON object
    log_json: bool = False  # log lines are JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve(Common):
    """Run the lifecycle until it is stopped."""

    speed: float = DEFAULT_SPEED  # market seconds for each second
    fresh: bool = False  # forget the paper accounts' books and start anew
    start: Instant | None = None  # None: where the feed begins, or where it was left
    view: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker(Common):
    """Be the broker of the remote accounts until it is stopped."""

    speed: float = DEFAULT_SPEED  # market seconds for each second
    port: int | None = None  # None: that of the settings; 0: any that is free
    fresh: bool = False  # forget the broker's books, and the ledger that belongs to them
    start: Instant | None = None  # None: where the recording can be judged, or where it was left
    lose_replies: float = 0.0  # fraction of the replies to orders
    delay_seconds: float = 0.0  # the longest that an order waits before it is carried out
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Common):
    """Run the lifecycle over recorded bars, as fast as the machine allows."""

    data: Path | None = None  # None: the sample
    commodity: str | None = None  # None: guessed from the file's name
    start: Instant | None = None
    end: Instant | None = None  # not included
    threads: bool = False  # on threads instead of in virtual time
    ledger: Path | None = None  # None: the ledger is thrown away
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Common):
    """Who leads what, what is open, what comes next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades(Common):
    """The trades of the ledger."""

    platform: str | None = None
    commodity: str | None = None
    state: TradeState | None = None
    limit: int = DEFAULT_TRADES


@dataclass(frozen=True, slots=True, kw_only=True)
class Why(Common):
    """The last decisions with their numbers."""

    commodity: str | None = None
    last: int = DEFAULT_DECISIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Init(Common):
    """Write a commented file of settings."""

    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor(Common):
    """Check what there is, without trading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup(Common):
    """Write the ledger into one file."""

    file: Path
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(Common):
    """Put a backup in the place of the ledger."""

    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Common):
    """No opens; guarding goes on."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt(Common):
    """No opens, and no guarding either."""

    reason: str = ""
    yes: bool = False  # False: ask, naming the positions that nobody will guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Common):
    """Lift a pause or a halt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Common):
    """Lift what a loop of crashes has set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt(Common):
    """Make a position at the broker, which carries a crew's number and has no row, a trade of the ledger."""

    platform: str
    magic: int
    stop_price: float
    target_price: float | None = None
    strategy: Strategy = Strategy.SWING


@dataclass(frozen=True, slots=True, kw_only=True)
class Disown(Common):
    """Declare such a position not ours."""

    platform: str
    magic: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak(Common):
    """Kill, pause and take over from real processes, and compare ledger and broker afterwards."""

    what: str  # one of `SOAKS`
    rounds: int = DEFAULT_SOAK_ROUNDS
    seed: int = 0
    parallel: int = DEFAULT_SOAK_PARALLEL  # worlds at a time
    database: str | None = None  # the URL of a PostgreSQL server; None: SQLite files
    way: str | None = None  # one of `SOAK_WAYS`; None: every one


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulate(Common):
    """Run seeded worlds of faults in virtual time, and check the invariants after every step."""

    seeds: int = DEFAULT_SEEDS
    seed: int = 0  # the first of them
    faults: str = "all"  # kinds by name, or `all`, or `none`
    jobs: int | None = None  # processes; None: one for each core
    lines: int = DEFAULT_LINES  # of the story of a seed that fails
    mutants: bool = False  # instead: how many seeds each deliberate fault of the protocol lives


Arguments: TypeAlias = (
    Serve
    | Broker
    | Replay
    | Status
    | Trades
    | Why
    | Init
    | Doctor
    | Backup
    | Restore
    | Simulate
    | Pause
    | Halt
    | Resume
    | Reset
    | Adopt
    | Disown
    | Soak
)

_KINDS: dict[str, type[Arguments]] = {
    "serve": Serve,
    "broker": Broker,
    "replay": Replay,
    "status": Status,
    "trades": Trades,
    "why": Why,
    "init": Init,
    "doctor": Doctor,
    "backup": Backup,
    "restore": Restore,
    "pause": Pause,
    "resume": Resume,
    "halt": Halt,
    "reset": Reset,
    "adopt": Adopt,
    "disown": Disown,
    "soak": Soak,
    "simulate": Simulate,
}


def parse(words: Sequence[str]) -> Arguments:
    """The command that these words ask for; no command means `serve`.

    Raises ``SystemExit(2)`` after naming what is wrong on standard error (with ``--json`` also as the one object), and
    ``SystemExit(0)`` for help and version.
    """
    try:
        return _understood(_parser(), list(words))
    except _NotUnderstood as error:
        if "--json" in words:
            Output(as_json=True).write_object({"error": error.message})
        error.explain()


def _understood(parser: _Parser, words: list[str]) -> Arguments:
    values = vars(parser.parse_args(_with_command(words)))
    kind = _KINDS[values.pop("command")]
    values.pop("sample", None)
    start, end = values.get("start"), values.get("end")
    if start is not None and end is not None and start >= end:
        parser.error(f"--from is {iso(start)}; expected an instant before --to, which is {iso(end)}")
    return kind(**values)


def named_commodity(path: Path, known: Iterable[str]) -> str | None:
    """The commodity that a file's name speaks of (`eurusd_h1.csv`); None when it speaks of none.

    Raises `CommandError` when it speaks of an instrument that is not ``known``: its contract would be another's.
    """
    words = re.split(r"[^A-Z0-9]+", path.stem.upper())
    compact = "".join(words)
    for commodity in sorted(known, key=len, reverse=True):
        if commodity in words or commodity.replace("_", "") in compact:
            return commodity
    stranger = _other_instrument(words)
    if stranger is not None:
        raise CommandError(f"{path.name} names {stranger}, which is not a commodity of the catalogue; give --commodity")
    return None


def _other_instrument(words: Sequence[str]) -> str | None:
    """The pair (`XAUUSD`, `EUR` and `GBP` side by side) or the well-known name among these words in capitals."""
    joined = ("".join(two) for two in itertools.pairwise(words) if all(len(word) == 3 for word in two))
    for word in (*words, *joined):
        found = WELL_KNOWN.fullmatch(word) or PAIR.match(word)
        if found:
            return found[0]
    return None


def _with_command(words: list[str]) -> list[str]:
    """The words with `serve` put in where they name no command, so that its options can be given without it."""
    index = 0
    while index < len(words):
        word = words[index]
        if word in ("--json", "--log-json") or word.startswith("--config="):
            index += 1
        elif word == "--config" and index + 1 < len(words):
            index += 2
        elif word in ("-h", "--help", "--version", "--config") or not word.startswith("-"):
            return words
        else:
            break
    return [*words[:index], "serve", *words[index:]]


class _NotUnderstood(Exception):
    """What a parser has to say against the words."""

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        super().__init__(message)
        self.message = message
        self._parser = parser

    def explain(self) -> NoReturn:
        """The usage and the message on standard error; raises ``SystemExit(2)``."""
        argparse.ArgumentParser.error(self._parser, self.message)


class _Parser(argparse.ArgumentParser):
    """Argparse with the nearest command in its complaint about an unknown one."""

    def error(self, message: str) -> NoReturn:
        found = re.match(r"argument <command>: invalid choice: '(.*?)'", message)
        if found:
            near = nearest(found[1], list(_KINDS))
            hint = f"did you mean {near}?" if near else f"expected one of {', '.join(_KINDS)}"
            message = f"there is no command {found[1]!r}; {hint}"
        raise _NotUnderstood(self, message)


def _parser() -> _Parser:
    common = _common()
    parser = _Parser(
        prog="run.py",
        description=PURPOSE,
        parents=[common],
        epilog="Without a command: serve. `run.py <command> --help` explains its options.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"watchbill {version()}")
    commands = parser.add_subparsers(dest="command", metavar="<command>", required=True)

    def command(name: str, explanation: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=explanation,
            description=f"{explanation[0].upper()}{explanation[1:]}.",
            parents=[common],
            allow_abbrev=False,
        )

    _serve(command("serve", "run the lifecycle on the configured accounts until it is stopped (the default)"))
    _broker(command("broker", "be the broker of the remote accounts: a process of its own that serve connects to"))
    _replay(command("replay", "run the lifecycle over recorded bars and show what came of it"))
    command("status", "who leads what, accounts, open trades, the next closings, the last decision")
    _trades(command("trades", "the trades of the ledger, newest first"))
    _why(command("why", "why something was opened or not: the last decisions with their numbers"))
    _init(command("init", "write a commented watchbill.toml with every setting at its default"))
    command("doctor", "check what there is, without trading: exit code 0 when nothing failed, 1 otherwise")
    _backup(command("backup", "write the whole ledger into one file, while a process goes on leading on it"))
    _restore(command("restore", "put a backup in the place of the ledger, and keep what was there; while nobody leads"))
    _reason(command("pause", "open nothing from now on; guarding goes on"))
    command("resume", "lift a pause or a halt")
    _halt(command("halt", "open nothing, and guard nothing either: stops and targets close nothing until resume"))
    command("reset", "lift what a loop of crashes has set, and count crashes from zero again")
    _adopt(command("adopt", "make a position of a crew's number, which the ledger does not know, a trade of it"))
    _soak(command("soak", "kill or pause real processes of this program, and compare ledger and broker afterwards"))
    _simulate(command("simulate", "run seeded worlds of faults in virtual time, and check what must always hold"))
    _disown(command("disown", "declare a position of a crew's number not ours: it is never touched again"))
    return parser


def _common() -> _Parser:
    """The options that stand before or after the command; SUPPRESS keeps the later parser from undoing the earlier."""
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--config", type=Path, metavar="FILE", help="settings (default: watchbill.toml, if any)")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output, all else elsewhere")
    common.add_argument("--log-json", action="store_true", help="log lines as JSON")
    return common


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--speed",
        type=_positive,
        default=DEFAULT_SPEED,
        metavar="X",
        help="market seconds that pass in one second on paper accounts (default: %(default)g, an hour a second)",
    )
    parser.add_argument("--fresh", action="store_true", help="forget the paper accounts' books and start anew")
    parser.add_argument("--from", dest="start", type=_instant, metavar="DATE", help="where in the recording to start")
    parser.add_argument("--no-view", dest="view", action="store_false", help="log lines instead of the live view")
    parser.add_argument("--seed", type=_whole, default=0, metavar="N", help="seed of the simulated market (default: 0)")


def _broker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--speed",
        type=_positive,
        default=DEFAULT_SPEED,
        metavar="X",
        help="market seconds that pass in one second (default: %(default)g, an hour a second)",
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="where to listen on this machine (default: by the settings; 0: any)"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the broker's books and the ledger, start anew")
    parser.add_argument("--from", dest="start", type=_instant, metavar="DATE", help="where in the recording to start")
    parser.add_argument(
        "--lose-replies",
        type=_fraction,
        default=0.0,
        metavar="F",
        help="lose this fraction of the replies to orders, half of them with the order carried out (default: 0)",
    )
    parser.add_argument(
        "--delay-seconds",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="let each order wait for a random part of this before it is carried out (default: 0)",
    )
    parser.add_argument(
        "--seed", type=_whole, default=0, metavar="N", help="seed of the simulated market and the faults (default: 0)"
    )


def _replay(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--sample", action="store_true", help="the recorded EURUSD hours of the extra `sample`")
    source.add_argument("--data", type=Path, metavar="FILE", help="bars in a .csv or .parquet file")
    parser.add_argument(
        "--commodity", type=str.upper, metavar="ID", help="of the bars (default: by the file's name, or EURUSD)"
    )
    parser.add_argument("--from", dest="start", type=_instant, metavar="DATE", help="first instant, UTC")
    parser.add_argument("--to", dest="end", type=_instant, metavar="DATE", help="end, UTC, not included")
    parser.add_argument("--threads", action="store_true", help="on threads, as in production, not in virtual time")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="keep the ledger in this file")
    parser.add_argument("--seed", type=_whole, default=0, metavar="N", help="seed of the run (default: 0)")


def _trades(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--platform", metavar="NAME", help="only this account's")
    parser.add_argument("--commodity", type=str.upper, metavar="ID", help="only this commodity's")
    parser.add_argument("--state", type=_state, metavar="STATE", help=f"only these: {', '.join(TradeState)}")
    parser.add_argument(
        "--limit", type=_count, default=DEFAULT_TRADES, metavar="N", help="at most this many (default: %(default)s)"
    )


def _why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("commodity", nargs="?", type=str.upper, metavar="COMMODITY", help="only this one's decisions")
    parser.add_argument(
        "--last", type=_count, default=DEFAULT_DECISIONS, metavar="N", help="how many decisions (default: %(default)s)"
    )


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace the file when there is one")


def _soak(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=SOAKS, metavar="WHAT", help=f"one of {', '.join(SOAKS)}")
    parser.add_argument(
        "--rounds", type=_count, default=DEFAULT_SOAK_ROUNDS, metavar="N", help="how many (default: %(default)s)"
    )
    parser.add_argument("--seed", type=_whole, default=0, metavar="N", help="of the moments and faults (default: 0)")
    parser.add_argument(
        "--parallel",
        type=_count,
        default=DEFAULT_SOAK_PARALLEL,
        metavar="N",
        help="worlds at a time in kill and pause (default: %(default)s)",
    )
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL server (default: files of SQLite)")
    parser.add_argument(
        "--way", choices=SOAK_WAYS, metavar="WAY", help=f"takeover: only one of {', '.join(SOAK_WAYS)} (default: all)"
    )


def _backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace the file when there is one")


def _restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a backup, or a copy of a ledger's file")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the journal and for status")


def _halt(parser: argparse.ArgumentParser) -> None:
    _reason(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask, though positions are left unguarded")


def _position(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("platform", metavar="PLATFORM", help="the account")
    parser.add_argument("magic", type=_count, metavar="MAGIC", help="the position's number, as serve names it")


def _adopt(parser: argparse.ArgumentParser) -> None:
    _position(parser)
    parser.add_argument(
        "--stop-price", type=_finite, required=True, metavar="P", help="where it is closed at a loss from now on"
    )
    parser.add_argument("--target-price", type=_finite, metavar="P", help="where it is closed at a profit")
    parser.add_argument(
        "--strategy",
        type=Strategy,
        choices=tuple(Strategy),
        default=Strategy.SWING,
        metavar="NAME",
        help=f"whose longest hold and day end apply: {', '.join(Strategy)} (default: %(default)s)",
    )


def _disown(parser: argparse.ArgumentParser) -> None:
    _position(parser)
    _reason(parser)


def _simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seeds", type=_count, default=DEFAULT_SEEDS, metavar="N", help="how many seeds (default: %(default)s)"
    )
    parser.add_argument("--seed", type=_whole, default=0, metavar="S", help="the first of them (default: 0)")
    parser.add_argument(
        "--faults",
        default="all",
        metavar="KINDS",
        help="kinds of faults, separated by commas; or all, or none (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=_count, metavar="N", help="processes to use (default: one for each core)")
    parser.add_argument(
        "--lines",
        type=_count,
        default=DEFAULT_LINES,
        metavar="N",
        help="of the story of a seed that fails (default: %(default)s)",
    )
    parser.add_argument(
        "--mutants",
        action="store_true",
        help="instead: how many seeds, at most N, each deliberate fault of the protocol lives",
    )


def version() -> str:
    """The version that is installed, or `unknown` in a checkout that is not."""
    try:
        return metadata.version("watchbill")
    except metadata.PackageNotFoundError:
        return "unknown"


def _positive(text: str) -> float:
    number = _number(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a number greater than 0")
    return number


def _finite(text: str) -> float:
    number = _number(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a price")
    return number


def _count(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a whole number of at least 1")
    return number


def _port(text: str) -> int:
    number = _whole(text)
    if not 0 <= number < 65_536:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a whole number from 0 to 65535")
    return number


def _fraction(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a number from 0 to 1")
    return number


def _seconds(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= LONGEST_DELAY_SECONDS:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected seconds from 0 to {LONGEST_DELAY_SECONDS:g}")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a number") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a whole number") from None


def _state(text: str) -> TradeState:
    try:
        return TradeState(text.lower())
    except ValueError:
        near = nearest(text, list(TradeState))
        hint = f"did you mean {near}?" if near else f"expected one of {', '.join(TradeState)}"
        raise argparse.ArgumentTypeError(f"there is no state {text!r}; {hint}") from None


def _instant(text: str) -> Instant:
    """A date (its midnight, UTC) or a date with a time; a time without a zone is in UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"it is {text!r}; expected a date such as 2017-06-01 or 2017-06-01T13:00"
        ) from None
    return instant(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
