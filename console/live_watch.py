"""Takes the live view's snapshots from the running system: from the observer, the ledger, and the recording."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import RenderableType

from actors.accounts import Market
from actors.messages import AccountSnapshot
from actors.system.errors import ActorError
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import System
from console.live_figures import AccountFigures, Figures, TradeFigures
from console.live_view import AccountLine, LiveSnapshot, TradeLine, render
from console.observer import OBSERVER, Look
from console.replay_figures import refusals
from console.running import Running
from console.sentences import event_line, is_told_twice
from console.venue import Venue
from persistence.errors import LedgerError
from persistence.journal import VALUATION
from persistence.ledger import Ledger
from trading.market import SECOND, Instant
from trading.trade import Trade, TradeState

ASK_SECONDS = 0.5
EVENTS = 60
FRAMES_PER_COUNT = 20


@dataclass(slots=True)
class LiveWatch:
    """Renders the newest moment; what cannot be had in time stays as it was in the moment before."""

    system: System
    runtime: ThreadedRuntime
    ledger: Ledger
    market: Market
    venue: Venue
    running: Running
    last: LiveSnapshot | None = None
    refused: int = 0
    frames: int = 0

    def render(self) -> RenderableType:
        """The view of now. Called by the screen's own thread."""
        try:
            self.last = self._take()
        except (ActorError, LedgerError) as error:
            if self.last is None:
                return f"waiting for the actors: {error}"
        return render(self.last)

    def _take(self) -> LiveSnapshot:
        seen: dict[str, AccountSnapshot] = self.system.ask(OBSERVER, Look(), ASK_SECONDS)
        now = self.runtime.now()
        tally = self.ledger.trades.tally()
        position, length = self.venue.progress(now)
        figures = Figures(self.market, self.venue)
        found = {name: figures.account(snapshot, now) for name, snapshot in seen.items()}
        held = [trade for snapshot in seen.values() for trade in snapshot.trades.values()]
        # A valuation comes with every bar of every trade, and would hide what was decided.
        lines = [line for line in self.ledger.journal.list(without=VALUATION, limit=EVENTS) if not is_told_twice(line)]
        digits = {name: commodity.digits for name, commodity in self.market.commodities.items()}
        return LiveSnapshot(
            market_time=now,
            speed=self.venue.speed,
            feed=self.venue.source,
            position=position,
            length=length,
            market_open=figures.is_any_open(now),
            leads=True,
            leader=f"this process leads crew {self.market.settings.crew}",
            opened=tally.opened,
            closed=tally.states.get(TradeState.CLOSED, 0),
            refused=self._refused(),
            realised_profit=tally.realised_profit,
            accounts=[self._account(seen[name], found[name]) for name in sorted(seen)],
            trades=[
                self._trade(trade, found[trade.platform].trades[trade.trade_id], now)
                for trade in sorted(held, key=lambda t: t.trade_id)
            ],
            events=[event_line(line, digits.get(line.commodity or "")) for line in reversed(lines)],
            console_url=self.running.console_url,
        )

    def _refused(self) -> int:
        """Counted over the whole journal, so not for every frame."""
        if self.frames % FRAMES_PER_COUNT == 0:
            self.refused = sum(refusals(self.ledger).values())
        self.frames += 1
        return self.refused

    def _account(self, snapshot: AccountSnapshot, figures: AccountFigures) -> AccountLine:
        account = snapshot.account
        return AccountLine(
            platform=snapshot.platform,
            currency="" if account is None else account.currency,
            balance=None if account is None else account.balance,
            equity=None if account is None else account.equity,
            open_risk=figures.open_risk,
            ready=snapshot.ready,
            reason=snapshot.reason,
            paused=sorted(snapshot.paused),
        )

    def _trade(self, trade: Trade, figures: TradeFigures, now: Instant) -> TradeLine:
        return TradeLine(
            trade_id=trade.trade_id,
            platform=trade.platform,
            commodity=trade.commodity,
            side=trade.side,
            volume_lots=trade.volume_lots,
            strategy=trade.strategy.value,
            state=trade.state.value,
            digits=self.market.commodities[trade.commodity].digits,
            entry_price=trade.entry_price,
            price=figures.price,
            stop_price=trade.stop_price,
            target_price=trade.target_price,
            profit=figures.profit,
            closes_in_seconds=(figures.closes_at - now) / SECOND,
        )
