"""What a trade server shows, as records with the package's own fields: plain functions of what they show."""

from __future__ import annotations

import math
from typing import Any

from connectors import accounting
from connectors.back_office import BY_HAND, BY_PROGRAM, CORRECTION, STOP_OUT
from connectors.mt5 import facts
from connectors.mt5.layouts import STRUCTURES, fields_of
from connectors.mt5.simulated_clock import ServerClock
from connectors.mt5.simulated_orders import BrokerOrder
from connectors.mt5.simulated_terms import MARKET_ORDERS_ONLY, AccountTerms, Identity, SymbolTerms
from connectors.mt5.trade_server import Record
from trading.market import SECOND, Account, Deal, Entry, Instant, Instrument, Position, Quote, Side

EMPTY: dict[str, dict[str, Any]] = {
    name: {field: kind() for field, kind in fields_of(layout).items()} for name, (_, layout) in STRUCTURES.items()
}
"""A record of each structure, with nothing in it."""

REASONS = {BY_HAND: facts.DEAL_REASON_CLIENT, BY_PROGRAM: facts.DEAL_REASON_EXPERT, STOP_OUT: facts.DEAL_REASON_SO}
ENTRIES = {
    Entry.IN: facts.DEAL_ENTRY_IN,
    Entry.OUT: facts.DEAL_ENTRY_OUT,
    Entry.IN_OUT: facts.DEAL_ENTRY_INOUT,
}
TYPES = {Side.BUY: facts.ORDER_TYPE_BUY, Side.SELL: facts.ORDER_TYPE_SELL}  # the same for positions and deals
BUILD = 5200
BOTH_PRICES = facts.TICK_FLAG_BID | facts.TICK_FLAG_ASK
MARGIN_LEVEL_WITHOUT_MARGIN = 0.0
TEXTS = {
    facts.TRADE_RETCODE_PLACED: "Order placed",
    facts.TRADE_RETCODE_DONE: "Request executed",
    facts.TRADE_RETCODE_DONE_PARTIAL: "Request executed partially",
    facts.TRADE_RETCODE_INVALID_FILL: "Unsupported filling mode",
    facts.TRADE_RETCODE_CLIENT_DISABLES_AT: "AutoTrading disabled by client",
}


def terminal(company: str, *, connected: bool, trade_allowed: bool, tradeapi_disabled: bool) -> Record:
    """TerminalInfo."""
    return EMPTY["TerminalInfo"] | {
        "connected": connected,
        "trade_allowed": trade_allowed,
        "tradeapi_disabled": tradeapi_disabled,
        "build": BUILD,
        "maxbars": 100_000,
        "ping_last": 20_000,
        "company": company,
        "name": "Simulated MetaTrader 5",
        "language": "English",
        "path": "memory",
    }


def account_info(terms: AccountTerms, identity: Identity, figures: Account, *, trade_expert: bool = True) -> Record:
    """AccountInfo. ``identity``: whose account it is; ``trade_expert``: whether its broker lets programs trade."""
    level = figures.equity / figures.margin_used * 100 if figures.margin_used else MARGIN_LEVEL_WITHOUT_MARGIN
    return EMPTY["AccountInfo"] | {
        "login": identity.login,
        "trade_mode": identity.trade_mode,
        "leverage": round(terms.paper.leverage),
        "limit_orders": 200,
        "margin_so_mode": facts.ACCOUNT_STOPOUT_MODE_PERCENT,
        "trade_allowed": not identity.is_investor,
        "trade_expert": trade_expert,
        "margin_mode": terms.margin_mode,
        "currency_digits": 2,
        "balance": figures.balance,
        "profit": accounting.cents(figures.equity - figures.balance),
        "equity": figures.equity,
        "margin": figures.margin_used,
        "margin_free": accounting.cents(figures.margin_free),
        "margin_level": level,
        "margin_so_call": terms.margin_call_percent,
        "margin_so_so": terms.stop_out_percent,
        "name": "Simulated Account",
        "server": identity.server,
        "currency": figures.currency,
        "company": terms.company,
    }


def tick(quote: Quote | None, clock: ServerClock) -> Record:
    """Tick; all zero before the first."""
    if quote is None:
        return EMPTY["Tick"]
    return EMPTY["Tick"] | {
        "time": clock.seconds(quote.time),
        "time_msc": clock.milliseconds(quote.time),
        "bid": quote.bid,
        "ask": quote.ask,
        "flags": BOTH_PRICES,
    }


def symbol_info(
    symbol: SymbolTerms,
    terms: Instrument,
    quote: Quote | None,
    clock: ServerClock,
    *,
    rate: float,
    is_selected: bool = True,
) -> Record:
    """SymbolInfo. ``rate``: account currency for one unit of the profit currency; 0 where that is not known now."""
    base = symbol.commodity.base_currency or terms.profit_currency  # of what is no currency, as brokers write it
    of_a_tick = terms.contract_size * terms.point * rate
    has_swap = bool(terms.swap_long_per_lot or terms.swap_short_per_lot)
    shown = quote if is_selected else None
    bid, ask, seconds = (0.0, 0.0, 0) if shown is None else (shown.bid, shown.ask, clock.seconds(shown.time))
    in_currency, no_swap = facts.SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT, facts.SYMBOL_SWAP_MODE_DISABLED
    return EMPTY["SymbolInfo"] | {
        "name": terms.symbol,
        "description": f"{symbol.commodity.base_currency or symbol.commodity.id} vs {symbol.commodity.profit_currency}",
        "path": f"{symbol.commodity.asset_class}\\{terms.symbol}",
        "currency_base": base,
        "currency_profit": terms.profit_currency,
        "currency_margin": base,
        "select": is_selected,
        "visible": is_selected,
        "digits": terms.digits,
        "point": terms.point,
        "spread": 0 if shown is None else round(shown.spread / terms.point),
        "spread_float": True,
        "time": seconds,
        "bid": bid,
        "ask": ask,
        "trade_tick_size": terms.point,
        "trade_tick_value": of_a_tick,
        "trade_tick_value_profit": of_a_tick,
        "trade_tick_value_loss": of_a_tick,
        "trade_contract_size": terms.contract_size,
        "trade_calc_mode": facts.SYMBOL_CALC_MODE_CFDLEVERAGE,
        "trade_mode": symbol.trade_mode,
        "trade_exemode": symbol.execution,
        "filling_mode": symbol.filling_mode,
        "expiration_mode": 1,  # until it is cancelled, and no other life
        "order_mode": MARKET_ORDERS_ONLY,
        "volume_min": terms.volume_min_lots,
        "volume_max": terms.volume_max_lots,
        "volume_step": terms.volume_step_lots,
        "volume_limit": symbol.volume_limit_lots,
        "swap_mode": in_currency if has_swap else no_swap,
        "swap_long": terms.swap_long_per_lot,
        "swap_short": terms.swap_short_per_lot,
        "swap_rollover3days": facts.DAY_OF_WEEK_WEDNESDAY,
        "margin_hedged": terms.contract_size,
    }


def position(
    held: Position, symbol: str, quote: Quote | None, clock: ServerClock, *, updated: Instant, reason: str = BY_PROGRAM
) -> Record:
    """TradePosition. ``updated``: when a deal last changed it; ``reason``: a word of the back office."""
    return EMPTY["TradePosition"] | {
        "ticket": held.ticket,
        "time": clock.seconds(held.open_time),
        "time_msc": clock.milliseconds(held.open_time),
        "time_update": clock.seconds(updated),
        "time_update_msc": clock.milliseconds(updated),
        "type": TYPES[held.side],
        "magic": held.magic,
        "identifier": held.position_id,
        "reason": REASONS.get(reason, facts.POSITION_REASON_CLIENT),
        "volume": held.volume_lots,
        "price_open": held.open_price,
        "price_current": 0.0 if quote is None else quote.closing_price(held.side),
        "swap": held.swap,
        "profit": held.profit,
        "symbol": symbol,
        "comment": held.comment,
    }


def order(kept: BrokerOrder, quote: Quote | None, clock: ServerClock) -> Record:
    """TradeOrder. ``quote``: of now, or None."""
    done = 0 if kept.done is None else clock.milliseconds(kept.done)
    is_stop_out = kept.reason == STOP_OUT
    return EMPTY["TradeOrder"] | {
        "ticket": kept.ticket,
        "time_setup": clock.seconds(kept.placed),
        "time_setup_msc": clock.milliseconds(kept.placed),
        "time_done": done // SECOND,
        "time_done_msc": done,
        "type": TYPES[kept.side],
        "type_time": facts.ORDER_TIME_GTC,
        "type_filling": kept.filling,
        "state": kept.state,
        "magic": kept.magic,
        "position_id": kept.position_id,
        "reason": facts.ORDER_REASON_SO if is_stop_out else REASONS.get(kept.reason, facts.ORDER_REASON_CLIENT),
        "volume_initial": kept.volume_lots,
        "volume_current": max(0.0, kept.left_lots),
        "price_open": kept.price if math.isfinite(kept.price) else 0.0,
        "price_current": 0.0 if quote is None else quote.opening_price(kept.side),
        "symbol": kept.symbol,
        "comment": kept.comment,
    }


def deal(made: Deal, symbol: str, clock: ServerClock, *, order: int, comment: str = "") -> Record:
    """TradeDeal. ``order``: the ticket of the order that it belongs to."""
    return EMPTY["TradeDeal"] | {
        "ticket": made.deal,
        "order": order,
        "time": clock.seconds(made.time),
        "time_msc": clock.milliseconds(made.time),
        "type": facts.DEAL_TYPE_CORRECTION if made.reason == CORRECTION else TYPES[made.side],
        "entry": ENTRIES[made.entry],
        "magic": made.magic,
        "position_id": made.position_id,
        "reason": REASONS.get(made.reason, facts.DEAL_REASON_CLIENT),
        "volume": made.volume_lots,
        "price": made.price,
        "commission": made.commission,
        "swap": made.swap,
        "profit": made.profit,
        "fee": made.fee,
        "symbol": symbol,
        "comment": comment,
    }


def deposit(ticket: int, amount: float, at: Instant, clock: ServerClock) -> Record:
    """TradeDeal of an opening balance, the first of every history."""
    return EMPTY["TradeDeal"] | {
        "ticket": ticket,
        "time": clock.seconds(at),
        "time_msc": clock.milliseconds(at),
        "type": facts.DEAL_TYPE_BALANCE,
        "profit": accounting.cents(amount),
        "comment": "Initial deposit",
    }


def send_result(
    code: int,
    quote: Quote | None,
    *,
    order: int = 0,
    deal: int = 0,
    volume_lots: float = 0.0,
    price: float = 0.0,
    request_id: int = 0,
) -> Record:
    """OrderSendResult without `request`. ``quote``: of now, or None."""
    return {
        "retcode": code,
        "deal": deal,
        "order": order,
        "volume": volume_lots,
        "price": price,
        "bid": 0.0 if quote is None else quote.bid,
        "ask": 0.0 if quote is None else quote.ask,
        "comment": text_of(code),
        "request_id": request_id,
        "retcode_external": 0,
    }


def check_result(code: int, account: Record) -> Record:
    """OrderCheckResult without `request`. ``account``: a record of AccountInfo; a code of 0 says that all is well."""
    names = ("balance", "equity", "profit", "margin", "margin_free", "margin_level")
    return {"retcode": code, **{name: account[name] for name in names}, "comment": text_of(code) if code else "Done"}


def text_of(code: int) -> str:
    """What a trade server says with a return code; nothing with 0."""
    text = TEXTS.get(code)
    return facts.RETURN_CODES.get(code, "").replace("_", " ").capitalize() if text is None else text
