"""Rules that close a trade before its stop, its target and its time."""

from __future__ import annotations

from trading.exit_case import Case, EarlyClose
from trading.trade import CloseReason


def adverse_drift(case: Case) -> EarlyClose | None:
    """Close on a signal for the other side, where holding on is worth clearly less than closing.

    Without a drift that signals have been shown to foretell (`exits.drift_sigmas`) holding on is worth what closing is,
    and this rule is silent.
    """
    settings = case.settings.adverse_drift
    if not settings.enabled or case.drift_sigmas >= 0:
        return None
    before = case.as_it_stands()
    if before is None or before.expected_value >= -settings.least_loss_sigmas:
        return None
    why = f"a signal for the other side, and holding on is worth {before.expected_value:.3f} sigma"
    return EarlyClose(CloseReason.ADVERSE_DRIFT, why, before)


def signal_gone(case: Case) -> EarlyClose | None:
    """Close when nothing speaks for the trade's side any more and its target is as good as out of reach.

    Nothing speaks for it when neither the newest bar's opinion nor a signal in force would open a trade on its side. A
    trade without a target is measured by its probability of profit.
    """
    settings = case.settings.signal_gone
    if not settings.enabled or not has_gone(case):
        return None
    before = case.as_it_stands()
    if before is None:
        return None
    aim, chance = ("target", before.target) if case.trade.target_price is not None else ("profit", before.profit)
    if chance >= settings.least_probability:
        return None
    return EarlyClose(CloseReason.SIGNAL_GONE, f"the signal has gone, and P({aim}) is {chance:.1%}", before)


def has_gone(case: Case) -> bool:
    """Whether nothing speaks for the trade's side. What is not known has not gone."""
    if case.reading is None or case.reading.opinion is None:
        return False
    if case.signal is not None and case.signal.side is case.trade.side:
        return False
    side = case.trade.side
    return not any(candidate.side is side and candidate.passes for candidate in case.reading.opinion.candidates)
