"""What `/metrics` shows of the accounts, their markets and their open positions: while this process leads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from actors.accounts import floating_profits, risks_to_stop
from actors.messages import AccountSnapshot, WatchAges
from actors.names import MONITOR
from console.live_figures import Figures
from console.observer import OBSERVER, Look
from console.running import Moment
from console.web.metric_samples import Samples
from trading.market import SECOND, Instant
from trading.trade import TradeState

ASK_SECONDS = 0.25

Snapshots: TypeAlias = Mapping[str, AccountSnapshot]


class Positions:
    """Which account and commodity each trade is on, as far as it was ever said."""

    def __init__(self) -> None:
        self._slots: dict[int, tuple[str, str]] = {}

    def learn(self, snapshots: Snapshots) -> None:
        """Take in the open trades of now, and forget all others."""
        trades = (trade for snapshot in snapshots.values() for trade in snapshot.trades.values())
        self._slots = {trade.trade_id: (trade.platform, trade.commodity) for trade in trades}

    def slot(self, trade_id: int) -> tuple[str, str]:
        """Account and commodity; empty where nobody said it: the age beside them must be seen all the same."""
        return self._slots.get(trade_id, ("", ""))


def snapshots_of(moment: Moment) -> Snapshots:
    """The newest of each account. Raises `ActorError`."""
    found: Snapshots = moment.system.ask(OBSERVER, Look(), ASK_SECONDS)
    return found


def of_watching(moment: Moment, snapshots: Snapshots, positions: Positions, samples: Samples) -> None:
    """The age of each open position's last check; since it was opened, of one that the monitor has never heard of.

    Raises `ActorError`.
    """
    ages: dict[int, float] = {**never_watched(moment, snapshots)}
    ages |= moment.system.ask(MONITOR, WatchAges(), ASK_SECONDS)
    for trade_id, age in ages.items():
        samples.add("watchbill_position_watch_age_seconds", age, *positions.slot(trade_id), str(trade_id))


def never_watched(moment: Moment, snapshots: Snapshots) -> dict[int, float]:
    """Seconds since each trade was opened whose market is open: what holds unless the monitor says better."""
    now, figures = moment.runtime.now(), Figures(moment.market, moment.venue)
    return {
        trade.trade_id: max(0, now - trade.opened_at) / SECOND
        for snapshot in snapshots.values()
        for trade in snapshot.trades.values()
        if trade.state is TradeState.OPEN
        and trade.opened_at is not None
        and figures.is_open(trade.platform, trade.commodity, now)
    }


def of_accounts(moment: Moment, snapshots: Snapshots, samples: Samples) -> None:
    """Of each account as its actor saw it last."""
    now = moment.runtime.now()
    for snapshot in snapshots.values():
        _of_account(snapshot, moment, now, samples)


def _of_account(snapshot: AccountSnapshot, moment: Moment, now: Instant, samples: Samples) -> None:
    name, account = snapshot.platform, snapshot.account
    samples.add("watchbill_account_ready", snapshot.ready, name)
    samples.add("watchbill_account_external_positions", len(snapshot.external), name)
    samples.add("watchbill_account_unaccounted_positions", snapshot.unaccounted, name)
    figures = Figures(moment.market, moment.venue)
    for commodity in moment.market.settings.account(name).symbols:
        samples.add("watchbill_market_open", figures.is_open(name, commodity, now), name, commodity)
        quote = snapshot.quotes.get(commodity)
        if quote is not None:
            samples.add("watchbill_quote_age_seconds", max(0, now - quote.time) / SECOND, name, commodity)
    if account is None:
        return
    samples.add("watchbill_account_equity", account.equity, name, account.currency)
    samples.add("watchbill_account_balance", account.balance, name, account.currency)
    samples.add("watchbill_account_margin_used", account.margin_used, name, account.currency)
    risks = risks_to_stop(snapshot, moment.market)
    if risks is not None:
        samples.add("watchbill_account_open_risk", math.fsum(risks.values()), name, account.currency)
    floating = floating_profits(snapshot, moment.market)
    if floating is not None:
        drawdown = snapshot.standing.drawdown_fraction(floating, account.equity)
        samples.add("watchbill_account_drawdown_ratio", drawdown, name)
