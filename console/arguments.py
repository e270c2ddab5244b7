"""What each command is asked, as one frozen value. `console/command_line.py` makes it of words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, TypeAlias

from trading.analysis import Strategy
from trading.market import Instant
from trading.settings_metatrader import GATEWAY_ADDRESS
from trading.trade import TradeState

DEFAULT_SPEED = 3600.0
DEFAULT_COMMODITY = "EURUSD"
DEFAULT_ZONE = "new-york"
TOKENS = ("read", "trade", "signal", "all")
SOAKS = ("kill", "pause", "takeover")
SOAK_WAYS = ("kill", "stop", "cut", "term")
DEFAULT_SOAK_ROUNDS = 20
DEFAULT_SOAK_PARALLEL = 2
DEFAULT_SEEDS = 500
DEFAULT_LINES = 60
DEFAULT_CLOSE_WAIT_SECONDS = 30.0  # for the outcome
DEFAULT_TRADES = 20
DEFAULT_POSITIONS = 60_000
DEFAULT_AUDITED_TRADES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every command takes."""

    config: Path | None = None  # None: watchbill.toml where there is one
    json: bool = False  # standard output is exactly one JSON object
    log_json: bool = False  # log lines are JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class AtConsole(Common):
    """What the commands have in common that go through a console."""

    url: str | None = None  # of a console elsewhere; None: the one that runs on this ledger, if any
    token_file: Path | None = None  # holds the token for it; None: that of this ledger's console


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Common):
    """What a command that tries settings out takes: some of them with other values than the file's."""

    given: tuple[str, ...] = ()  # KEY=VALUE, later ones over earlier ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve(Common):
    """Run the lifecycle until it is stopped."""

    speed: float | None = None  # market seconds for each second; None: `DEFAULT_SPEED`, where it is ours to choose
    fresh: bool = False  # forget the paper accounts' books and start anew
    start: Instant | None = None  # None: where the feed begins, or where it was left
    view: bool = True
    console: bool = True  # False: none, whatever the settings say
    seed: int | None = None  # None: 0, where there is a simulated market
    data: tuple[str, ...] = ()  # as for `Replay`

    @property
    def market_options(self) -> tuple[str, ...]:
        """The options that were given and say how the market goes: not for a market that is not this process's own."""
        options = (
            ("--speed", self.speed),
            ("--from", self.start),
            ("--seed", self.seed),
            ("--data", self.data or None),
        )
        return tuple(name for name, value in options if value is not None)


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
    data: tuple[str, ...] = ()  # as for `Replay`


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal(Common):
    """Be the simulated MetaTrader 5 terminals of the accounts until it is stopped."""

    speed: float = DEFAULT_SPEED  # market seconds for each second
    port: int = 0  # any that is free: the terminals' files tell which
    start: Instant | None = None  # None: where the recording can be judged
    zone: str = DEFAULT_ZONE  # of the broker's clock
    faults: float = 0.0  # intensity of random faults
    faults_until: Instant | None = None  # market time; None: always
    seed: int = 0
    data: tuple[str, ...] = ()  # as for `Replay`


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway(Common):
    """Be the way to the MetaTrader 5 terminals of this machine until it is stopped."""

    listen: tuple[str, int] = GATEWAY_ADDRESS
    certificate: Path | None = None  # None: no TLS
    key: Path | None = None  # of the certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Changed):
    """Run the lifecycle over recorded bars, as fast as the machine allows."""

    data: tuple[str, ...] = ()  # files, directories, ID=FILE; empty: the sample
    commodity: str | None = None  # of one file; None: by its name
    clocks: tuple[str, ...] = ()  # of times that name none: ZONE, or ID=ZONE
    time_column: str | None = None  # None: by its name
    prices: Literal["mid", "bid", "ask"] | None = None  # None: by the file's form
    spreads: tuple[str, ...] = ()  # SPREAD, or ID:SPREAD
    keep_going: bool = False  # rows at fault are left out and counted, instead of refused
    start: Instant | None = None
    end: Instant | None = None  # not included
    threads: bool = False  # on threads instead of in virtual time
    ledger: Path | None = None  # None: the ledger is thrown away
    report: Path | None = None  # a page to write
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(AtConsole):
    """Who leads what, what is open, what comes next."""

    watch: bool = False  # stay, and show it live


@dataclass(frozen=True, slots=True, kw_only=True)
class Trades(AtConsole):
    """The trades of the ledger."""

    platform: str | None = None
    commodity: str | None = None
    state: TradeState | None = None
    limit: int = DEFAULT_TRADES


@dataclass(frozen=True, slots=True, kw_only=True)
class Why(Common):
    """Why something was opened or not: decisions with their numbers, and what came of them."""

    commodity: str | None = None
    last: int | None = None  # None: the one that opened last, or that was in force at ``at``
    at: Instant | None = None  # None: now


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar(Common):
    """When a commodity trades on one day, and what closes it."""

    commodity: str
    at: date | Instant | None = None  # a trading date, or an instant within one; None: now
    account: str | None = None  # None: no account's own hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness(Common):
    """Whether the choice between accounts is fair."""

    commodity: str | None = None
    since: Instant | None = None  # None: as far back as the journal goes
    ledger: Path | None = None  # None: that of the settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration(Changed):
    """Whether the probabilities were true."""

    data: tuple[Path, ...] = ()  # recorded bars; none: the ledger
    ledger: Path | bool = False  # True: that of the settings
    commodity: str | None = None  # of all files; None: by each file's name
    positions: int = DEFAULT_POSITIONS  # at most, on each file
    seed: int = 0
    plot: Path | None = None  # where a reliability diagram goes


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit(Changed):
    """What each exit rule earns or costs."""

    data: tuple[Path, ...] = ()  # recorded bars; beside a ledger, what its trades would have met
    ledger: Path | bool = False  # True: that of the settings
    commodity: str | None = None  # of all files; None: by each file's name
    rules: tuple[str, ...] = ()  # none: every one
    trades: int = DEFAULT_AUDITED_TRADES  # of each kind on each file, at most
    seed: int = 0
    jobs: int | None = None  # processes; None: one for each core


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
class Close(AtConsole):
    """Close one trade, or all of a part."""

    trade_id: int | None = None
    all: bool = False
    account: str | None = None  # with all: None: on every account
    commodity: str | None = None
    yes: bool = False  # False: ask, naming what would be closed
    wait_seconds: float = DEFAULT_CLOSE_WAIT_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(AtConsole):
    """No opens, at all or of a part; guarding goes on."""

    account: str | None = None  # None: on every account
    commodity: str | None = None  # None: of everything
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt(AtConsole):
    """No opens, and no guarding either."""

    reason: str = ""
    yes: bool = False  # False: ask, naming the positions that nobody will guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(AtConsole):
    """Lift a pause of just this part; of everything, or a halt, where none is named."""

    account: str | None = None
    commodity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(AtConsole):
    """Lift what a loop of crashes has set, or have the drawdown of an account forgotten."""

    drawdown: str | None = None  # the account; None: it is about the crashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens(Common):
    """Where the console's tokens are; or make some of them anew."""

    rotate: str | None = None  # one of `TOKENS`; None: only say where they are


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Common):
    """Make a link that signs a browser in at the console."""

    read: bool = False  # True: to look only


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit(Common):
    """Sign an analysis of a source outside, and leave it where it is taken."""

    source: str
    file: Path | None = None  # the analysis as JSON; -: standard input
    new_key: bool = False  # instead: make the source a new key
    to_output: bool = False  # print the signed text, and leave nothing


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
    connector: Literal["paper", "mt5"] = "paper"  # what the brokers are reached through
    jobs: int | None = None  # processes; None: one for each core
    lines: int = DEFAULT_LINES  # of the story of a seed that fails
    mutants: bool = False  # instead: how many seeds each deliberate fault of the protocol lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearse(Common):
    """Go through a year of trading days in virtual time, and check what each closing rule does."""

    year: int | None = None  # None: the present one
    months: tuple[int, int] | None = None  # the first and the last; None: all
    first: date | None = None  # a trading date, instead of the first of the year or the months
    last: date | None = None
    seed: int = 0
    commodities: tuple[str, ...] = ()  # none: the whole catalogue
    jobs: int = 1  # processes


Arguments: TypeAlias = (
    Serve
    | Broker
    | Gateway
    | Terminal
    | Replay
    | Status
    | Trades
    | Why
    | Calendar
    | Fairness
    | Calibration
    | Audit
    | Init
    | Doctor
    | Backup
    | Restore
    | Simulate
    | Rehearse
    | Close
    | Pause
    | Halt
    | Resume
    | Reset
    | Tokens
    | SignIn
    | Submit
    | Adopt
    | Disown
    | Soak
)

OF_THE_LEDGER_ALONE = (Status, Trades, Why, Fairness, Backup, Pause, Resume, Halt, Reset, Tokens, SignIn)
"""What needs no more of the settings than where the ledger is, and whose: it works while these are broken."""

KINDS: dict[str, type[Arguments]] = {
    "serve": Serve,
    "broker": Broker,
    "gateway": Gateway,
    "terminal": Terminal,
    "replay": Replay,
    "status": Status,
    "trades": Trades,
    "why": Why,
    "calendar": Calendar,
    "fairness": Fairness,
    "calibration": Calibration,
    "audit": Audit,
    "init": Init,
    "doctor": Doctor,
    "backup": Backup,
    "restore": Restore,
    "close": Close,
    "pause": Pause,
    "resume": Resume,
    "halt": Halt,
    "reset": Reset,
    "tokens": Tokens,
    "sign-in": SignIn,
    "submit": Submit,
    "adopt": Adopt,
    "disown": Disown,
    "soak": Soak,
    "simulate": Simulate,
    "rehearse": Rehearse,
}
