"""Moving the stop to where the trade would lose nothing."""

from __future__ import annotations

import math

from trading.exit_case import Case, Change


def break_even(case: Case) -> Change | None:
    """Put the stop at break-even once the price is far enough from it, in sigmas of the remaining time.

    Nearer than that the stop would be hit by mere noise. The change must cost no expected value; it does lower the
    probability of profit, and says so: what it buys is that the trade cannot lose any more.
    """
    settings, sign = case.settings.break_even, case.sign
    stop = case.break_even
    if not settings.enabled or stop <= 0 or sign * (stop - case.stop_price) < case.rules.point or not case.is_ready:
        return None
    away = sign * math.log(case.closing / stop)
    if away <= 0 or away < settings.least_sigmas * case.sigma:
        return None
    if sign * (case.closing - stop) < case.least_distance:
        return None
    before, after = case.as_it_stands(), case.with_levels(stop, case.trade.target_price)
    if before is None or after is None or not case.keeps_value(before, after):
        return None
    why = f"the price is {away / case.sigma:.2f} sigma beyond break-even"
    return Change("break_even", why, stop, case.trade.target_price, before, after)
