"""The overview: everything that is to be seen at a glance, of one moment.

While this process leads, it comes from the newest snapshots of the accounts; the journal is followed line by line, and
what is dear to find out is kept for some seconds. While it stands by, it comes from the ledger alone. The observer,
which no actor waits for, has the snapshots, and is given half a second to hand them over. Only the monitor is asked
besides, every other second, when it last judged each trade.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.messages import AccountSnapshot, WatchAges
from actors.names import MONITOR
from actors.system.errors import ActorError
from console import account_limits, account_trouble, feed_trouble
from console.api.freshness import Freshness
from console.api.journal_follower import JournalFollower, Kept
from console.api.models_overview import Overview
from console.api.overview_rows import account_row, event_row, money, trade_row, unseen_account_row
from console.configuration import Configuration
from console.live_figures import AccountFigures, Figures
from console.modes import mode_data
from console.observer import OBSERVER, Look
from console.pauses import paused_scopes
from console.reading import market_time
from console.records import Data, digits_of, time_text
from console.replay_figures import refusals
from console.running import Moment, Running
from persistence.errors import LedgerUnavailable
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from persistence.modes import TRADING
from persistence.reservations import crew_resource
from trading.market import DAY, Instant
from trading.modes import Mode
from trading.trade import Trade, TradeState

if TYPE_CHECKING:
    from console.api.window import Window

ASK_SECONDS = 0.5
FRESH_SECONDS = 0.4  # a little less than there is between two pushes
LONG_AGO = float("-inf")
AGES_SECONDS = 2.0
AGES_ASK_SECONDS = 0.2  # the monitor has better things to do
COUNTS_SECONDS = 2.0
ROWS_AT_A_TIME = 20
BREATH_SECONDS = 0.000_05
RESULTS_SECONDS = 5.0
REFUSALS_SECONDS = 10.0


def let_others_run() -> None:
    """Let go of the interpreter: otherwise an actor that has something to do may wait for 5 ms at each of its steps."""
    time.sleep(BREATH_SECONDS)


def overview_of(window: Window, wait_seconds: float = -1) -> Overview:
    """The newest, at most half a second old. Raises `LedgerError`, also where it takes longer than ``wait_seconds``."""
    return Overview.model_validate(window.overviews.newest(wait_seconds=wait_seconds))


class Overviews:
    """Builds the overview. Any thread may ask; one build at a time is under way, and whoever asks shares it."""

    def __init__(
        self,
        configuration: Configuration,
        running: Running,
        ledger: Ledger,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ledger``: the console's own, which only reads."""
        self._elapsed = elapsed
        self._name = configuration.shown_database_url
        self._builder = _Builder(configuration, running, ledger, elapsed)
        self._lock = threading.Lock()
        self._newest: Data = {}
        self._built_at = LONG_AGO

    def newest(self, fresh_seconds: float = FRESH_SECONDS, wait_seconds: float = -1) -> Data:
        """As JSON has it, in the shape of `Overview`; not to be changed by anybody. Raises `LedgerError`.

        ``wait_seconds``: for somebody else who builds it, below 0 without end; whoever builds it waits for the ledger.
        """
        if not self._lock.acquire(timeout=wait_seconds):
            raise LedgerUnavailable(self._name, "it does not answer")
        try:
            if not self._newest or self._elapsed() - self._built_at >= fresh_seconds:
                self._newest = self._builder.build()
                self._built_at = self._elapsed()
            return self._newest
        finally:
            self._lock.release()

    def outdate(self) -> None:
        """Something was changed: whoever asks next is to see it."""
        self._built_at = LONG_AGO


@dataclass(slots=True)
class _Seen:
    """The newest snapshots of one term."""

    moment: Moment
    snapshots: Mapping[str, AccountSnapshot]
    now: Instant


class _Builder:
    """What is kept from one build to the next."""

    def __init__(
        self, configuration: Configuration, running: Running, ledger: Ledger, elapsed: Callable[[], float]
    ) -> None:
        self._configuration = configuration
        self._running = running
        self._ledger = ledger
        self._follower = JournalFollower(ledger, elapsed)
        self._tally = Kept(ledger.trades.tally, COUNTS_SECONDS, elapsed)
        self._realised = Kept(ledger.trades.realised, COUNTS_SECONDS, elapsed)
        self._realised_today = Kept(self._realised_since_midnight, COUNTS_SECONDS, elapsed)
        self._refused = Kept(lambda: sum(refusals(ledger).values()), REFUSALS_SECONDS, elapsed)
        self._late = Kept(self._late_trades, COUNTS_SECONDS, elapsed)
        self._held_back = Kept(self._held_back_now, RESULTS_SECONDS, elapsed)
        self._leader = Kept(self._leader_now, RESULTS_SECONDS, elapsed)
        self._ages = Kept(self._ages_now, AGES_SECONDS, elapsed)
        self._freshness = Freshness(configuration.settings, elapsed)
        self._stale: Mapping[str, int] = {}  # accounts of which nothing new comes, by name: for how many seconds
        self._seen: _Seen | None = None
        self._now: Instant | None = None
        self._told: dict[int, tuple[JournalLine, Data]] = {}  # events by number, in words
        self._open: set[int] = set()  # the trades of the build before
        self._currencies: dict[str, str] = {}  # of accounts, as far as they were ever seen

    def build(self) -> Data:
        """The whole of it."""
        self._follower.read()
        seen = self._look()
        self._now = market_time(self._configuration.settings, self._ledger) if seen is None else seen.now
        mode, paused = self._mode(), paused_scopes(self._ledger, self._configuration.settings.crew)
        everywhere = {scope["platform"] for scope in paused if scope["commodity"] is None}
        parts = self._from_ledger(everywhere) if seen is None else self._from_snapshots(seen, everywhere)
        self._count_anew_if_changed({row["trade_id"] for row in parts["trades"]})
        tally = self._tally.value()
        return {
            "crew": self._configuration.settings.crew,
            "market_time": time_text(self._now),
            **self._market(seen),
            "leads": seen is not None,
            "said": self._running.said,
            "mode": {**mode, "paused": paused},
            "counts": {
                "open": len(parts["trades"]),
                "opened": tally.opened,
                "closed": tally.states.get(TradeState.CLOSED, 0),
                "refused": self._refused.value(),
                "external": sum(account["external"] for account in parts["accounts"]),
            },
            "realised_profit": self._by_currency(self._realised.value()),
            "realised_today": self._by_currency(self._realised_today.value()),
            **parts,
            "events": self._events(),
            "alerts": self._alerts(),
        }

    def _look(self) -> _Seen | None:
        """The newest snapshots; those of the moment before, when the observer does not answer in time."""
        moment = self._running.moment
        if moment is None or not moment.leads:
            self._seen, self._stale = None, {}
            return None
        known = {} if self._seen is None or self._seen.moment.system is not moment.system else self._seen.snapshots
        try:
            known = moment.system.ask(OBSERVER, Look(), ASK_SECONDS)
            self._freshness.heard(known)
        except ActorError:  # the term may just have ended
            self._freshness.not_heard()
        self._stale = self._freshness.stale(moment.venue.speed)
        self._seen = _Seen(moment, known, moment.runtime.now())
        return self._seen

    def _from_snapshots(self, seen: _Seen, paused: set[str | None]) -> Data:
        """Accounts and trades as their platforms see them."""
        figures = Figures(seen.moment.market, seen.moment.venue)
        found = {}
        for one in seen.snapshots.values():
            found[one.platform] = figures.account(one, seen.now)
            let_others_run()
        rows, held_back = [], self._held_back.value()
        for account in self._configuration.settings.accounts:
            name, snapshot = account.name, seen.snapshots.get(account.name)
            about: Data = {"is_paused": name in paused, "held_back": held_back.get(name, [])}
            if snapshot is None:
                reason = "nothing is known of it yet" if account.enabled else "disabled"
                rows.append(unseen_account_row(name, reason, **about))
                continue
            if snapshot.account is not None:
                self._currencies[name] = snapshot.account.currency
            row = account_row(snapshot, found[name], seen.moment.market, stale_seconds=self._stale.get(name), **about)
            rows.append(row)
            let_others_run()
        held = {trade.trade_id: trade for one in seen.snapshots.values() for trade in one.trades.values()}
        held |= {trade.trade_id: trade for trade in self._late.value() if trade.trade_id not in held}
        return {"accounts": rows, "trades": self._trades(held.values(), found, seen.now)}

    def _from_ledger(self, paused: set[str | None]) -> Data:
        """Accounts and trades as the ledger knows them: without prices, and so without what follows from them."""
        leader, held_back = self._leader.value(), self._held_back.value()
        reason = "nobody leads the crew" if leader is None else f"watched by {leader}"
        rows = [
            unseen_account_row(
                account.name,
                reason if account.enabled else "disabled",
                is_paused=account.name in paused,
                held_back=held_back.get(account.name, []),
            )
            for account in self._configuration.settings.accounts
        ]
        trades = [*self._ledger.trades.active(), *self._late.value()]
        now = 0 if self._now is None else self._now
        return {"accounts": rows, "trades": self._trades(trades, {}, now)}

    def _trades(self, held: Iterable[Trade], found: Mapping[str, AccountFigures], now: Instant) -> list[Data]:
        trades = sorted(held, key=lambda trade: trade.trade_id)
        self._follower.keep_valuations_of(trade.trade_id for trade in trades)
        ages = self._ages.value() if found else {}
        rows = []
        for number, trade in enumerate(trades, 1):
            row = trade_row(
                trade,
                found[trade.platform].trades.get(trade.trade_id) if trade.platform in found else None,
                self._follower.valuation(trade.trade_id),
                now=now,
                digits=self._digits(trade.commodity),
                currency=self._currencies.get(trade.platform, ""),
                checked_seconds_ago=ages.get(trade.trade_id),
                is_stale=trade.platform in self._stale,
            )
            rows.append(row)
            if number % ROWS_AT_A_TIME == 0:
                let_others_run()
        return rows

    def _market(self, seen: _Seen | None) -> Data:
        if seen is None:
            return dict.fromkeys(("speed", "source", "position", "length", "market_open"))
        venue = seen.moment.venue
        position, length = venue.progress(seen.now)
        is_open = Figures(seen.moment.market, venue).is_any_open(seen.now)
        return {
            "speed": venue.speed,
            "source": venue.source,
            "position": position,
            "length": length,
            "market_open": is_open,
        }

    def _mode(self) -> Data:
        """The strictest of the causes', and all of them that forbid something."""
        crew = self._configuration.settings.crew
        records = self._ledger.modes.by_cause(crew)
        strictest = max(records, key=lambda record: record.mode.strictness, default=TRADING)
        causes = [mode_data(crew, record) for record in records if record.mode is not Mode.TRADING]
        return {**mode_data(crew, strictest), "causes": causes}

    def _count_anew_if_changed(self, trade_ids: set[int]) -> None:
        """What was opened and closed is counted at once when a trade has come or gone."""
        if trade_ids != self._open:
            self._open = trade_ids
            self._tally.forget()
            self._realised.forget()
            self._realised_today.forget()

    def _realised_since_midnight(self) -> Mapping[str, float]:
        """By account, on the market's day; a day is that of UTC."""
        return {} if self._now is None else self._ledger.trades.realised(self._now - self._now % DAY)

    def _by_currency(self, profits: Mapping[str, float]) -> Data:
        """By currency, which for accounts that nobody here has seen is not known."""
        found: dict[str, float] = {}
        for platform, profit in profits.items():
            currency = self._currencies.get(platform, "")
            found[currency] = found.get(currency, 0.0) + profit
        return {currency: money(profit) for currency, profit in sorted(found.items())}

    def _events(self) -> list[Data]:
        """The newest lines of the journal in words; one that was there before, and was not read anew, is as it was."""
        before, self._told = self._told, {}
        for number, line in self._follower.events.items():
            known = before.get(number)
            if known is None or known[0] is not line:
                known = line, event_row(line, self._digits(line.commodity))
            self._told[number] = known
        return [row for _, row in self._told.values()]

    def _alerts(self) -> list[Data]:
        """What is wrong now: accounts that are out of the business, sources that are dead, trades left unguarded."""
        alerts = list(self._follower.alerts)
        enabled = {account.name for account in self._configuration.settings.accounts if account.enabled}
        found = [
            {"key": f"account:{name}", "at": trouble["since"], "about": name, "said": trouble["said"]}
            for name, trouble in sorted(account_trouble.troubles(alerts).items())
            if name in enabled
        ]
        feeds = feed_trouble.dead_feeds(alerts, self._configuration.settings.feeds, self._leader.value())
        found += [
            {"key": f"feed:{feed['name']}", "at": feed["since"], "about": feed["name"], "said": feed["said"]}
            for feed in feeds
        ]
        return found if self._seen is None else [*found, *self._freshness.alerts(self._stale)]

    def _late_trades(self) -> Sequence[Trade]:
        """Those that turned up at the broker after they were given up; no snapshot has them."""
        tally = self._tally.value()
        late = TradeState.LATE
        return self._ledger.trades.list(states={late}, newest_first=False) if tally.states.get(late) else []

    def _held_back_now(self) -> Mapping[str, list[Data]]:
        accounts = self._configuration.settings.accounts
        return {
            account.name: account_limits.held_back(self._ledger, account.name, self._now)
            for account in accounts
            if account.enabled
        }

    def _leader_now(self) -> str | None:
        holder = self._ledger.reservations.holder(crew_resource(self._configuration.settings.crew))
        return None if holder is None else holder.owner

    def _ages_now(self) -> Mapping[int, float]:
        """How long ago each trade was judged; empty where the monitor cannot say it in time."""
        ages: Mapping[int, float] = {}
        with suppress(ActorError):
            if self._seen is not None:
                ages = self._seen.moment.system.ask(MONITOR, WatchAges(), AGES_ASK_SECONDS)
        return ages

    def _digits(self, commodity: str | None) -> int | None:
        return digits_of(commodity, self._configuration.commodities)
