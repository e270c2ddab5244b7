"""The ledger's tables as the program uses them. How a database comes to have them is told in `migrations`.

Times are epoch milliseconds. Those of `reservation` and `crew_start`, and `begun_at` of `operator_request`, are the
lease clock's; all others are market time and are given by the caller. The columns of `trade` are the fields of
`trading.trade.Trade`, by their names, and two more. What only PostgreSQL is told stands in ``info``, from where
`creation` takes it.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from trading.analysis import Regime, Strategy
from trading.market import Side
from trading.modes import Mode, ModeCause
from trading.trade import ACTIVE, CloseReason, TradeState

metadata = MetaData()

DEFAULT_CREW = "default"  # whose everything was before crews were told apart


class StartEnding(StrEnum):
    """How a term of leadership ended. One without an ending goes on, or ended without a word."""

    ORDERLY = "orderly"  # stopped, or deposed and alive
    CRASHED = "crashed"  # found without an ending by the next one
    FORGIVEN = "forgiven"  # a crash that an operator has taken note of


class RequestState(StrEnum):
    """How far what an operator asked for has come."""

    DONE = "done"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"  # begun, and what came of it is being found out


ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


def word(words: type[StrEnum]) -> Enum:
    """Plain text in the database, so that a new word needs no migration; the enumeration's member in the program."""
    return Enum(words, values_callable=lambda kind: [member.value for member in kind], native_enum=False, length=32)


def crew_column() -> Column[str]:
    """Several crews may share a database, and none sees what is another's."""
    return Column("crew", String(64), nullable=False, server_default=DEFAULT_CREW)


# These predicates are written out and not bound: a partial index serves only a query that repeats its words.
IS_ACTIVE = text(f"state IN ({', '.join(repr(state.value) for state in sorted(ACTIVE))})")
HAS_NOT_FAILED = text(f"state <> {TradeState.FAILED.value!r}")
CLAIMS_ANALYSIS = text("claims_analysis")
HAS_TRADE = text("trade_id IS NOT NULL")

reservation = Table(
    "reservation",
    metadata,
    Column("resource", String(200), primary_key=True),
    Column("owner", String(200)),  # null: released
    Column("token", BigInteger, nullable=False),  # only ever grows; therefore no row is ever deleted
    Column("acquired_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # 0: released
    CheckConstraint("token > 0", name="reservation_token"),
    sqlite_with_rowid=False,
    info={"postgresql_with": {"fillfactor": 50}},  # room for a renewal to stay on its page
)

account = Table(
    "account",
    metadata,
    Column("platform", String(64), primary_key=True),
    Column("prefix", Integer, nullable=False, unique=True),  # upper bits of the magic number of all its orders
    Column("sequence", BigInteger, nullable=False),  # of its newest order
    crew_column(),  # the one that has acted on the account last
    CheckConstraint("prefix BETWEEN 1 AND 65535", name="account_prefix"),
    CheckConstraint("sequence >= 0", name="account_sequence"),
)

trade = Table(
    "trade",
    metadata,
    Column("trade_id", ROW_NUMBER, primary_key=True),
    Column("platform", String(64), ForeignKey("account.platform"), nullable=False),
    Column("commodity", String(64), nullable=False),
    Column("side", word(Side), nullable=False),
    Column("state", word(TradeState), nullable=False),
    Column("strategy", word(Strategy), nullable=False),
    Column("regime", word(Regime), nullable=False),
    Column("analysis_id", String(128), nullable=False),
    Column("confidence", Double, nullable=False),
    Column("volume_lots", Double, nullable=False),
    Column("magic", BigInteger, nullable=False, unique=True),
    Column("account_token", BigInteger, nullable=False),
    Column("commodity_token", BigInteger, nullable=False),
    Column("expected_price", Double, nullable=False),
    Column("stop_distance", Double, nullable=False),
    Column("target_distance", Double),
    Column("trailing_distance", Double),
    Column("stop_price", Double, nullable=False),
    Column("target_price", Double),
    Column("daily_volatility", Double, nullable=False),
    Column("submitted_at", BigInteger, nullable=False),
    Column("time_stop_at", BigInteger, nullable=False),
    Column("closes_at_day_end", Boolean, nullable=False),
    Column("position_id", BigInteger),
    Column("ticket", BigInteger),
    Column("entry_price", Double),
    Column("opened_at", BigInteger),
    Column("exit_price", Double),
    Column("closed_at", BigInteger),
    Column("close_reason", word(CloseReason)),
    Column("profit", Double),
    Column("detail", Text, nullable=False),
    # Not a field of Trade. True until the trade fails, and never again: a failed order that turns up late cannot claim
    # back an analysis which another order may have used since, and its row must be writable all the same.
    Column("claims_analysis", Boolean, nullable=False),
    # Nor this. Which crew's analyses it came of: two crews that watch one market have analyses of the same names.
    crew_column(),
)
ONE_ACTIVE_TRADE = Index(
    "trade_one_active",
    trade.c.platform,
    trade.c.commodity,
    unique=True,
    sqlite_where=IS_ACTIVE,
    info={"postgresql_where": IS_ACTIVE},
)
ONE_TRADE_PER_ANALYSIS = Index(
    "trade_one_per_analysis",
    trade.c.crew,
    trade.c.analysis_id,
    unique=True,
    sqlite_where=CLAIMS_ANALYSIS,
    info={"postgresql_where": CLAIMS_ANALYSIS},
)
Index("trade_analysis", trade.c.analysis_id)
Index(
    "trade_last_submission",
    trade.c.platform,
    trade.c.commodity,
    trade.c.submitted_at,
    sqlite_where=HAS_NOT_FAILED,
    info={"postgresql_where": HAS_NOT_FAILED},
)

journal = Table(
    "journal",
    metadata,
    Column("id", ROW_NUMBER, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),  # of the newest entry that was folded into this line
    Column("repeated", Integer, nullable=False),  # how many entries this line stands for
    Column("writer", String(200), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("platform", String(64)),
    Column("commodity", String(64)),
    Column("trade_id", BigInteger),
    Column("analysis_id", String(128)),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON, its keys sorted
    crew_column(),
    sqlite_autoincrement=True,  # a pruned line's number is never given again
)
Index("journal_newest", journal.c.crew, journal.c.kind, journal.c.platform, journal.c.commodity, journal.c.id)
Index("journal_trade", journal.c.trade_id, sqlite_where=HAS_TRADE, info={"postgresql_where": HAS_TRADE})

scheduled = Table(
    "scheduled",
    metadata,
    Column("key", String(200), primary_key=True),  # the job and its day, such as day_end:EURUSD:alpha:2017-05-19
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

crew_mode = Table(
    "crew_mode",
    metadata,
    Column("crew", String(64), primary_key=True),
    Column("cause", word(ModeCause), primary_key=True),
    Column("mode", word(Mode), nullable=False),
    Column("reason", Text, nullable=False),  # in the words of whoever set it
    Column("set_by", String(200), nullable=False),  # user@host, or the process
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

crew_start = Table(
    "crew_start",
    metadata,
    Column("id", ROW_NUMBER, primary_key=True),
    Column("crew", String(64), nullable=False),
    Column("owner", String(200), nullable=False),
    Column("token", BigInteger, nullable=False),  # of the crew's lease under which it led
    Column("began_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),  # null: it goes on, or nobody has noticed yet; of a crash: when it was noticed
    Column("ending", word(StartEnding)),
    sqlite_autoincrement=True,  # an old start's number is never given again: its process may still say that it ended
)
Index("crew_start_ended", crew_start.c.crew, crew_start.c.ended_at)

broker_account = Table(
    "broker_account",
    metadata,
    Column("platform", String(64), primary_key=True),
    Column("login", BigInteger, nullable=False),
    Column("server", Text, nullable=False),
    UniqueConstraint("login", "server", name="broker_account_once"),
    sqlite_with_rowid=False,
)

disowned = Table(
    "disowned",
    metadata,
    Column("platform", String(64), primary_key=True),
    Column("magic", BigInteger, primary_key=True, autoincrement=False),
    Column("disowned_by", String(200), nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

opening_pause = Table(
    "opening_pause",
    metadata,
    Column("crew", String(64), primary_key=True),
    Column("platform", String(64), primary_key=True),  # empty: every account
    Column("commodity", String(64), primary_key=True),  # empty: every commodity
    Column("paused", Boolean, nullable=False),  # no row is ever deleted
    Column("reason", Text, nullable=False),  # in the words of whoever set it
    Column("set_by", String(200), nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

operator_request = Table(
    "operator_request",
    metadata,
    Column("crew", String(64), primary_key=True),
    Column("request_id", String(64), primary_key=True),  # chosen by whoever asked
    Column("command", String(64), nullable=False),  # its kind, such as close_trade
    Column("digest", String(64), nullable=False),  # of what was asked for: asked again, it must be the same
    Column("asked_by", String(200), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("state", word(RequestState), nullable=False),
    Column("said", Text, nullable=False),  # what is known, in words
    Column("detail", Text, nullable=False),  # JSON: what was asked for, and what came of it
    Column("updated", BigInteger, nullable=False),
)
Index("operator_request_state", operator_request.c.crew, operator_request.c.state)
