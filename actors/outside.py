"""Whether an analysis from outside is taken: who signed it, what of, how old it is, and that it comes but once.

The gate and everything after it are the same for all analyses; here is only what an author in this process need not
prove.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection

from actors.own_readings import OwnReadings
from feeds.errors import AnalysisRefused
from feeds.signed_analyses import KeyOf, opened
from persistence.errors import JobFired
from persistence.ledger import Ledger
from trading.analysis import Analysis
from trading.market import SECOND, Instant, iso
from trading.settings import Settings

FUTURE_TOLERANCE_SECONDS = 5.0  # an analysis made elsewhere, by a clock that runs a little ahead


def proved(text: str, key_of: KeyOf, settings: Settings, now: Instant) -> Analysis:
    """The analysis in a signed text, if its author may say that, and says it in time. Raises `AnalysisRefused`."""
    analysis = opened(text, key_of)
    name = analysis.made_by
    source = settings.analyses.source(name)
    if source is None:
        raise AnalysisRefused("source", f"analyses has no enabled source {name!r}", name)
    if source.commodities and analysis.commodity not in source.commodities:
        expected = ", ".join(source.commodities)
        raise AnalysisRefused("commodity", f"{name} speaks of {analysis.commodity}; expected {expected}", name)
    if not any(account.enabled and analysis.commodity in account.symbols for account in settings.accounts):
        raise AnalysisRefused("commodity", f"no enabled account trades {analysis.commodity}", name)
    age_seconds = (now - analysis.made_at) / SECOND
    if age_seconds > settings.analysis_max_age_seconds:
        most = f"expected at most {settings.analysis_max_age_seconds:g} s"
        raise AnalysisRefused("stale", f"made at {iso(analysis.made_at)}, {age_seconds:.0f} s ago; {most}", name)
    if age_seconds < -FUTURE_TOLERANCE_SECONDS:
        raise AnalysisRefused("from the future", f"made at {iso(analysis.made_at)}, and it is {iso(now)}", name)
    return analysis


def judged(text: str, key_of: KeyOf, own: OwnReadings, settings: Settings, now: Instant) -> Analysis | None:
    """The same, held against the program's own readings; None where nothing could be decided on it yet.

    Raises `AnalysisRefused`. Its id is not used up by that.
    """
    analysis = proved(text, key_of, settings, now)
    if own.lacks(analysis.commodity, now, settings.quote_max_age_seconds):
        return None
    doubt = own.doubts(analysis)
    if doubt is not None:
        raise AnalysisRefused("volatility", doubt, analysis.made_by)
    return analysis


def use_up(analysis: Analysis, crew: str, ledger: Ledger, now: Instant) -> None:
    """Use up the id of an analysis, before anybody hears of it.

    Should the process die right after, nothing is decided on it, and its author has to make another one; it is never
    decided on twice. Raises `AnalysisRefused` where it was used before, and ``LedgerUnavailable``.
    """
    try:
        ledger.schedule.fire(use_of(crew, analysis.id), now)
    except JobFired:
        raise AnalysisRefused("seen", f"the id {analysis.id} was used before", analysis.made_by) from None


def claim_use(connection: Connection, analysis: Analysis, crew: str, ledger: Ledger, now: Instant) -> None:
    """The same, as a part of the caller's transaction. Raises ``JobFired`` where it was used before."""
    ledger.schedule.claim(connection, use_of(crew, analysis.id), now)


def use_of(crew: str, analysis_id: str) -> str:
    """The key that an id uses up, in the table of what happens at most once. Ids are longer than its keys may be."""
    return f"analysis:{crew}:{hashlib.sha256(analysis_id.encode()).hexdigest()}"
