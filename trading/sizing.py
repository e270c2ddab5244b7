"""How large a trade is: by what it loses at its stop, cut by every limit, rounded down and never up.

    loss of one lot at the stop = stop distance x contract size x conversion rate + commission of both sides
    volume wanted               = risk per trade x equity / loss of one lot

First the risk itself is cut, where the market moves more than it usually does and where the account is in a drawdown;
then the volume, by what its group, its portfolio and its margin have left, by the largest order and the lot step.

The arithmetic is decimal and exact, on the numbers as they are written: one per cent of 10,000 over a loss of 1,000 a
lot is 0.10 lots, and not the 0.09 that binary fractions may leave of it. A volume below the broker's minimum is no
trade.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from functools import lru_cache

from trading.checks import require_finite, require_fractions, require_not_negative, require_positive
from trading.market import Instrument
from trading.settings_risk import Risk
from trading.trade import Trade

# Wide enough for products of a few doubles to be exact; what a division leaves over is cut off, never rounded up.
EXACT = Context(prec=60, rounding=ROUND_FLOOR)


@dataclass(frozen=True, slots=True)
class Cut:
    """One limit that made the volume smaller."""

    limit: str  # "volatility", "drawdown", "group risk", "portfolio risk", "free margin", "maximum volume", "lot step"
    from_lots: float
    to_lots: float


@dataclass(frozen=True, slots=True)
class Sizing:
    """A volume and how it came about."""

    volume_lots: float  # 0 when there is no trade
    risk_amount: float  # what that volume loses at its stop, with commission, in account currency
    wanted_lots: float  # by risk per trade alone
    cuts: tuple[Cut, ...]  # in the order in which they were applied
    refusal: str | None  # why there is no trade

    def as_detail(self) -> dict[str, object]:
        """The same for the journal, in JSON's types."""
        return {
            "volume_lots": self.volume_lots,
            "risk_amount": self.risk_amount,
            "wanted_lots": self.wanted_lots,
            "cuts": [{"limit": cut.limit, "from_lots": cut.from_lots, "to_lots": cut.to_lots} for cut in self.cuts],
            "refusal": self.refusal,
        }


def size(
    *,
    equity: float,
    free_risk_budget: float,
    stop_distance: float,
    instrument: Instrument,
    conversion_rate: float,
    risk: Risk,
    free_margin: float,
    price: float,
    free_group_budget: float | None = None,
    volatility_factor: float = 1.0,
    drawdown_factor: float = 1.0,
) -> Sizing:
    """The volume that risks ``risk.risk_per_trade_fraction`` of ``equity`` at the stop, cut by every limit.

    ``equity``, ``free_risk_budget`` (see `free_risk_budget`), ``free_group_budget`` (see there; None: groups have no
    cap) and ``free_margin`` are in account currency, ``stop_distance`` and ``price`` in price units,
    ``conversion_rate`` in account currency per unit of the instrument's profit currency. The factors, 0 to 1, are what
    is left of the usual risk in this market (see `volatility_factor`) and after these results (see ``risk_factor``).
    The margin must carry the position down to its stop, so a lot takes its loss there beside its own margin. Raises
    ``ValueError`` naming an argument that is not finite, or not in its range.
    """
    factors = {"volatility": volatility_factor, "drawdown": drawdown_factor}
    require_fractions(**{f"{name}_factor": factor for name, factor in factors.items()})
    if free_group_budget is not None:
        require_finite(free_group_budget=free_group_budget)
    require_finite(equity=equity, free_risk_budget=free_risk_budget, free_margin=free_margin, price=price)
    require_positive(
        stop_distance=stop_distance,
        conversion_rate=conversion_rate,
        contract_size=instrument.contract_size,
        leverage=instrument.leverage,
        volume_step_lots=instrument.volume_step_lots,
    )
    require_not_negative(commission_per_lot=instrument.commission_per_lot)
    with localcontext(EXACT):
        loss_per_lot = _loss_per_lot(stop_distance, instrument, conversion_rate)
        margin_per_lot = abs(_exact(price)) * _exact(instrument.contract_size) * _exact(conversion_rate)
        margin_per_lot /= _exact(instrument.leverage)
        wanted = max(Decimal(0), _exact(risk.risk_per_trade_fraction) * _exact(equity) / loss_per_lot)
        limits: list[tuple[str, Decimal]] = []
        scaled = wanted
        for name, factor in factors.items():
            scaled *= _exact(factor)
            limits.append((name, scaled))
        if free_group_budget is not None:
            limits.append(("group risk", _exact(free_group_budget) / loss_per_lot))
        limits += (
            ("portfolio risk", _exact(free_risk_budget) / loss_per_lot),
            ("free margin", _exact(free_margin) / (margin_per_lot + loss_per_lot)),
            ("maximum volume", _exact(instrument.volume_max_lots)),
        )
        volume, cuts = wanted, []
        for name, allowed in limits:
            if allowed < volume:
                reduced = max(Decimal(0), allowed)
                cuts.append(Cut(name, float(volume), float(reduced)))
                volume = reduced
        step = _exact(instrument.volume_step_lots)
        whole_steps = (volume / step).to_integral_value() * step
        if whole_steps < volume:
            cuts.append(Cut("lot step", float(volume), float(whole_steps)))
        if whole_steps < _exact(instrument.volume_min_lots) or whole_steps == 0:
            return Sizing(0.0, 0.0, float(wanted), tuple(cuts), _why_none(instrument, volume, cuts))
        return Sizing(float(whole_steps), float(whole_steps * loss_per_lot), float(wanted), tuple(cuts), None)


def volatility_factor(relative_volatility: float | None, risk: Risk) -> float:
    """What is left of the usual risk where ranges are ``relative_volatility`` times what they usually are.

        factor = max(volatility_cut_least, min(1, volatility_cut_from / relative_volatility))

    The stop's distance goes by the volatility of the last twenty days, so that a quiet and a lively commodity risk the
    same at their stops. This goes by how much the last hours differ from that commodity's own usual ones: what is
    beyond is the chance that the price jumps over the stop, which no distance takes account of. 1 where the cut is
    switched off, and where nothing is known of the volatility (None, or not a number).
    """
    if risk.volatility_cut_from is None or relative_volatility is None or not relative_volatility > 0:
        return 1.0
    return max(risk.volatility_cut_least, min(1.0, risk.volatility_cut_from / relative_volatility))


def risk_to_stop(trade: Trade, instrument: Instrument, conversion_rate: float) -> float:
    """What the trade loses against its entry if its stop is hit, with commission: account currency, never below 0.

    Before the fill the price expected of it stands for the entry. A stop that has been trailed past the entry by more
    than the commission leaves nothing at risk.
    """
    require_positive(conversion_rate=conversion_rate)
    entry = trade.expected_price if trade.entry_price is None else trade.entry_price
    distance = trade.side.sign * (entry - trade.stop_price)
    per_lot = distance * instrument.contract_size * conversion_rate + 2 * instrument.commission_per_lot
    return max(0.0, per_lot * trade.volume_lots)


def risk_budget(equity: float, portfolio_risk_fraction: float) -> float:
    """What all open trades of an account together may lose at their stops, in account currency."""
    return max(0.0, equity * portfolio_risk_fraction)


def free_risk_budget(equity: float, portfolio_risk_fraction: float, risks: Iterable[float]) -> float:
    """The part of `risk_budget` that the trades in being (each by its `risk_to_stop`) have not taken, never below 0."""
    return max(0.0, risk_budget(equity, portfolio_risk_fraction) - math.fsum(risks))


def _loss_per_lot(stop_distance: float, instrument: Instrument, conversion_rate: float) -> Decimal:
    moved = _exact(stop_distance) * _exact(instrument.contract_size) * _exact(conversion_rate)
    return moved + 2 * _exact(instrument.commission_per_lot)


def _why_none(instrument: Instrument, volume: Decimal, cuts: list[Cut]) -> str:
    limited_by = [cut.limit for cut in cuts if cut.limit != "lot step"]
    return (
        f"{float(volume):.6g} lots by {limited_by[-1] if limited_by else 'risk per trade'}, "
        f"below the minimum of {instrument.volume_min_lots:g}"
    )


@lru_cache(maxsize=1_000)  # most of them are terms and settings, which come again and again
def _exact(number: float) -> Decimal:
    """The shortest decimal that names this double, which is the number as a person wrote it."""
    return Decimal(repr(float(number)))
