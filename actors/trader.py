"""TraderActor: an analysis becomes an open. This is the specification's `execute_ai_trade`.

It decides on the snapshots that the PlatformActors push, so that a slow account delays nobody. Every decision, for and
against, is one journal line with all of its numbers: the analysis, the gate with each pillar, the table of candidates.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from actors.accounts import AccountOpinion, Market, account_opinion
from actors.fair_share import FairShares
from actors.handing_on import HandingOn
from actors.messages import (
    AccountSnapshot,
    Analysed,
    Decide,
    EventsKnown,
    NothingToTrade,
    Open,
    OpenResult,
    Signal,
)
from actors.moods import EventBook
from actors.names import DECISIONS_AGAIN, MONITOR, platform_actor
from actors.system.context import Context
from actors.turns import TURN_AT, Turns
from persistence.errors import LedgerUnavailable
from persistence.journal import DECISION, JournalEntry
from persistence.ledger import Ledger
from trading.analysis import Analysis
from trading.attention import EVERYTHING, NOTHING, Attention
from trading.confidence import GateDecision, gate
from trading.market import SECOND, Instant, Quote
from trading.plans import PlanRefused, plan_trade
from trading.quotes import unusable
from trading.records import flat
from trading.selection import Ineligible, Selection, choose
from trading.trade import TradePlan, resource

log = logging.getLogger("watchbill.trader")

FUTURE_TOLERANCE_SECONDS = 5.0  # an analysis made elsewhere, by a clock that runs a little ahead


class TraderActor:
    """Gates analyses, chooses the account, and tells its PlatformActor to open."""

    def __init__(
        self, market: Market, ledger: Ledger, events: EventBook | None = None, turns: Turns | None = None
    ) -> None:
        """``events``: what an earlier life was told by the calendars. ``turns``: and whom it chose."""
        self._events = EventBook(market.settings.feeds) if events is None else events
        accounts = [account.name for account in market.settings.accounts]
        self._turns = Turns(ledger, accounts) if turns is None else turns
        self._fair_shares = FairShares(ledger, accounts)
        self._handing_on = HandingOn(market.settings)
        self._market = market
        self._settings = market.settings
        self._ledger = ledger
        self._snapshots: dict[str, AccountSnapshot] = {}
        self._may_fold: set[str] = set()  # commodities of which the newest line is a refusal of ours
        self._ledger_away = False

    def receive(self, message: object, context: Context) -> None:
        """Take snapshots and analyses; decide when everything due at this instant has been said."""
        try:
            self._handle(message, context)
        except LedgerUnavailable as error:
            # Nothing is opened meanwhile: the line of the decision is written with the trade's own row, or no row is.
            if not self._ledger_away:
                self._ledger_away = True
                context.alert("ledger", f"{error}; nothing is decided without it")

    def attention(self, now: Instant) -> Attention:
        """Nothing: it answers what it is told."""
        return EVERYTHING if self._ledger_away else NOTHING

    def _handle(self, message: object, context: Context) -> None:
        match message:
            case AccountSnapshot():
                self._snapshots[message.platform] = message
            case Analysed(analysis):
                # Accounts are polled at the same instant as bars are judged: let their snapshots come first.
                context.later(0, Decide(analysis))
            case Decide(analysis):
                self.execute_ai_trade(analysis, context)
            case NothingToTrade(commodity, at, reason, detail):
                line = JournalEntry(at, DECISION, f"refused:{reason}", commodity=commodity, detail=detail)
                self._write_refusal(line, context)
            case OpenResult():
                self._note(message, context)
            case EventsKnown():
                self._events.take(message)
            case _:
                raise TypeError(f"the trader does not take {type(message).__name__}")

    def execute_ai_trade(self, analysis: Analysis, context: Context) -> None:
        """Gate the analysis, choose the account, and tell it to open; or journal why not."""
        refusal = self._not_usable(analysis, context.now())
        if refusal is not None:
            self._journal(analysis, f"refused:{refusal}", context)
            return
        decision = gate(
            analysis, self._settings.strategies, self._settings.thresholds.of(self._settings.confidence_profile)
        )
        if not decision.passed:
            self._journal(analysis, f"refused:{refusal_of(decision)}", context, decision)
            return
        if not self._handing_on.is_known(analysis.id):
            context.tell(MONITOR, Signal(analysis))
        mode = self._ledger.modes.of(self._settings.crew).mode
        if not mode.permits_opens:
            self._journal(analysis, f"refused:{mode}", context, decision)
            return
        event = self._events.barring(analysis.commodity, context.now())
        if event is not None:
            self._journal(analysis, "refused:event", context, decision, event=event)
            return
        plan = self._plan(analysis, context.now())
        if isinstance(plan, PlanRefused):
            self._journal(analysis, "refused:no plan", context, decision, why_no_plan=plan.reason)
            return
        opinions = self._opinions(analysis, plan, context.now())
        selection = choose(
            [opinion.view for opinion in opinions],
            now=context.now(),
            stop_distance=plan.stop_distance,
            quote_max_age_seconds=self._settings.quote_max_age_seconds,
            may_be_negative=self._market.commodities[analysis.commodity].may_be_negative,
        )
        if log.isEnabledFor(logging.INFO):
            log.info("%s %s: %s", analysis.commodity, analysis.side, selection.log_line())
        told: dict[str, object] = {
            "plan": flat(plan),
            "candidates": candidate_rows(selection, opinions),
            "chosen": selection.chosen,
            "decided_by": selection.decided_by.value,
        }
        if selection.chosen is None:
            self._journal(analysis, f"refused:{refusal_of_all(selection)}", context, decision, **told)
            return
        told[TURN_AT] = self._turns.take(selection.chosen, analysis.commodity, context.now())
        line = replace(self._line(analysis, "open_told", context, decision, **told), platform=selection.chosen)
        self._may_fold.discard(analysis.commodity)
        self._handing_on.begin(analysis, context.now())
        context.tell(platform_actor(selection.chosen), Open(analysis, plan, line))
        self._watch_shares(line, context)  # when the order is under way: it may have to read

    def _watch_shares(self, line: JournalEntry, context: Context) -> None:
        unfair = self._fair_shares.note(line, context.now())
        if unfair is not None:
            self._write(unfair, context=context)
            context.alert(unfair.reason, str(unfair.detail["said"]))

    def _not_usable(self, analysis: Analysis, now: Instant) -> str | None:
        """Why this analysis may not even be judged, in one word."""
        if analysis.commodity not in self._market.times:
            return "unknown commodity"
        age_seconds = (now - analysis.made_at) / SECOND
        if age_seconds > self._settings.analysis_max_age_seconds:
            return "stale"
        if age_seconds < -FUTURE_TOLERANCE_SECONDS:
            return "from the future"
        if self._ledger.trades.knows_analysis(analysis.id):
            return "seen"
        return None

    def _plan(self, analysis: Analysis, now: Instant) -> TradePlan | PlanRefused:
        """The plan by the tightest quote that any account shows: levels are laid again from the real fill."""
        may_be_negative = self._market.commodities[analysis.commodity].may_be_negative
        usable = [
            quote
            for snapshot in self._snapshots.values()
            if (quote := snapshot.quotes.get(analysis.commodity)) is not None
            and unusable(quote, now, self._settings.quote_max_age_seconds, may_be_negative=may_be_negative) is None
        ]
        if not usable:
            return PlanRefused("no account has a usable quote")
        best: Quote = min(usable, key=lambda quote: quote.spread)
        return plan_trade(
            side=analysis.side,
            strategy=analysis.strategy,
            settings=self._settings.strategies[analysis.strategy],
            price=best.opening_price(analysis.side),
            spread=best.spread,
            daily_volatility=analysis.daily_volatility,
            mean_price=analysis.mean_price,
            minimum_reward_to_risk=self._settings.exits.minimum_reward_to_risk,
            nearest_spreads=self._settings.exits.nearest_spreads,
        )

    def _opinions(self, analysis: Analysis, plan: TradePlan, now: Instant) -> list[AccountOpinion]:
        opinions = []
        refused_by = self._handing_on.refused_by(analysis.id)
        for account in self._settings.accounts:
            if not account.enabled:
                continue
            slot = resource(account.name, analysis.commodity)
            opinions.append(
                account_opinion(
                    account,
                    self._snapshots.get(account.name),
                    analysis,
                    plan,
                    self._market,
                    now=now,
                    reserved=self._ledger.reservations.is_resource_reserved(slot),
                    last_chosen_at=self._turns.last_chosen_at(account.name, analysis.commodity),
                    has_refused=account.name in refused_by,
                )
            )
        return opinions

    def _note(self, result: OpenResult, context: Context) -> None:
        """What came of an open that was told: the trade's own lines tell the rest. After a no, another one is asked."""
        self._may_fold.discard(result.commodity)
        reason = f"{result.trade.state}" if result.trade is not None else f"refused:{result.reason}"
        line = JournalEntry(
            at=context.now(),
            kind="open_result",
            reason=reason,
            platform=result.platform,
            commodity=result.commodity,
            trade_id=None if result.trade is None else result.trade.trade_id,
            analysis_id=result.analysis_id,
            detail={"said": result.reason},
        )
        handed_on = self._handing_on.to_hand_on(result)
        if handed_on is not None:
            context.later(0, Decide(handed_on))  # after the snapshot that tells why
        self._write(*([] if result.decision is None else [result.decision]), line, context=context)

    def _journal(
        self, analysis: Analysis, reason: str, context: Context, decision: GateDecision | None = None, **detail: object
    ) -> None:
        """One line for each decision; the same refusal of the same analysis, said again, is counted in its line."""
        self._write_refusal(self._line(analysis, reason, context, decision, **detail), context)

    def _write_refusal(self, line: JournalEntry, context: Context) -> None:
        """Folded into the one before it, unless an open was told in between: the newest line is the newest decision."""
        self._write(line, context=context, fold=line.commodity in self._may_fold)
        if line.commodity is not None:
            self._may_fold.add(line.commodity)

    def _write(self, *lines: JournalEntry, context: Context, fold: bool = False) -> None:
        self._ledger.journal.append(*lines, fold=fold)
        if self._ledger_away:
            self._ledger_away = False
            context.alert("ledger", DECISIONS_AGAIN)

    def _line(
        self, analysis: Analysis, reason: str, context: Context, decision: GateDecision | None = None, **detail: object
    ) -> JournalEntry:
        return JournalEntry(
            at=context.now(),
            kind=DECISION,
            reason=reason,
            commodity=analysis.commodity,
            analysis_id=analysis.id,
            detail={
                "analysis": analysis.model_dump(mode="json"),
                **({} if decision is None else {"gate": gate_detail(decision)}),
                **detail,
            },
        )


def gate_detail(decision: GateDecision) -> dict[str, object]:
    """The gate's decision in JSON's types, pillars by name."""
    detail = flat(decision)
    detail["pillars"] = {share.name: flat(share) for share in decision.pillars}
    return detail


def candidate_rows(selection: Selection, opinions: Sequence[AccountOpinion]) -> list[dict[str, object]]:
    """The table of candidates with the sizing of each."""
    sizings = {opinion.view.platform: opinion.sizing for opinion in opinions}
    rows = []
    for row in selection.candidates:
        sizing = sizings[row.platform]
        rows.append(
            {
                **flat(row),
                "eligible": row.eligible,
                "reason": None if row.ineligible is None else row.ineligible.value,
                "volume_lots": None if sizing is None else sizing.volume_lots,
                "sizing": None if sizing is None else sizing.as_detail(),
            }
        )
    return rows


def refusal_of(decision: GateDecision) -> str:
    """One word for the journal's counts."""
    first = decision.reasons[0]
    return next((word for word in ("veto", "confidence") if first.startswith(word)), "gate")


def refusal_of_all(selection: Selection) -> str:
    """The reason that all accounts share, or that they are ineligible for several."""
    reasons = {row.ineligible for row in selection.candidates if row.ineligible is not None}
    only = reasons.pop() if len(reasons) == 1 else None
    return only.value if isinstance(only, Ineligible) else "no eligible account"
