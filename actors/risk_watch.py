"""Noticing what an account's results forbid: a lost day, too many losses in a row, a drawdown that costs risk.

Each is judged again with every decision, by `actors.accounts`; here it is noticed between decisions, so that a lost day
stays lost when its trades recover, and everything is journalled and told once. Nothing here closes a trade.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from actors.accounts import floating_profits
from actors.desk import Desk
from actors.system.context import Context
from actors.track_record import DAILY_LOSS, DRAWDOWN, LOSSES_IN_A_ROW, RISK_DAY
from persistence.journal import DRAWDOWN_FORGIVEN
from trading.attention import EVERYTHING, NOTHING, Attention, Band
from trading.market import Account, Side, iso
from trading.standing import Results, least_fall, pause_end, verdict
from trading.trade import HELD, Trade

CAUTION = 0.5
"""Of the way to the next limit, after which everything is reckoned up again: the broker counts swaps, too."""


class RiskWatch:
    """One account's watch."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        risk = desk.settings.risk
        limits = (risk.daily_loss_fraction, risk.losses_in_a_row)
        self._has_rules = bool(risk.drawdown_tiers) or any(limit is not None for limit in limits)
        self._judged: Results | None = None  # the results that were reckoned up last
        self._balance = math.nan
        self._prices: dict[int, float] = {}  # at which each open trade would have been closed then
        self._room = 0.0  # by which the floating result could fall then
        self.safe_floating = math.inf
        """While the floating result, as the broker counts it, is above this, nothing can have been reached."""

    def attention(self) -> Attention:
        """What is to be looked at before the day ends. Nothing without a rule, and nothing without an open trade.

        For all open trades together to fall so far that a limit may be reached, one of them must fall by its share.
        """
        if not self._has_rules:
            return NOTHING
        desk = self._desk
        account = desk.account
        if account is None or self._is_new(account) or desk.external:
            return EVERYTHING
        if not desk.trades:
            return NOTHING
        bands = [self._band(trade, account, self._room / len(desk.trades)) for trade in desk.trades.values()]
        known = [band for band in bands if band is not None]
        return Attention(desk.record.day_ends, tuple(known)) if len(known) == len(bands) else EVERYTHING

    def look(self, context: Context) -> None:
        """Judge the account where anything that matters may have changed. Raises what the ledger raises."""
        record, account = self._desk.record, self._desk.account
        if account is None:
            return
        is_new_day = not record.is_day_begun or not record.day_begins <= context.now() < record.day_ends
        if not self._has_rules:
            if is_new_day:
                record.begin_day(context.now(), {})
            return
        if is_new_day:
            self._begin_day(context)
        elif (
            account.equity - account.balance > self.safe_floating
            and not self._is_new(account)
            and not self._desk.external  # what strangers win would hide what we lose
        ):
            return
        self._judge(account, context)

    def heed_pardon(self, context: Context) -> None:
        """Read the record again where a person has had the drawdown forgotten. Raises what the ledger raises."""
        record = self._desk.record
        if record.told_risk_factor < 1:
            forgiven_at = self._desk.ledger.journal.last_at(DRAWDOWN_FORGIVEN, self._desk.platform)
            if forgiven_at != record.forgiven_at:
                record.read(self._desk.ledger, self._desk.platform, context.now())

    def _is_new(self, account: Account) -> bool:
        """Whether anything but prices has changed since the account was judged last: trades, results, or money."""
        desk = self._desk
        if account.balance != self._balance or desk.record.standing.results is not self._judged:
            return True
        filled = sum(trade.entry_price is not None for trade in desk.trades.values())
        return filled != len(self._prices)

    def _band(self, trade: Trade, account: Account, share: float) -> Band | None:
        """The price at which a trade has lost so much since then; None where that takes more than its own price."""
        instrument, price = self._desk.instruments.get(trade.commodity), self._prices.get(trade.trade_id)
        if instrument is None or price is None or instrument.profit_currency != account.currency:
            return None
        limit = price - trade.side.sign * share / (trade.volume_lots * instrument.contract_size)
        if trade.side is Side.BUY:
            return Band(self._desk.platform, trade.commodity, trade.side, low=limit)
        return Band(self._desk.platform, trade.commodity, trade.side, high=limit)

    def _begin_day(self, context: Context) -> None:
        """Note what the trades stand at that are held over the day's beginning; the others began at nothing."""
        desk, snapshot = self._desk, self._desk.snapshot(context)
        record = desk.record
        if context.now() < record.day_begins:
            record.read(desk.ledger, desk.platform, context.now())  # the clock was set back into a day that is over
        record.begin_day(context.now(), {})
        over = [
            trade.trade_id
            for trade in snapshot.trades.values()
            if trade.state in HELD
            and trade.opened_at is not None
            and trade.opened_at < record.day_begins
            and trade.commodity in snapshot.quotes
        ]
        floating = floating_profits(snapshot, desk.market)
        if not over or floating is None or desk.settings.risk.daily_loss_fraction is None:
            return  # what has no price counts from its entry
        carried = {trade_id: floating[trade_id] for trade_id in over}
        record.begin_day(context.now(), carried)
        detail = {
            "said": f"since {iso(record.day_begins)}",
            "day_begins": record.day_begins,
            "floating": {str(key): value for key, value in carried.items()},
        }
        desk.write_line(desk.entry(RISK_DAY, "carried over", context, detail=detail))

    def _judge(self, account: Account, context: Context) -> None:
        desk = self._desk
        snapshot = desk.snapshot(context)
        floating = floating_profits(snapshot, desk.market)
        if floating is None or not math.isfinite(account.equity):
            return  # nothing is opened without it, and it is asked again
        self._tell_of_losses(context)
        if len(floating) < len(snapshot.trades):
            return  # a trade has no quote yet: opens reckon with the worst, but no day is lost by what was only feared
        standing, risk = desk.record.standing, desk.settings.risk
        self._judged, self._balance = standing.results, account.balance
        fall = least_fall(standing, floating, account.equity, risk)
        self._room = CAUTION * fall
        self.safe_floating = account.equity - account.balance - self._room
        self._prices = {
            trade.trade_id: snapshot.quotes[trade.commodity].closing_price(trade.side)
            for trade in snapshot.trades.values()
            if trade.entry_price is not None and trade.commodity in snapshot.quotes
        }
        found = verdict(standing, floating, account.equity, risk, context.now())
        if found.is_day_lost and standing.halted_until is None:
            self._lose_day(found.day_loss_fraction, standing.day_result(floating), context)
        self._tell_of_drawdown(found.drawdown_fraction, found.risk_factor, context)

    def _lose_day(self, fraction: float, result: float, context: Context) -> None:
        record = self._desk.record
        record.lose_day()
        limit = self._desk.settings.risk.daily_loss_fraction
        said = f"{-result:.2f} lost today, {fraction:.2%} of the equity; nothing is opened until {iso(record.day_ends)}"
        detail = {"result": result, "fraction": fraction, "limit": limit, "until": record.day_ends}
        self._tell(DAILY_LOSS, "no opens", said, detail, context)

    def _tell_of_losses(self, context: Context) -> None:
        record = self._desk.record
        until = pause_end(record.standing.results, self._desk.settings.risk)
        if until is None or until <= context.now() or until == record.told_pause_until:
            return
        record.told_pause_until = until
        losses = record.standing.results.losses_in_a_row
        said = f"{losses} losses in a row; nothing is opened until {iso(until)}"
        is_news = losses == self._desk.settings.risk.losses_in_a_row  # later ones of the row are in the journal alone
        detail = {"losses": losses, "until": until}
        self._tell(LOSSES_IN_A_ROW, "no opens", said, detail, context, is_news=is_news)

    def _tell_of_drawdown(self, fraction: float, factor: float, context: Context) -> None:
        """A change of the risk: for the worse at once, for the better only where no open trade could undo it.

        The journal has each; a person is told what is worse than ever since the peak, and when opens end or begin.
        """
        record = self._desk.record
        before = record.told_risk_factor
        if factor == before or (factor > before and self._desk.trades):
            return
        is_news = record.is_worse_than_told(factor) or 0 in (before, factor)
        record.told_risk_factor = factor
        allowed = f"{factor:.0%} of the usual risk" if factor > 0 else "nothing is opened"
        said = f"{fraction:.2%} below the peak of the results: {allowed}"
        detail = {"fraction": fraction, "factor_before": before, "factor_after": factor, **record.worst_told()}
        reason = "no opens" if factor == 0 else "less risk" if factor < before else "more risk"
        self._tell(DRAWDOWN, reason, said, detail, context, is_news=is_news)

    def _tell(
        self, kind: str, reason: str, said: str, detail: Mapping[str, object], context: Context, *, is_news: bool = True
    ) -> None:
        desk = self._desk
        desk.write_line(desk.entry(kind, reason, context, detail={"said": said, **detail}))
        if is_news:
            context.alert(kind, f"{desk.platform}: {said}")
