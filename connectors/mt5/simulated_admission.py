"""Why a trade server refuses an order before anything is done about it: a return code of MetaTrader, or none.

Where more than one fits, the first of the table is given, which is the order in which a terminal and then a server
look:

===== ==================================================================================================
10013 another action than a deal; an unknown symbol; a position of another symbol, or of the same side
10035 another type than buy or sell, since there are no pending orders here
10016 a stop or a target, which this broker does not keep
10022 a life that is not until it is cancelled
10014 a volume that is none, below the least, above the most, or between two steps
10030 a filling that the symbol does not allow
10017 a symbol that is not traded; 10042, 10043, 10044: only bought, only sold, only closed
10018 nobody deals at the moment
10021 there is no price, or none to convert its profits with
10036 the position is gone (on a hedging account)
10038 more than the position has (on a hedging account)
10034 more would be held in one direction than the symbol's limit
10015 a price that is none (only where it is executed at the price asked for)
10004 the price has moved farther than the deviation (only there, too)
===== ==================================================================================================

That there is not enough money, 10019, is found by whoever deals.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from connectors import accounting
from connectors.account_book import Holding
from connectors.mt5 import facts
from connectors.mt5.simulated_account import SimulatedAccount
from connectors.mt5.simulated_terms import FOK, IOC, SymbolTerms
from connectors.mt5.simulated_truth import Request
from trading.market import Side

SIDES = {facts.ORDER_TYPE_BUY: Side.BUY, facts.ORDER_TYPE_SELL: Side.SELL}
BITS = {facts.ORDER_FILLING_FOK: FOK, facts.ORDER_FILLING_IOC: IOC}
AT_THE_PRICE_ASKED_FOR = (facts.SYMBOL_TRADE_EXECUTION_REQUEST, facts.SYMBOL_TRADE_EXECUTION_INSTANT)
ON_GRID = 1e-6  # points


def refusal(account: SimulatedAccount, request: Request) -> int | None:
    """The return code with which the order is refused; None where it is not."""
    if request.action != facts.TRADE_ACTION_DEAL or request.symbol not in account.symbols:
        return facts.TRADE_RETCODE_INVALID
    if request.type not in SIDES:
        return facts.TRADE_RETCODE_INVALID_ORDER
    if request.sl or request.tp:
        return facts.TRADE_RETCODE_INVALID_STOPS
    if request.type_time != facts.ORDER_TIME_GTC:
        return facts.TRADE_RETCODE_INVALID_EXPIRATION
    symbol, closed = account.symbols[request.symbol], closed_by(account, request)
    checks: tuple[Callable[[], int | None], ...] = (
        lambda: _of_volume(account, request, closed),
        lambda: None if is_filled_so(symbol, request.type_filling) else facts.TRADE_RETCODE_INVALID_FILL,
        lambda: _of_direction(symbol, SIDES[request.type], closed),
        lambda: None if account.market.is_open(request.symbol) else facts.TRADE_RETCODE_MARKET_CLOSED,
        lambda: None if account.can_value(request.symbol) else facts.TRADE_RETCODE_PRICE_OFF,
        lambda: _of_position(account, request, closed),
        lambda: _of_limit(account, request, closed),
        lambda: _of_price(account, request),
    )
    return next((code for check in checks if (code := check()) is not None), None)


def closed_by(account: SimulatedAccount, request: Request) -> Holding | None:
    """The position that an order closes, or a part of it: none where it opens or adds."""
    if account.terms.netting:
        held = account.book.holding_in(request.symbol)
        return None if held is None or held.side is SIDES[request.type] else held
    return account.book.holdings.get(request.position)


def is_filled_so(symbol: SymbolTerms, filling: int) -> bool:
    """Whether the symbol allows ORDER_FILLING_*; the rest of an order stays at work everywhere but at the market."""
    if filling == facts.ORDER_FILLING_RETURN:
        return symbol.execution != facts.SYMBOL_TRADE_EXECUTION_MARKET
    return bool(symbol.filling_mode & BITS.get(filling, 0))


def _of_volume(account: SimulatedAccount, request: Request, closed: Holding | None) -> int | None:
    if closed is not None and abs(request.volume - closed.volume_lots) <= accounting.SAME_VOLUME_LOTS:
        return None  # all that there is can be closed, whatever the steps are by now
    fault = accounting.volume_fault(account.instruments[request.symbol], request.volume)
    return None if fault is None else facts.TRADE_RETCODE_INVALID_VOLUME


def _of_direction(symbol: SymbolTerms, side: Side, closed: Holding | None) -> int | None:
    if symbol.trade_mode == facts.SYMBOL_TRADE_MODE_DISABLED:
        return facts.TRADE_RETCODE_TRADE_DISABLED
    if closed is not None or symbol.trade_mode == facts.SYMBOL_TRADE_MODE_FULL:
        return None
    if symbol.trade_mode == facts.SYMBOL_TRADE_MODE_LONGONLY:
        return None if side is Side.BUY else facts.TRADE_RETCODE_LONG_ONLY
    if symbol.trade_mode == facts.SYMBOL_TRADE_MODE_SHORTONLY:
        return None if side is Side.SELL else facts.TRADE_RETCODE_SHORT_ONLY
    return facts.TRADE_RETCODE_CLOSE_ONLY


def _of_position(account: SimulatedAccount, request: Request, closed: Holding | None) -> int | None:
    if account.terms.netting or not request.position:
        return None
    if closed is None:
        return facts.TRADE_RETCODE_POSITION_CLOSED
    if closed.commodity != request.symbol or closed.side is SIDES[request.type]:
        return facts.TRADE_RETCODE_INVALID
    if request.volume > closed.volume_lots + accounting.SAME_VOLUME_LOTS:
        return facts.TRADE_RETCODE_INVALID_CLOSE_VOLUME
    return None


def _of_limit(account: SimulatedAccount, request: Request, closed: Holding | None) -> int | None:
    limit = account.symbols[request.symbol].volume_limit_lots
    if not limit or (closed is not None and not account.terms.netting):
        return None
    side = SIDES[request.type]
    held = [holding for holding in account.book.holdings.values() if holding.commodity == request.symbol]
    lots = sum(holding.volume_lots for holding in held if holding.side is side) + request.volume
    if closed is not None:
        lots -= closed.volume_lots  # on a netting account the rest of a reversal counts
    return facts.TRADE_RETCODE_LIMIT_VOLUME if lots > limit + accounting.SAME_VOLUME_LOTS else None


def _of_price(account: SimulatedAccount, request: Request) -> int | None:
    if account.symbols[request.symbol].execution not in AT_THE_PRICE_ASKED_FOR:
        return None
    if not math.isfinite(request.price) or request.price <= 0:
        return facts.TRADE_RETCODE_INVALID_PRICE
    quote = account.quote(request.symbol)
    assert quote is not None, "there is a price, or the order was refused for want of one"
    moved = abs(quote.opening_price(SIDES[request.type]) - request.price) / account.instruments[request.symbol].point
    return facts.TRADE_RETCODE_REQUOTE if moved > request.deviation + ON_GRID else None
