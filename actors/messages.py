"""Every message of the system, grouped by who receives it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from actors.system.message import Message
from persistence.journal import JournalEntry
from persistence.reservations import Fence
from trading.analysis import Analysis, Regime, Strategy
from trading.bars import BarSeries
from trading.closings import ClosingJob
from trading.exit_memory import PastAdjustment
from trading.market import Account, Instant, Instrument, Position, Quote
from trading.moods import Events, Knowledge
from trading.reading import MarketReading
from trading.standing import NOTHING_CLOSED, Standing
from trading.trade import CloseReason, Trade, TradePlan
from trading.valuation import Valuation

# ---------------------------------------------------------------- to the ReservationActor


@dataclass(frozen=True, slots=True)
class Reserve(Message):
    """Ask: reserve a resource. Answers a `Lease`, or None when somebody else holds it."""

    resource: str


@dataclass(frozen=True, slots=True)
class Release(Message):
    """Give a reservation back. Answers whether it was still ours."""

    fence: Fence


@dataclass(frozen=True, slots=True)
class RenewAll(Message):
    """Timer: renew every lease of this process."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A reservation that this process holds, and until when it may act on it without asking again."""

    fence: Fence
    hold_until: float  # elapsed seconds; never later than the database's own expiry


# ---------------------------------------------------------------- to a PlatformActor


@dataclass(frozen=True, slots=True)
class TakePost(Message):
    """Timer: take the account's lease, connect, and rebuild the state from the ledger and the broker."""


@dataclass(frozen=True, slots=True)
class Poll(Message):
    """Timer: fetch quotes, the account and completed bars."""


@dataclass(frozen=True, slots=True)
class Scan(Message):
    """Timer: compare the ledger with the broker, and resolve what is unknown or closing."""


@dataclass(frozen=True, slots=True)
class LeaseRenewed(Message):
    """A lease is held until a later instant; under a new token where it had run out and nobody had taken it."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class LeaseLost(Message):
    """A lease is gone, or may be: stop acting on it at once."""

    fence: Fence
    reason: str


@dataclass(frozen=True, slots=True)
class Open(Message):
    """Open a trade for this analysis, as planned. Answered by `OpenResult` to the sender.

    The line of the decision is committed with the row SUBMITTED, since every durable commit before an order is time in
    which the price moves. It travels on in the answer when there is no row.
    """

    analysis: Analysis
    plan: TradePlan
    decision: JournalEntry | None = None


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a rule decided by: kept in the journal beside what came of it."""

    why: str  # in words
    regime: Regime | None  # of the newest reading; None: there is none
    before: Valuation | None  # of the trade as it was
    after: Valuation | None  # of the trade as it shall be; None after a close


@dataclass(frozen=True, slots=True)
class Close(Message):
    """Close a trade. Repeating it does no more than doing it once."""

    trade_id: int
    commodity: str
    reason: CloseReason
    price: float | None  # the level that was hit; None: whatever the closing price is
    grounds: Grounds | None = None  # of a rule that weighed it; None: the reason says all


@dataclass(frozen=True, slots=True)
class Adjust(Message):
    """Write a new stop, a new target, and perhaps a new strategy, to the ledger. The stop only tightens."""

    trade_id: int
    commodity: str
    stop_price: float
    target_price: float | None
    reason: str  # the rule that asks for it
    strategy: Strategy | None = None  # None: the trade keeps its own
    grounds: Grounds | None = None  # of a rule that weighed it
    judged: Trade | None = None  # the row that was judged: with other levels by now, it is to be judged anew


@dataclass(frozen=True, slots=True)
class Valued(Message):
    """What open trades were found to be worth at a new reading: to be journalled when nothing presses."""

    bulk: ClassVar[bool] = True

    at: Instant
    valuations: tuple[tuple[Trade, Valuation], ...]


@dataclass(frozen=True, slots=True)
class HistoryWanted(Message):
    """The analyst has too few bars to judge by: the next one of this commodity is to come with its history."""

    commodity: str


@dataclass(frozen=True, slots=True)
class TellTrades(Message):
    """Tell the watchers of every active trade, from memory: one of them begins, and does not ask the ledger."""


@dataclass(frozen=True, slots=True)
class CloseIfProfitable(Message):
    """Judge a day-end or Friday rule, at the first valid tick inside its window, once for its key."""

    job: ClosingJob

    def conflation_key(self) -> Hashable:
        """The scheduler repeats itself until the key has fired; one pending copy is enough."""
        return self.job.key


@dataclass(frozen=True, slots=True)
class HeedPauses(Message):
    """A part of what is traded was paused, or resumed: read what may be opened again."""


# ---------------------------------------------------------------- to the TraderActor


@dataclass(frozen=True, slots=True)
class Analysed(Message):
    """An opinion arrived."""

    analysis: Analysis


@dataclass(frozen=True, slots=True)
class NothingToTrade(Message):
    """A bar was judged and no strategy fits."""

    commodity: str
    at: Instant
    reason: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Decide(Message):
    """Timer: decide on an analysis, once what else is due at this instant has been said."""

    analysis: Analysis


@dataclass(frozen=True, slots=True)
class AccountSnapshot(Message):
    """What a PlatformActor knows of its account. The decisions of the TraderActor rest on these."""

    bulk: ClassVar[bool] = True

    platform: str
    at: Instant
    ready: bool  # it holds the account's lease and is connected
    reason: str  # why not, when it is not
    netting: bool  # the account has one position a symbol, everybody's
    account: Account | None
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument]
    trades: Mapping[str, Trade]  # active ones, by commodity
    cooldown_until: Mapping[str, Instant]
    unaccounted: int  # live positions of our prefix that no trade explains: no opens until they are gone
    external: tuple[Position, ...]  # live positions of other programs and of people, as the last clean scan saw them
    standing: Standing = NOTHING_CLOSED  # how the account has done so far
    paused: frozenset[str] = frozenset()  # commodities of the account that a person has paused there, or with it

    def conflation_key(self) -> Hashable:
        """Only the newest snapshot of an account matters."""
        return self.platform


@dataclass(frozen=True, slots=True)
class OpenResult(Message):
    """What became of an `Open`."""

    platform: str
    analysis_id: str
    commodity: str
    trade: Trade | None  # None: nothing was sent
    reason: str
    decision: JournalEntry | None = None  # the line of the decision, where no row was written with it


@dataclass(frozen=True, slots=True)
class EventsKnown(Message):
    """The events of one calendar, some of which may bar opens."""

    source: str
    events: Events

    def conflation_key(self) -> Hashable:
        """Only the newest of a calendar matter."""
        return self.source


# ---------------------------------------------------------------- to the MonitorActor


@dataclass(frozen=True, slots=True)
class Quotes(Message):
    """The latest valid quotes of one account."""

    bulk: ClassVar[bool] = True

    platform: str
    at: Instant
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument] = field(default_factory=dict)  # the account's terms
    currency: str | None = None  # the account's; None while it is not known

    def conflation_key(self) -> Hashable:
        """At most one pending batch an account."""
        return self.platform


@dataclass(frozen=True, slots=True)
class TradeChanged(Message):
    """A trade has a new row in the ledger. Also told to the SchedulerActor and to observers."""

    trade: Trade
    past: tuple[PastAdjustment, ...] = ()  # what the rules have changed of it, the oldest first


@dataclass(frozen=True, slots=True)
class Signal(Message):
    """An analysis passed the gate, whether or not it led to an open."""

    analysis: Analysis


@dataclass(frozen=True, slots=True)
class MarketRead(Message):
    """What is known of a commodity at the end of a bar."""

    reading: MarketReading

    def conflation_key(self) -> Hashable:
        """Only the newest reading of a commodity matters."""
        return self.reading.commodity


@dataclass(frozen=True, slots=True)
class Revalue(Message):
    """Timer: look at every open trade again."""


@dataclass(frozen=True, slots=True)
class WatchAges(Message):
    """Ask: how many (elapsed) seconds ago each open trade was last judged on a usable quote, by trade.

    Time in which its market was shut does not count, and a trade whose market is shut now is not in the answer.
    """


@dataclass(frozen=True, slots=True)
class RevalueRead(Message):
    """Timer: look at the trades of the commodities that were read at this instant, once all quotes of it are in."""


# ---------------------------------------------------------------- to the SchedulerActor


@dataclass(frozen=True, slots=True)
class CheckTimes(Message):
    """Timer: which windows are open, and which trades are over their longest hold?"""


@dataclass(frozen=True, slots=True)
class TimeStop(Message):
    """Timer: the longest hold of a trade is over."""

    trade_id: int


@dataclass(frozen=True, slots=True)
class RuleJudged(Message):
    """A day-end or Friday rule has fired for this key, or there is nothing left for it to judge."""

    key: str


# ---------------------------------------------------------------- to the HaltWatchActor


@dataclass(frozen=True, slots=True)
class LookForHalt(Message):
    """Timer: is the crew halted?"""


# ---------------------------------------------------------------- to the AnalystActor


@dataclass(frozen=True, slots=True)
class Bars(Message):
    """Completed bars of one commodity on one account, oldest first; the newest has just been completed."""

    platform: str
    series: BarSeries


@dataclass(frozen=True, slots=True)
class ReadingsWanted(Message):
    """A reader begins anew: tell all of them the newest reading of each commodity."""


@dataclass(frozen=True, slots=True)
class Mood(Message):
    """What one source of sentiment knows now."""

    source: str
    knowledge: Knowledge | None  # the last that could be read; None: nothing ever could
    dead_because: str = ""  # why it cannot be read now; empty: it can

    def conflation_key(self) -> Hashable:
        """Only the newest of a source matters."""
        return self.source


# ---------------------------------------------------------------- to a FeedActor


@dataclass(frozen=True, slots=True)
class ReadFeed(Message):
    """Timer: have the source read."""


@dataclass(frozen=True, slots=True)
class LookAtReading(Message):
    """Timer: is the source read?"""


@dataclass(frozen=True, slots=True)
class HowIsFeed(Message):
    """Ask: how fresh is what the source said? Answers a `FeedState`."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """How a source of sentiment stands."""

    is_dead: bool  # it could not be read the last time
    age_seconds: float | None  # elapsed, since it last was read; None: it never was


# ---------------------------------------------------------------- to the InboxActor


@dataclass(frozen=True, slots=True)
class LookIntoInbox(Message):
    """Timer: has a source outside left an analysis?"""


# ---------------------------------------------------------------- to the OperatorActor (commands: see `commands`)


@dataclass(frozen=True, slots=True)
class LookAtRequests(Message):
    """Timer: what has become of what was asked for?"""


# ---------------------------------------------------------------- to the CalendarKeeper


@dataclass(frozen=True, slots=True)
class LookAtCalendars(Message):
    """Timer: do the trading times reach far enough, or is what was begun built?"""


# ---------------------------------------------------------------- to the CaretakerActor


@dataclass(frozen=True, slots=True)
class Prune(Message):
    """Timer: let go of what is old among the next few lines of the journal."""

    after_id: int = 0  # they come after this one
