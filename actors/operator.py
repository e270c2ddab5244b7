"""OperatorActor: does what a person asks for, once, and knows what came of it.

What the ledger alone can do (modes, pauses, pardons) is one transaction and done: see `obeying`. Closing is another
matter, since it ends at a broker: the request is committed, with who asked for what, before anybody is told to do
anything, and `seeing_through` goes on from there. Nothing here waits for a broker, and so nothing delays a halt.

It is refused only what was told to nobody: on a process that stands by, or where there is no such position. The refusal
is kept, too: whoever was told so must not find it done later, by a message that came twice. Not kept is the refusal of
a process that does not lead: it decides nothing about the request, and after a kill the same id is asked again of
whoever comes to lead. Nor that of an analysis, which has an id of its own, and is too old soon: anybody whose source is
believed may send any number of them.

It runs from a process's first moment, also while that stands by. That it leads it knows by the crew's lease, and by the
accounts' snapshots, which only a leading process's actors send.
"""

from __future__ import annotations

from dataclasses import replace

from actors.closing_requests import OVER, Wanted, named, row_of, settled
from actors.commands import (
    CloseAll,
    CloseTrade,
    Command,
    ForgiveDrawdown,
    Halt,
    Lift,
    Outcome,
    OutcomeOf,
    PauseOpening,
    ResetCrashLoop,
    ResumeOpening,
    SubmitAnalysis,
)
from actors.messages import AccountSnapshot, Analysed, HeedPauses, LookAtRequests, MarketRead, TradeChanged
from actors.names import TRADER, platform_actor
from actors.obeying import (
    REQUEST_ID,
    LedgerAway,
    Refused,
    line_of,
    new_request,
    obey,
    outcome_of,
    repeated,
    require_lead,
    require_scope,
    unwritten,
    wrong_id,
)
from actors.own_readings import OwnReadings
from actors.seeing_through import SeeingThrough
from actors.submitting import begin_submission, proved_analysis, request_for, settle_submission
from actors.system.context import Context
from feeds.signed_analyses import KeyOf
from persistence.errors import LedgerUnavailable, UnknownTrade
from persistence.ledger import Ledger
from persistence.requests import Request
from persistence.reservations import Fence, crew_resource
from persistence.tables import RequestState
from trading.attention import EVERYTHING, NOTHING, Attention
from trading.market import Instant
from trading.settings import Settings
from trading.trade import ACTIVE, HELD, Trade

NOT_LEADING = "not_leading"
HIGHEST_TRADE_ID = (1 << 63) - 1  # that a database can be asked for


class OperatorActor:
    """Takes the messages of `commands`."""

    def __init__(self, settings: Settings, ledger: Ledger, key_of: KeyOf | None = None) -> None:
        """``key_of``: the keys of sources of analyses; None: there are none."""
        self._settings = settings
        self._ledger = ledger
        self._key_of = key_of
        self._own = OwnReadings()
        self._closings = SeeingThrough(settings, ledger, self._own.snapshots, reads_markets=key_of is not None)

    def receive(self, message: object, context: Context) -> Outcome | None:
        """Answers a command by what is known of it. Raises `LedgerAway`."""
        match message:
            case AccountSnapshot():
                self._own.snapshots[message.platform] = message
                self._closings.take_snapshot(message, context)
            case TradeChanged():
                self._closings.note(message.trade, context)
            case MarketRead(reading):
                self._own.take(reading)
            case LookAtRequests():
                self._closings.look(context)
            case Command():
                return self._answer(message, context)
            case OutcomeOf(request_id):
                return self._outcome(request_id)
            case _:
                raise TypeError(f"the operator does not take {type(message).__name__}")
        return None

    def attention(self, now: Instant) -> Attention:
        """Nothing, while nothing that was asked for is under way."""
        return EVERYTHING if self._closings.are_there else NOTHING

    def _answer(self, command: Command, context: Context) -> Outcome:
        try:
            match command:
                case PauseOpening() | ResumeOpening():
                    outcome = obey(self._ledger, self._settings, command, context.now())
                    self._tell_of_pauses(context)
                    return outcome
                case Halt() | Lift() | ResetCrashLoop() | ForgiveDrawdown():
                    return obey(self._ledger, self._settings, command, context.now())
                case CloseTrade() | CloseAll() | SubmitAnalysis():
                    return self._answer_as_leader(command, context)
        except LedgerUnavailable as error:
            if isinstance(command, CloseTrade | CloseAll | SubmitAnalysis):
                self._closings.look_back_again(context)  # it may be written all the same, and then is to be carried out
            raise LedgerAway(str(error)) from error
        raise TypeError(f"the operator knows no command {type(command).__name__}")

    def _outcome(self, request_id: str) -> Outcome | None:
        if not REQUEST_ID.fullmatch(request_id):
            return None
        try:
            request = self._ledger.requests.find(request_id)
        except LedgerUnavailable as error:
            raise LedgerAway(str(error)) from error
        return None if request is None else outcome_of(request)

    def _tell_of_pauses(self, context: Context) -> None:
        """So that no account is chosen in vain; that none opens, its own transaction sees to."""
        for platform in self._own.snapshots:
            context.tell(platform_actor(platform), HeedPauses())

    def _answer_as_leader(self, command: CloseTrade | CloseAll | SubmitAnalysis, context: Context) -> Outcome:
        wrong = wrong_id(command, context.now())
        if wrong is not None:
            return wrong
        known = self._ledger.requests.find(command.request_id)
        if known is not None:
            self._take_up(known, context)
            return repeated(known, command)
        try:
            if isinstance(command, SubmitAnalysis):
                return self._submit(command, self._lead(context), context)
            trades = self._to_close(command)
            return self._close(command, trades, self._lead(context), context)
        except Refused as refusal:
            request = new_request(command, context.now())
            if isinstance(command, SubmitAnalysis) or refusal.code == NOT_LEADING:
                # No row is kept: of rubbish there may be much, and who does not lead decides nothing about the request,
                # which may be asked again under its id of whoever leads, or here, once this process does.
                became = "not_taken" if refusal.code == NOT_LEADING else "refused"
                line = line_of(replace(request, said=refusal.said), became, context.now())
                self._ledger.journal.append(line, fold=True)
                return unwritten(command, context.now(), refusal.code, refusal.said)
            detail = {**request.detail, "code": refusal.code}
            request = replace(request, state=RequestState.REFUSED, said=refusal.said, detail=detail)
            return self._begun(command, request, context) or outcome_of(request)

    def _submit(self, command: SubmitAnalysis, lead: Fence, context: Context) -> Outcome:
        analysis = proved_analysis(command, self._key_of, self._own, self._settings, context)
        request = request_for(command, analysis, context)
        answered = begin_submission(command, request, analysis, self._settings, lead, self._ledger, context)
        if answered is not None:
            return answered
        context.tell(TRADER, Analysed(analysis))
        try:
            return outcome_of(settle_submission(request, RequestState.DONE, request.said, self._ledger, context))
        except LedgerUnavailable:
            self._closings.wait_for_decision(request, context)  # the trader has it: what is left is to write that down
            return outcome_of(request)

    def _begun(self, command: Command, request: Request, context: Context, lead: Fence | None = None) -> Outcome | None:
        """Write the request down; an answer where another process was asked for the same at the same time.

        ``lead``: under which it is to be carried out. Raises `Refused` where another process leads by now, which has
        looked for what was left to it before this could be written.
        """
        became = "begun" if request.state is RequestState.UNRESOLVED else request.state.value
        with self._ledger.writing() as connection:
            if lead is not None:
                require_lead(self._ledger, connection, lead)
            if self._ledger.requests.begin(connection, request, line_of(request, became, context.now())):
                return None
            known = self._ledger.requests.known(connection, request.request_id)
        return outcome_of(request) if known is None else repeated(known, command)

    def _take_up(self, known: Request, context: Context) -> None:
        """A request that is repeated here, and of which nobody here knows, may be one that an earlier leader began."""
        if known.state is RequestState.UNRESOLVED and not self._closings.knows(known.request_id):
            self._closings.look_back_again(context)

    def _close(self, command: CloseTrade | CloseAll, trades: list[Trade], lead: Fence, context: Context) -> Outcome:
        """Commit the request, and only then have anything closed."""
        request = new_request(command, context.now())
        rows = [row_of(trade, f"{named(trade)} is to be closed") for trade in trades]
        wanted = Wanted(replace(request, detail={**request.detail, "trades": rows}), {t.trade_id: t for t in trades})
        if trades:
            wanted.request = settled(wanted, {}, {})
        else:
            wanted.request = replace(wanted.request, state=RequestState.DONE, said="there was nothing to close")
        answered = self._begun(command, wanted.request, context, lead)
        if answered is not None:
            return answered
        if trades:
            self._closings.begin(wanted, context)
        return outcome_of(wanted.request)

    def _to_close(self, command: CloseTrade | CloseAll) -> list[Trade]:
        """The trades that are meant, with or without a position that is known. Raises `Refused`."""
        mine = {account.name for account in self._settings.accounts}
        if isinstance(command, CloseTrade):
            return [self._trade(command.trade_id, mine)]
        require_scope(self._settings, command.platform, command.commodity)
        return [
            trade
            for trade in self._ledger.trades.list(states=ACTIVE | HELD, newest_first=False)
            if trade.platform in mine
            and command.platform in (None, trade.platform)
            and command.commodity in (None, trade.commodity)
        ]

    def _trade(self, trade_id: int, mine: set[str]) -> Trade:
        unknown = Refused("no_such_trade", f"there is no trade {trade_id} in the ledger")
        if not 0 < trade_id <= HIGHEST_TRADE_ID:
            raise unknown
        try:
            trade = self._ledger.trades.get(trade_id)
        except UnknownTrade:
            raise unknown from None
        if trade.platform not in mine:
            raise Refused("no_such_trade", f"trade {trade_id} is on {trade.platform}, which is no account of this crew")
        if trade.state in OVER:
            raise Refused("not_open", f"{named(trade)} is {trade.state}: there is nothing to close")
        return trade

    def _lead(self, context: Context) -> Fence:
        """The proof that this process leads. Raises `Refused` unless it does, and has begun to."""
        holder = self._ledger.reservations.holder(crew_resource(self._settings.crew))
        if holder is None:
            raise Refused(NOT_LEADING, f"nobody leads crew {self._settings.crew} now")
        if holder.owner != context.owner:
            raise Refused(NOT_LEADING, f"this process stands by; {holder.owner} leads")
        if not self._own.snapshots:
            raise Refused(NOT_LEADING, "this process has only begun to lead, and has not taken up its accounts yet")
        return holder.fence
