"""How an account has done so far, and what that says about its next trade: drawdown, the day's loss, losses in a row.

All of it follows from the account's closed trades in the ledger, in the order of their closing, and from what its open
trades would bring now. Paying in or out is neither a profit nor a loss here, and whatever else goes on in the account
is not ours. So a process that was killed knows as much after its restart as it did before.

    drawdown        = highest realised result so far - (realised result + floating result), never below 0
    its fraction    = drawdown / (equity + drawdown)
    the day's loss  = -(realised today + floating now - floating when the day began), never below 0
    its fraction    = the day's loss / (equity + the day's loss)

The divisors are what the equity would be without the loss: at the peak, and when the day began. The peak is one of
*realised* results, for those alone are on record; a floating profit that came and went was never anybody's. A day ends
at 17:00 New York, as that of the calendars does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from trading.fx_day import FX_CHANGE_MINUTE, FX_ZONE
from trading.market import SECOND, Instant, Instrument, Quote, instant, iso, moment
from trading.settings_risk import DrawdownTier, Risk
from trading.trade import Trade

DAY_ZONE = ZoneInfo(FX_ZONE)
DAY_END_HOUR = FX_CHANGE_MINUTE // 60


@dataclass(frozen=True, slots=True, order=True)
class ClosedTrade:
    """What one trade brought. They are in order of closing, and of their numbers where they closed at one instant."""

    closed_at: Instant
    trade_id: int
    profit: float = field(compare=False)  # net, in account currency


@dataclass(frozen=True, slots=True)
class Results:
    """The closed trades of an account, added up in their order."""

    realised: float = 0.0  # account currency
    peak: float = 0.0  # the highest that ``realised`` ever was; it began at 0
    losses_in_a_row: int = 0  # the newest trades, back to the last one without a loss
    last: ClosedTrade | None = None  # the newest of them

    def including(self, closed: ClosedTrade, forgiven_at: Instant | None = None) -> Results:
        """With one more trade, closed after all the others. Raises ``ValueError`` where it was not.

        What closed up to ``forgiven_at`` counts for the losses in a row, and for no drawdown.
        """
        if self.last is not None and not closed > self.last:
            raise ValueError(
                f"trade {closed.trade_id}, closed at {iso(closed.closed_at)}, does not come after "
                f"trade {self.last.trade_id}, closed at {iso(self.last.closed_at)}"
            )
        losses = self.losses_in_a_row + 1 if closed.profit < 0 else 0
        if forgiven_at is not None and closed.closed_at <= forgiven_at:
            return Results(losses_in_a_row=losses, last=closed)
        realised = self.realised + closed.profit
        return Results(realised, max(self.peak, realised), losses, closed)


def results_of(closed: Iterable[ClosedTrade], forgiven_at: Instant | None = None) -> Results:
    """All of them added up, oldest first; ``forgiven_at`` as in `Results.including`."""
    results = Results()
    for trade in closed:
        results = results.including(trade, forgiven_at)
    return results


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account has done: its results in all, and those of the day."""

    results: Results = Results()
    realised_today: float = 0.0  # by today's closings, each less what its trade stood at when the day began
    carried: Mapping[int, float] = field(default_factory=dict)  # what open trades stood at then, by trade
    halted_until: Instant | None = None  # the day's loss was too large; None: it was not

    def day_result(self, floating: Mapping[int, float]) -> float:
        """Realised and floating since the day began; ``floating``: what each open trade would bring now."""
        moved = (now - self.carried.get(trade_id, 0.0) for trade_id, now in floating.items())
        return math.fsum((self.realised_today, *moved))

    def day_loss_fraction(self, floating: Mapping[int, float], equity: float) -> float:
        """The day's loss as a fraction of what the equity was when the day began."""
        return lost_fraction(-self.day_result(floating), equity)

    def drawdown_fraction(self, floating: Mapping[int, float], equity: float) -> float:
        """How far the results stand below their peak, as a fraction of the equity that there would be at the peak."""
        results = self.results
        return lost_fraction(results.peak - results.realised - math.fsum(floating.values()), equity)


NOTHING_CLOSED = Standing()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an account's standing allows."""

    drawdown_fraction: float
    risk_factor: float  # of the usual risk; 0: the drawdown allows nothing
    day_loss_fraction: float
    is_day_lost: bool  # nothing more is opened until the day ends
    paused_until: Instant | None  # after too many losses in a row; None: they were not too many, or it is over


NOTHING_LOST = Verdict(0.0, 1.0, 0.0, is_day_lost=False, paused_until=None)


def verdict(standing: Standing, floating: Mapping[int, float], equity: float, risk: Risk, now: Instant) -> Verdict:
    """What the standing allows at this moment. ``floating`` as in `Standing.day_result`, ``equity`` as the broker says.

    Once a day was lost it stays lost, whatever its open trades come to.
    """
    drawdown = standing.drawdown_fraction(floating, equity)
    day_loss = standing.day_loss_fraction(floating, equity)
    is_lost = risk.daily_loss_fraction is not None and (
        day_loss >= risk.daily_loss_fraction or (standing.halted_until is not None and now < standing.halted_until)
    )
    until = pause_end(standing.results, risk)
    return Verdict(
        drawdown_fraction=drawdown,
        risk_factor=risk_factor(risk.drawdown_tiers, drawdown),
        day_loss_fraction=day_loss,
        is_day_lost=is_lost,
        paused_until=until if until is not None and now < until else None,
    )


def least_fall(standing: Standing, floating: Mapping[int, float], equity: float, risk: Risk) -> float:
    """How far the floating result may fall, all else equal, before the day is lost or a deeper tier is reached.

    In account currency, above 0; infinity where there is nothing left to reach. With f the limit, a further loss d
    takes d from the equity, too: (loss + d) / (equity - d + loss + d) = f gives d = f (equity + loss) - loss.
    """
    day_loss = -standing.day_result(floating)
    drawdown = standing.results.peak - standing.results.realised - math.fsum(floating.values())
    falls = [tier.drawdown_fraction * (equity + drawdown) - drawdown for tier in risk.drawdown_tiers]
    if risk.daily_loss_fraction is not None:
        falls.append(risk.daily_loss_fraction * (equity + day_loss) - day_loss)
    return min((fall for fall in falls if fall > 0), default=math.inf)


def lost_fraction(loss: float, equity: float) -> float:
    """What was lost (account currency) as a fraction of the equity without that loss, 0 to 1; no loss is 0.

    1 where there would have been no equity at all: there is nothing left to trade with.
    """
    if not loss > 0:
        return 0.0
    before = equity + loss
    return min(1.0, loss / before) if before > 0 else 1.0


def risk_factor(tiers: Sequence[DrawdownTier], drawdown_fraction: float) -> float:
    """That of the deepest tier that was reached; 1 where none was. ``tiers`` from the shallowest on."""
    reached = list(takewhile(lambda tier: tier.drawdown_fraction <= drawdown_fraction, tiers))
    return reached[-1].risk_factor if reached else 1.0


def pause_end(results: Results, risk: Risk) -> Instant | None:
    """Until when nothing is opened after too many losses in a row; None where they were not too many.

    While the row goes on, every further loss pauses again. Results without a loss end the row.
    """
    if risk.losses_in_a_row is None or results.last is None or results.losses_in_a_row < risk.losses_in_a_row:
        return None
    return results.last.closed_at + round(risk.losses_pause_seconds * SECOND)


def floating_profit(trade: Trade, instrument: Instrument, conversion_rate: float, quote: Quote) -> float:
    """What closing the trade at this quote would bring, in account currency, with the commission of both sides.

    Swaps are not in it: the broker books them, and they are in the profit once the trade is closed. 0 before the fill.
    """
    if trade.entry_price is None:
        return 0.0
    moved = trade.side.sign * (quote.closing_price(trade.side) - trade.entry_price)
    per_lot = moved * instrument.contract_size * conversion_rate - 2 * instrument.commission_per_lot
    return per_lot * trade.volume_lots


def account_day(now: Instant) -> tuple[Instant, Instant]:
    """The trading day of an account that ``now`` belongs to, from its beginning up to but not including its end."""
    local = moment(now).astimezone(DAY_ZONE)
    end = local.replace(hour=DAY_END_HOUR, minute=0, second=0, microsecond=0, fold=0)
    if local.hour >= DAY_END_HOUR:
        end += timedelta(days=1)  # on the wall clock: 17:00 stays 17:00 over a change of the clocks
    return instant(end - timedelta(days=1)), instant(end)
