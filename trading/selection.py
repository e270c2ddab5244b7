"""Which account takes a trade, and the whole table that proves why.

Every enabled account gets one row: the first reason why it cannot take the trade, or what the trade would cost there.
The cheapest wins where it is cheaper by more than a threshold; among those within the threshold *of the cheapest* (of
the cheapest, because "nearly equal" does not carry over from one pair of accounts to the next) the one with most of its
own risk budget free; among those within a threshold of that, the one that was chosen longest ago for this commodity.
The order of the list decides nothing, and neither does the size of an account.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from trading.checks import require_positive
from trading.market import Instant, Instrument, Quote, Side, iso
from trading.quotes import unusable
from trading.records import flat

COST_MATERIALITY = 0.02  # of the stop distance
# Of the budget: more than rounding a volume down to a lot step leaves behind, far less than one trade's risk takes.
HEADROOM_MATERIALITY = 0.01
NOISE = 1e-9  # so that a difference of exactly the threshold does not hang on the last bit
NIGHT_SECONDS = 86_400


class Ineligible(StrEnum):
    """Why an account cannot take the trade, in the order in which it is asked."""

    REFUSED_IT = "refused it"
    NOT_CONNECTED = "not connected"
    NOT_ITS_COMMODITY = "not its commodity"
    PAUSED = "paused"
    MARKET_SHUT = "market shut"
    PRECLOSE_WINDOW = "inside the pre-close window"
    RESERVED = "reserved"
    OPEN_TRADE = "open trade"
    POSITION_OF_OTHERS = "position of others"
    COOLING_DOWN = "cooling down"
    DRAWDOWN = "drawdown"
    DAILY_LOSS = "daily loss"
    LOSSES_IN_A_ROW = "losses in a row"
    EXPOSURE_LIMIT = "exposure limit"
    GROUP_RISK = "group risk"
    NO_QUOTE = "no usable quote"
    SPREAD_TOO_WIDE = "spread too wide"
    VOLUME_BELOW_MINIMUM = "volume below the minimum"
    COST_UNKNOWN = "cost not known"


class DecidedBy(StrEnum):
    """What told the chosen account from the others."""

    COST = "cost"
    HEADROOM = "headroom"
    ROTATION = "rotation"
    ONLY = "only"  # no other account was eligible
    NONE = "none"  # none was


@dataclass(frozen=True, slots=True)
class AccountView:
    """What is known of one account at the moment of the decision. Money is in the account's own currency."""

    platform: str
    connected: bool
    trades_commodity: bool
    market_open: bool
    in_preclose_window: bool
    reserved: bool  # its reservation for this commodity is held
    has_active_trade: bool  # in this commodity
    merges_with_others: bool  # strangers hold a position in it, and the account has one for everybody
    cooling_down_until: Instant | None  # the first instant at which it may open again
    open_trades: int
    max_open_trades: int
    risk_budget: float  # what all its trades together may lose at their stops
    free_risk_budget: float
    quote: Quote | None
    max_spread_fraction: float  # of the stop distance
    volume_lots: float  # what sizing gives; 0 when below the minimum
    contract_value: float  # of a price difference of 1 on one lot: contract size x conversion rate
    commission_per_lot: float  # per side
    expected_swap_per_lot: float  # over the strategy's hold; negative is a charge
    last_chosen_at: Instant | None  # for *this commodity*; None: never
    drawdown_factor: float = 1.0  # of the usual risk; 0: its drawdown allows no trade
    is_day_lost: bool = False  # it has lost so much today that nothing more is opened until the day ends
    pausing_until: Instant | None = None  # the first instant after too many losses in a row at which it may open
    free_group_budget: float = math.inf  # what the trades of the commodity's group that bet this way may lose more
    has_refused: bool = False  # it was told to open on this very analysis, and nothing came of it
    is_paused: bool = False  # a person has paused it, the commodity, or the commodity on it


class Offer(NamedTuple):
    """What an eligible account has to show for itself."""

    platform: str
    cost: float  # in stop distances
    headroom: float  # 0 to 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One account's row of the table."""

    platform: str
    ineligible: Ineligible | None
    cost: float | None  # spread + commission + swap, in stop distances; None when ineligible
    headroom: float | None  # the free part of its own risk budget, 0 to 1; None when ineligible
    spread: float | None  # in price units; None without a quote
    last_chosen_at: Instant | None

    @property
    def eligible(self) -> bool:
        """True when the account could take the trade."""
        return self.ineligible is None


@dataclass(frozen=True, slots=True)
class Selection:
    """The decision with all its rows, by platform name."""

    chosen: str | None
    decided_by: DecidedBy
    candidates: tuple[Candidate, ...]

    @property
    def summary(self) -> str:
        """The decision in one clause: the account and what decided, or how many were ineligible for which reason."""
        if self.chosen is not None:
            return f"{self.chosen} by {self.decided_by}"
        counts = Counter(row.ineligible for row in self.candidates if row.ineligible is not None)
        reasons = ", ".join(f"{counts[reason]} x {reason}" for reason in Ineligible if counts[reason])
        return f"no account is eligible: {reasons}" if reasons else "there is no account to choose from"

    def log_line(self) -> str:
        """The decision and every row, on one line."""
        return "; ".join([self.summary, *(_row_words(row) for row in self.candidates)])

    def as_detail(self) -> dict[str, object]:
        """The whole table for the journal, in JSON's types."""
        rows = [{**flat(row), "eligible": row.eligible} for row in self.candidates]
        return {"chosen": self.chosen, "decided_by": self.decided_by.value, "summary": self.summary, "accounts": rows}


def choose(
    views: Iterable[AccountView],
    *,
    now: Instant,
    stop_distance: float,
    quote_max_age_seconds: float,
    may_be_negative: bool = False,
) -> Selection:
    """The account that takes a trade whose stop lies ``stop_distance`` (price units) away, or none.

    Raises ``ValueError`` for a stop distance that is not above zero, and for two views of one account.
    """
    require_positive(stop_distance=stop_distance)
    ordered = sorted(views, key=lambda view: view.platform)
    for one, other in pairwise(ordered):
        if one.platform == other.platform:
            raise ValueError(f"platform {one.platform!r} appears twice; expected one view of each account")
    rows = tuple(
        _candidate(view, now, stop_distance, quote_max_age_seconds, may_be_negative=may_be_negative) for view in ordered
    )
    offers = [
        Offer(row.platform, row.cost, row.headroom) for row in rows if row.cost is not None and row.headroom is not None
    ]
    if not offers:
        return Selection(None, DecidedBy.NONE, rows)
    cheap = nearly_cheapest(offers)
    equal = nearly_roomiest(cheap)
    chosen = min((row for row in rows if row.platform in {offer.platform for offer in equal}), key=_turn)
    if len(offers) == 1:
        return Selection(chosen.platform, DecidedBy.ONLY, rows)
    if len(cheap) == 1:
        return Selection(chosen.platform, DecidedBy.COST, rows)
    return Selection(chosen.platform, DecidedBy.HEADROOM if len(equal) == 1 else DecidedBy.ROTATION, rows)


def nearly_cheapest(offers: Sequence[Offer]) -> list[Offer]:
    """Those that cost no more than the cheapest by a material difference. Raises ``ValueError`` for no offers."""
    dearest = min(offer.cost for offer in offers) + COST_MATERIALITY + NOISE
    return [offer for offer in offers if offer.cost <= dearest]


def nearly_roomiest(offers: Sequence[Offer]) -> list[Offer]:
    """Those with no less headroom than the roomiest by a material difference. Raises ``ValueError`` for no offers."""
    least = max(offer.headroom for offer in offers) - HEADROOM_MATERIALITY - NOISE
    return [offer for offer in offers if offer.headroom >= least]


def expected_swap_per_lot(instrument: Instrument, side: Side, hold_seconds: float) -> float:
    """Swap of one lot held for ``hold_seconds``, in account currency; negative is a charge.

    One swap per 24 hours of hold: brokers charge three on one weekday to make up for the weekend, so that seven nights
    of the calendar are seven swaps.
    """
    per_night = instrument.swap_long_per_lot if side is Side.BUY else instrument.swap_short_per_lot
    return per_night * hold_seconds / NIGHT_SECONDS


def _candidate(
    view: AccountView, now: Instant, stop_distance: float, max_age_seconds: float, *, may_be_negative: bool
) -> Candidate:
    usable = view.quote
    if usable is not None and unusable(usable, now, max_age_seconds, may_be_negative=may_be_negative) is not None:
        usable = None
    ineligible = _ineligible(view, usable, now, stop_distance)
    cost = headroom = None
    if ineligible is None and usable is not None:
        cost = _cost(view, usable, stop_distance)
        headroom = min(1.0, view.free_risk_budget / view.risk_budget)
    return Candidate(
        platform=view.platform,
        ineligible=ineligible,
        cost=cost,
        headroom=headroom,
        spread=None if usable is None else usable.spread,
        last_chosen_at=view.last_chosen_at,
    )


def _ineligible(view: AccountView, quote: Quote | None, now: Instant, stop_distance: float) -> Ineligible | None:
    """The first reason that holds. Comparisons are the way round that lets no NaN through."""
    cooling_down = view.cooling_down_until is not None and now < view.cooling_down_until
    pausing = view.pausing_until is not None and now < view.pausing_until
    has_budget = view.risk_budget > 0 and view.free_risk_budget > 0
    checks = (
        (view.has_refused, Ineligible.REFUSED_IT),
        (not view.connected, Ineligible.NOT_CONNECTED),
        (not view.trades_commodity, Ineligible.NOT_ITS_COMMODITY),
        (view.is_paused, Ineligible.PAUSED),
        (not view.market_open, Ineligible.MARKET_SHUT),
        (view.in_preclose_window, Ineligible.PRECLOSE_WINDOW),
        (view.reserved, Ineligible.RESERVED),
        (view.has_active_trade, Ineligible.OPEN_TRADE),
        (view.merges_with_others, Ineligible.POSITION_OF_OTHERS),
        (cooling_down, Ineligible.COOLING_DOWN),
        (not view.drawdown_factor > 0, Ineligible.DRAWDOWN),
        (view.is_day_lost, Ineligible.DAILY_LOSS),
        (pausing, Ineligible.LOSSES_IN_A_ROW),
        (view.open_trades >= view.max_open_trades or not has_budget, Ineligible.EXPOSURE_LIMIT),
        (not view.free_group_budget > 0, Ineligible.GROUP_RISK),
    )
    for holds, reason in checks:
        if holds:
            return reason
    if quote is None:
        return Ineligible.NO_QUOTE
    if not quote.spread <= view.max_spread_fraction * stop_distance:
        return Ineligible.SPREAD_TOO_WIDE
    if not view.volume_lots > 0:
        return Ineligible.VOLUME_BELOW_MINIMUM
    if not (view.contract_value > 0 and math.isfinite(_cost(view, quote, stop_distance))):
        return Ineligible.COST_UNKNOWN
    return None


def _cost(view: AccountView, quote: Quote, stop_distance: float) -> float:
    money_per_lot = 2 * view.commission_per_lot - view.expected_swap_per_lot
    return (quote.spread + money_per_lot / view.contract_value) / stop_distance


def _turn(row: Candidate) -> tuple[float, str]:
    """The longer ago, the smaller. The name only tells accounts apart that were never chosen, or at one instant."""
    return (-math.inf if row.last_chosen_at is None else row.last_chosen_at, row.platform)


def _row_words(row: Candidate) -> str:
    if row.cost is None or row.headroom is None:
        return f"{row.platform}: {row.ineligible}"
    chosen = "never chosen" if row.last_chosen_at is None else f"last chosen {iso(row.last_chosen_at)}"
    return f"{row.platform}: cost {row.cost:.4f}, headroom {row.headroom:.4f}, {chosen}"
