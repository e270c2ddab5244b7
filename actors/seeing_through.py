"""Closings that a person asked for, from the committed request to what came of it.

The account's own actor is told to close, as by a rule; and what came of it is written when the trade's row says so.

- The close is told again for as long as it is not over: the account's actor sends none before the row says CLOSING,
  which is committed first, so telling it twice is telling it once. Of a trade that a rule has begun to close it makes
  one that a person closes, which neither a halt holds up nor a market that is shut.
- Of a trade whose order is not known to have been executed nothing is sent. The wish waits until that is found out.
- Killed anywhere, the next leader finds the request and goes on with it, if it was asked for within the last two
  minutes *of the lease clock*: the database's own, which runs while no process does, is one for all hosts, and is a
  person's time also where market time stands still or flies. Of an older one nothing is begun any more, because a
  person has long since looked for themselves: what is being closed is seen through, and what is open stays open, with
  an alert. That it is open is believed only once the account was looked through, since a close may have left while the
  ledger was away.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from actors.closing_requests import Wanted, settled, why_waiting
from actors.messages import AccountSnapshot, Close, LookAtRequests, ReadingsWanted
from actors.names import ANALYST, NOT_CARRIED_OUT, STILL_OPEN, platform_actor
from actors.obeying import line_of
from actors.submitting import SUBMIT_ANALYSIS, resolve_submission
from actors.system.context import Context, TimerHandle
from persistence.errors import LedgerUnavailable, UnknownTrade
from persistence.ledger import Ledger
from persistence.requests import Request
from persistence.reservations import crew_resource
from persistence.tables import RequestState
from trading.settings import Settings
from trading.trade import CloseReason, Trade, TradeState

GOOD_FOR_SECONDS = 120.0
"""Of the lease clock: so long ago a request may have been asked for, to be begun by a process that finds it."""

FIRST_LOOK_SECONDS = 1.0
LONGEST_LOOK_SECONDS = 15.0
SOON_SECONDS = 0.2  # after something has changed: so that who waits for an answer reads of it
LOOKED_THROUGH_SECONDS = 5.0  # since an account is ready: time for the two clean scans that find a position gone
ALERT_AFTER_SECONDS = 60.0

log = logging.getLogger("watchbill.operator")


class SeeingThrough:
    """The closings that are not over."""

    def __init__(
        self, settings: Settings, ledger: Ledger, snapshots: Mapping[str, AccountSnapshot], *, reads_markets: bool
    ) -> None:
        """``snapshots``: the newest of each account. ``reads_markets``: somebody here wants the analyst's readings."""
        self._settings = settings
        self._ledger = ledger
        self._snapshots = snapshots
        self._reads_markets = reads_markets
        self._ready_since: dict[str, float] = {}  # elapsed, by account
        self._wanted: dict[str, Wanted] = {}  # by request
        self._submitted: dict[str, Request] = {}  # analyses of which it is not written whether anything was decided
        self._alert_at: dict[str, float] = {}  # elapsed, by request
        self._has_looked_back = False  # for what an earlier leader, or an earlier life of the actor, has left
        self._looks_back_again = False  # a commit was not answered: what it was for may have been written
        self._timer: TimerHandle | None = None
        self._due = 0.0  # elapsed
        self._pause_seconds = FIRST_LOOK_SECONDS

    @property
    def are_there(self) -> bool:
        """Whether anything is under way."""
        return bool(self._wanted or self._submitted or self._looks_back_again)

    def knows(self, request_id: str) -> bool:
        """Whether this request is being seen through."""
        return request_id in self._wanted or request_id in self._submitted

    def look_back_again(self, context: Context) -> None:
        """Find in the ledger what was asked for, and is not known here: a commit may have been made unheard."""
        self._has_looked_back, self._looks_back_again = False, True
        self._look_soon(context)

    def begin(self, wanted: Wanted, context: Context) -> None:
        """Have the trades of a request closed that was just committed."""
        self._keep(wanted, context)
        self._tell_to_close(wanted, context)
        self._look_soon(context)

    def wait_for_decision(self, request: Request, context: Context) -> None:
        """An analysis was handed to the trader, and that could not be written."""
        self._submitted[request.request_id] = request
        self._look_soon(context)

    def note(self, trade: Trade, context: Context) -> None:
        """A trade has a new row."""
        for wanted in self._wanted.values():
            if trade.trade_id in wanted.rows:
                wanted.rows[trade.trade_id] = trade
                self._look_soon(context, at_once=wanted.is_over)

    def take_snapshot(self, snapshot: AccountSnapshot, context: Context) -> None:
        """Accounts are there, so this process leads: the first tells to look for what was left."""
        if not snapshot.ready:
            self._ready_since.pop(snapshot.platform, None)
        else:
            self._ready_since.setdefault(snapshot.platform, context.elapsed())
        if not self._has_looked_back:
            self._look_guarded(context)

    def look(self, context: Context) -> None:
        """The timer's."""
        self._timer = None
        self._look_guarded(context)

    def _look_guarded(self, context: Context) -> None:
        try:
            self._look(context)
        except LedgerUnavailable as error:
            log.info("the requests of operators wait for the ledger: %s", error)
        if self.are_there:
            self._look_in(self._pause_seconds, context)
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_LOOK_SECONDS)

    def _look(self, context: Context) -> None:
        holder = self._ledger.reservations.holder(crew_resource(self._settings.crew))
        if holder is None or holder.owner != context.owner:
            if holder is not None:  # whoever leads goes on with them
                self._wanted.clear()
                self._submitted.clear()
                self._has_looked_back = self._looks_back_again = False
            return
        if not self._has_looked_back:
            self._look_back(context)
        for wanted in list(self._wanted.values()):
            self._see_through(wanted, context)
        for request in list(self._submitted.values()):
            if resolve_submission(request, self._settings, self._ledger, context):
                del self._submitted[request.request_id]

    def _look_back(self, context: Context) -> None:
        for request in self._ledger.requests.unresolved():
            if request.command == SUBMIT_ANALYSIS:
                self._submitted.setdefault(request.request_id, request)
            elif request.request_id not in self._wanted:
                self._keep(Wanted(request, is_stale=request.age_seconds > GOOD_FOR_SECONDS), context)
        self._has_looked_back, self._looks_back_again = True, False
        if self._reads_markets:
            context.tell(ANALYST, ReadingsWanted())

    def _see_through(self, wanted: Wanted, context: Context) -> None:
        self._read_rows(wanted)
        self._tell_to_close(wanted, context)
        self._give_up_stale(wanted, context)
        before = wanted.request
        waits = {trade.trade_id: self._why_waiting(trade) for trade in wanted.left}
        wanted.request = settled(wanted, waits, self._currencies())
        if wanted.request.state is not RequestState.UNRESOLVED:
            self._write(wanted.request, context, ended=True)
            del self._wanted[before.request_id]
            if wanted.given_up:
                context.alert(NOT_CARRIED_OUT, _told(wanted.request))
            return
        if wanted.request.detail != before.detail:
            self._write(wanted.request, context, ended=False)
        if context.elapsed() >= self._alert_at[before.request_id]:
            self._alert_at[before.request_id] = float("inf")
            context.alert(STILL_OPEN, _told(wanted.request))

    def _read_rows(self, wanted: Wanted) -> None:
        """After a backup was restored, there may be no such trade any more, or another one of that number."""
        for trade_id in wanted.unfinished:
            try:
                trade = self._ledger.trades.get(trade_id)
            except UnknownTrade:
                wanted.lose(trade_id)
            else:
                if wanted.is_of(trade):
                    wanted.rows[trade_id] = trade
                else:
                    wanted.lose(trade_id)

    def _tell_to_close(self, wanted: Wanted, context: Context) -> None:
        if wanted.is_stale:
            return
        for trade in wanted.left:
            if trade.state in (TradeState.OPEN, TradeState.CLOSING):
                close = Close(trade.trade_id, trade.commodity, CloseReason.OPERATOR, None)
                context.tell(platform_actor(trade.platform), close)

    def _give_up_stale(self, wanted: Wanted, context: Context) -> None:
        """Leave alone what was not begun, once its account was looked through."""
        if not wanted.is_stale:
            return
        for trade in wanted.left:
            ready_since = self._ready_since.get(trade.platform)
            is_known = ready_since is not None and context.elapsed() - ready_since >= LOOKED_THROUGH_SECONDS
            if is_known and trade.state is not TradeState.CLOSING:
                wanted.given_up.add(trade.trade_id)

    def _why_waiting(self, trade: Trade) -> str:
        if trade.state is TradeState.CLOSING:
            lines = self._ledger.journal.list(kind="close_put_off", trade_id=trade.trade_id, limit=1)
            return lines[0].reason if lines else ""
        return why_waiting(trade, self._snapshots.get(trade.platform))

    def _currencies(self) -> dict[str, str]:
        return {name: known.account.currency for name, known in self._snapshots.items() if known.account is not None}

    def _write(self, request: Request, context: Context, *, ended: bool) -> None:
        lines = [line_of(request, request.state.value, context.now())] if ended else []
        self._ledger.requests.settle(
            request.request_id, request.state, request.said, request.detail, context.now(), *lines
        )

    def _keep(self, wanted: Wanted, context: Context) -> None:
        request = wanted.request
        self._wanted[request.request_id] = wanted
        self._alert_at[request.request_id] = context.elapsed() + max(0.0, ALERT_AFTER_SECONDS - request.age_seconds)

    def _look_soon(self, context: Context, *, at_once: bool = False) -> None:
        self._pause_seconds = FIRST_LOOK_SECONDS
        self._look_in(0.0 if at_once else SOON_SECONDS, context)

    def _look_in(self, seconds: float, context: Context) -> None:
        """Look by then, unless a look is due earlier."""
        due = context.elapsed() + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._timer, self._due = context.later(seconds, LookAtRequests()), due


def _told(request: Request) -> str:
    """The words of an alert. First what it is about: two requests are not one thing that is said twice."""
    return f"{request.request_id}: asked for by {request.by}: {request.said}"
