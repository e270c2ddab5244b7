"""Which filling policies an order is tried with, in which order.

A symbol says by bits which of fill-or-kill and immediate-or-cancel it takes. An open would rather be whole, a close
would rather get something done. The third policy, *return*, leaves the rest of an order at work; it is the last resort,
and MetaTrader forbids it where execution is of the kind *market*. In the kinds *request* and *instant* fill-or-kill is
always taken, whatever the bits are. (MQL5 reference, "Symbol Properties", SYMBOL_FILLING_MODE.)
"""

from __future__ import annotations

FOK, IOC, RETURN = 0, 1, 2  # ORDER_FILLING_*
FOK_BIT, IOC_BIT = 1, 2  # SYMBOL_FILLING_*
REQUEST, INSTANT, MARKET = 0, 1, 2  # SYMBOL_TRADE_EXECUTION_*


def fillings(filling_mode: int, execution: int, *, closes: bool, worked: int | None) -> tuple[int, ...]:
    """ORDER_FILLING_* to try, the next one only after it was refused for itself.

    ``filling_mode``: the symbol's bits; ``execution``: SYMBOL_TRADE_EXECUTION_*; ``worked``: what the broker took the
    last time, which comes first. A symbol that claims to take none is tried with both that have a bit; so is, in the
    end, one in which something is to be closed at the market, for its bits may have changed since they were read.
    """
    allowed = set()
    if filling_mode & FOK_BIT or execution in (REQUEST, INSTANT):
        allowed.add(FOK)
    if filling_mode & IOC_BIT:
        allowed.add(IOC)
    if execution != MARKET:
        allowed.add(RETURN)
    preferred = (IOC, FOK, RETURN) if closes else (FOK, IOC, RETURN)
    chosen = [filling for filling in preferred if filling in (allowed or {FOK, IOC})]
    if closes and execution == MARKET:
        chosen += [filling for filling in (FOK, IOC) if filling not in chosen]
    if worked in chosen:
        chosen.remove(worked)
        chosen.insert(0, worked)
    return tuple(chosen)
