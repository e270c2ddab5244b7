"""What is known of an account, as the choice between accounts and the sizing need it.

The TraderActor makes it from the snapshot that a PlatformActor pushed; the PlatformActor makes it again, from what it
knows itself, right before it acts. Both use this one function, so they can only differ where the world has changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.messages import AccountSnapshot
from connectors.accounting import Conversion, conversion
from trading.analysis import Analysis
from trading.closings import in_preclose_window, minutes_before
from trading.commodities import Commodity
from trading.groups import direction, free_group_budget
from trading.market import Instant
from trading.selection import AccountView, expected_swap_per_lot
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.sizing import Sizing, free_risk_budget, risk_budget, risk_to_stop, size, volatility_factor
from trading.standing import NOTHING_LOST, Verdict, floating_profit, verdict
from trading.timetable import Timetable
from trading.trade import TradePlan, TradeState


@dataclass(frozen=True, slots=True)
class AccountOpinion:
    """The view on one account, and the sizing that went into it (None where there was nothing to size with)."""

    view: AccountView
    sizing: Sizing | None


@dataclass(frozen=True, slots=True)
class Market:
    """What both sides of a decision share: the settings, the catalogue, and when each commodity trades."""

    settings: Settings
    commodities: Mapping[str, Commodity]
    times: Timetable
    _ways: dict[tuple[str, str, frozenset[str]], Conversion | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def conversion(self, currency: str, account_currency: str, quoted: frozenset[str]) -> Conversion | None:
        """How these commodities' prices turn one currency into another, looked for once; None: they do not."""
        wanted = currency, account_currency, quoted
        if wanted not in self._ways:
            known = {name: self.commodities[name] for name in quoted}
            self._ways[wanted] = conversion(currency, account_currency, known)
        return self._ways[wanted]


def account_opinion(
    account: AccountSettings,
    snapshot: AccountSnapshot | None,
    analysis: Analysis,
    plan: TradePlan,
    market: Market,
    *,
    now: Instant,
    reserved: bool = False,
    last_chosen_at: Instant | None = None,
    has_refused: bool = False,
) -> AccountOpinion:
    """The view on ``account`` for this analysis; without a snapshot it is not connected, and nothing else is known."""
    commodity = analysis.commodity
    open_now, before_close = _hours_now(account, commodity, market, now)
    facts = _facts(snapshot, analysis, plan, market, account, now) if snapshot is not None else Facts()
    view = AccountView(
        platform=account.name,
        connected=snapshot is not None and snapshot.ready and snapshot.unaccounted == 0,
        # A symbol of the settings that the broker does not have, or not with all of its terms, is as good as none.
        trades_commodity=commodity in account.symbols and (snapshot is None or commodity in snapshot.instruments),
        market_open=open_now,
        in_preclose_window=before_close,
        reserved=reserved,
        has_active_trade=snapshot is not None and commodity in snapshot.trades,
        merges_with_others=snapshot is not None
        and snapshot.netting
        and any(position.commodity == commodity for position in snapshot.external),
        cooling_down_until=None if snapshot is None else snapshot.cooldown_until.get(commodity),
        # A stranger's position takes a place, too. Its risk has no stop to be priced by: its loss so far is in the
        # equity, and what it ties up in the free margin, as the broker counts them.
        open_trades=0 if snapshot is None else len(snapshot.trades) + len(snapshot.external),
        max_open_trades=account.limits.max_open_trades,
        risk_budget=facts.risk_budget,
        free_risk_budget=facts.free_risk_budget,
        quote=None if snapshot is None else snapshot.quotes.get(commodity),
        max_spread_fraction=account.limits.max_spread_fraction,
        volume_lots=0.0 if facts.sizing is None else facts.sizing.volume_lots,
        contract_value=facts.contract_value,
        commission_per_lot=facts.commission_per_lot,
        expected_swap_per_lot=facts.expected_swap_per_lot,
        last_chosen_at=last_chosen_at,
        drawdown_factor=facts.verdict.risk_factor,
        is_day_lost=facts.verdict.is_day_lost,
        pausing_until=facts.verdict.paused_until,
        free_group_budget=facts.free_group_budget,
        has_refused=has_refused,
        is_paused=snapshot is not None and commodity in snapshot.paused,
    )
    return AccountOpinion(view, facts.sizing)


def _hours_now(account: AccountSettings, commodity: str, market: Market, now: Instant) -> tuple[bool, bool]:
    """Whether the commodity's market is open on this account, and whether its day is about to end there."""
    if commodity not in market.times:
        return False, False
    times = market.times.of(account.name, commodity)
    if not times.is_open(now):
        return False, False
    minutes = minutes_before(market.settings, times, account.name, commodity)
    return True, in_preclose_window(times, minutes, now)


@dataclass(frozen=True, slots=True)
class Facts:
    """What follows from an account's money, results and terms. The defaults make an account ineligible."""

    risk_budget: float = 0.0
    free_risk_budget: float = 0.0
    free_group_budget: float = math.inf
    contract_value: float = 0.0
    commission_per_lot: float = 0.0
    expected_swap_per_lot: float = 0.0
    verdict: Verdict = NOTHING_LOST
    sizing: Sizing | None = None


def _facts(
    snapshot: AccountSnapshot,
    analysis: Analysis,
    plan: TradePlan,
    market: Market,
    account: AccountSettings,
    now: Instant,
) -> Facts:
    instrument = snapshot.instruments.get(analysis.commodity)
    quote = snapshot.quotes.get(analysis.commodity)
    if snapshot.account is None or instrument is None or quote is None:
        return Facts()
    equity = snapshot.account.equity
    if not (math.isfinite(equity) and math.isfinite(snapshot.account.margin_used)):
        return Facts()
    rate = conversion_rate(snapshot, analysis.commodity, market)
    risks = risks_to_stop(snapshot, market)
    floating = floating_at_worst(snapshot, market)
    if rate is None or risks is None or floating is None:
        return Facts()  # a risk that cannot be priced leaves no budget that could be called free
    risk = market.settings.risk
    found = verdict(snapshot.standing, floating, equity, risk, now)
    fraction = market.settings.portfolio_risk_fraction(account.name)
    free = free_risk_budget(equity, fraction, risks.values())
    group_budget = _free_group_budget(snapshot, analysis, risks, market)
    sizing = size(
        equity=equity,
        free_risk_budget=free,
        free_group_budget=group_budget,
        stop_distance=plan.stop_distance,
        instrument=instrument,
        conversion_rate=rate,
        risk=risk,
        volatility_factor=volatility_factor(_relative_volatility(analysis), risk),
        drawdown_factor=found.risk_factor,
        free_margin=snapshot.account.margin_free,
        price=quote.opening_price(analysis.side),
    )
    return Facts(
        risk_budget=risk_budget(equity, fraction),
        free_risk_budget=free,
        free_group_budget=math.inf if group_budget is None else group_budget,
        contract_value=instrument.contract_size * rate,
        commission_per_lot=instrument.commission_per_lot,
        expected_swap_per_lot=expected_swap_per_lot(instrument, analysis.side, plan.longest_hold_seconds),
        verdict=found,
        sizing=sizing,
    )


def _free_group_budget(
    snapshot: AccountSnapshot, analysis: Analysis, risks: Mapping[str, float], market: Market
) -> float | None:
    """What the trades of the commodity's group that bet the same way may lose more; None: there is no such cap."""
    fraction = market.settings.risk.group_risk_fraction
    if fraction is None or snapshot.account is None:
        return None
    commodity = market.commodities[analysis.commodity]
    of_group = [
        (direction(other, trade.side), risks[name])
        for name, trade in snapshot.trades.items()
        if (other := market.commodities[name]).group == commodity.group
    ]
    return free_group_budget(snapshot.account.equity, fraction, of_group, direction(commodity, analysis.side))


def _relative_volatility(analysis: Analysis) -> float | None:
    """The ranges of the last hours over their usual ones, where the analysis says so."""
    return analysis.pillars.volatility.readings.get("relative_volatility")


def risks_to_stop(snapshot: AccountSnapshot, market: Market) -> dict[str, float] | None:
    """What each open trade loses at its stop, by commodity, in account currency; None where one has no price."""
    risks, rates = {}, Rates(snapshot, market)
    for name, trade in snapshot.trades.items():
        instrument, rate = snapshot.instruments.get(name), rates.of(name)
        if instrument is None or rate is None:
            return None
        risks[name] = risk_to_stop(trade, instrument, rate)
    return risks


def floating_profits(snapshot: AccountSnapshot, market: Market) -> dict[int, float] | None:
    """What closing each open trade now would bring, by trade, in account currency; None where one has no rate.

    One without a quote yet, as after a start while its market is shut, is left out.
    """
    found, rates = {}, Rates(snapshot, market)
    for name, trade in snapshot.trades.items():
        instrument, rate = snapshot.instruments.get(name), rates.of(name)
        if instrument is None or rate is None:
            return None
        quote = snapshot.quotes.get(name)
        if quote is not None:
            found[trade.trade_id] = floating_profit(trade, instrument, rate, quote)
    return found


def floating_at_worst(snapshot: AccountSnapshot, market: Market) -> dict[int, float] | None:
    """The same for all trades, as an open has to reckon: what is not known is lost to the stop.

    That is a trade without a quote, and one that is being closed: it may be gone, at a price that nobody has told us.
    """
    floating, risks = floating_profits(snapshot, market), risks_to_stop(snapshot, market)
    if floating is None or risks is None:
        return None
    for name, trade in snapshot.trades.items():
        if trade.trade_id not in floating or trade.state is TradeState.CLOSING:
            floating[trade.trade_id] = min(-risks[name], floating.get(trade.trade_id, 0.0))
    return floating


def conversion_rate(snapshot: AccountSnapshot, commodity: str, market: Market) -> float | None:
    """Account currency for one unit of what the broker pays profits in, by the account's own quotes."""
    return Rates(snapshot, market).of(commodity)


class Rates:
    """What `conversion_rate` answers for many commodities of one snapshot; each currency is converted once."""

    def __init__(self, snapshot: AccountSnapshot, market: Market) -> None:
        self._snapshot = snapshot
        self._market = market
        self._known: dict[str, float | None] = {}  # by currency

    def of(self, commodity: str) -> float | None:
        """As `conversion_rate`."""
        snapshot = self._snapshot
        instrument = snapshot.instruments.get(commodity)
        if snapshot.account is None or instrument is None:
            return None
        currency = instrument.profit_currency
        if currency not in self._known:
            self._known[currency] = self._to(currency, snapshot.account.currency)
        return self._known[currency]

    def _to(self, currency: str, account_currency: str) -> float | None:
        if currency == account_currency:
            return 1.0
        quotes = self._snapshot.quotes
        way = self._market.conversion(currency, account_currency, frozenset(quotes))
        return None if way is None else way.rate(lambda name: quotes[name].mid)
