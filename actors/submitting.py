"""An analysis that comes as a command: proved, held against the program's own readings, and handed to the trader, once.

The request and the use of the analysis's id are one transaction, and only then is the trader told. Should the process
die in between, the analysis is gone, as one of the inbox would be: whoever looks next sees whether anything was decided
on it, and says that nothing was once it is too old for anybody to open on.
"""

from __future__ import annotations

from dataclasses import replace

from actors.commands import Outcome, SubmitAnalysis
from actors.obeying import Refused, line_of, new_request, outcome_of, repeated, require_lead
from actors.outside import claim_use, judged
from actors.own_readings import OwnReadings
from actors.system.context import Context
from feeds.errors import AnalysisRefused
from feeds.signed_analyses import KeyOf
from persistence.errors import JobFired
from persistence.journal import DECISION
from persistence.ledger import Ledger
from persistence.requests import Request
from persistence.reservations import Fence
from persistence.tables import RequestState
from trading.analysis import Analysis
from trading.market import SECOND
from trading.settings import Settings

SUBMIT_ANALYSIS = "submit_analysis"
DECISIONS_LOOKED_AT = 500  # of a commodity, the newest


def proved_analysis(
    command: SubmitAnalysis, key_of: KeyOf | None, own: OwnReadings, settings: Settings, context: Context
) -> Analysis:
    """The analysis, if something can be decided on it now. Raises `Refused`; nothing is used up by that."""
    if key_of is None:
        raise Refused("source", "the settings name no source of analyses")
    try:
        analysis = judged(command.text, key_of, own, settings, context.now())
    except AnalysisRefused as error:
        raise Refused(error.reason, str(error)) from error
    except Exception as fault:  # no text of a stranger may end this actor: nothing was written or told yet
        context.alert("submission", f"an analysis met a defect: {type(fault).__name__}: {fault}")
        raise Refused("defect", f"{type(fault).__name__}: {fault}") from fault
    if analysis is None:
        raise Refused("not_ready", "nothing can be decided on this commodity yet; ask again, under another request_id")
    return analysis


def request_for(command: SubmitAnalysis, analysis: Analysis, context: Context) -> Request:
    """What is written down of it."""
    request = new_request(command, context.now())
    about = {"analysis_id": analysis.id, "commodity": analysis.commodity, "source": analysis.made_by}
    said = f"the analysis {analysis.id} of {analysis.commodity} by {analysis.made_by} is handed to the trader"
    return replace(request, said=said, detail={**request.detail, **about})


def begin_submission(
    command: SubmitAnalysis,
    request: Request,
    analysis: Analysis,
    settings: Settings,
    lead: Fence,
    ledger: Ledger,
    context: Context,
) -> Outcome | None:
    """Commit the request, and use up the analysis's id; an answer where another process was asked the same just now.

    ``lead``: the lease of the crew that decides on it. Raises `Refused` where the id of the analysis was used before,
    or where another process leads by now, and ``LedgerUnavailable``.
    """
    try:
        with ledger.writing() as connection:
            require_lead(ledger, connection, lead)
            if not ledger.requests.begin(connection, request, line_of(request, "begun", context.now())):
                known = ledger.requests.known(connection, request.request_id)
                return outcome_of(request) if known is None else repeated(known, command)
            claim_use(connection, analysis, settings.crew, ledger, context.now())
    except JobFired:
        raise Refused("seen", f"the analysis id {analysis.id} was used before") from None
    return None


def settle_submission(request: Request, state: RequestState, said: str, ledger: Ledger, context: Context) -> Request:
    """Write what came of it. Raises ``LedgerUnavailable``."""
    became = replace(request, state=state, said=said)
    line = line_of(became, state.value, context.now())
    ledger.requests.settle(request.request_id, state, said, request.detail, context.now(), line)
    return became


def resolve_submission(request: Request, settings: Settings, ledger: Ledger, context: Context) -> bool:
    """Say what came of one of which that was not written; False while it cannot be known yet."""
    analysis_id, commodity = request.detail["analysis_id"], request.detail["commodity"]
    lines = ledger.journal.list(kind=DECISION, commodity=commodity, limit=DECISIONS_LOOKED_AT)
    if ledger.trades.knows_analysis(analysis_id) or any(line.analysis_id == analysis_id for line in lines):
        settle_submission(request, RequestState.DONE, request.said, ledger, context)
        return True
    if context.now() - request.at <= settings.analysis_max_age_seconds * SECOND:
        return False  # it may be on its way to the trader
    said = f"nothing was decided on the analysis {analysis_id}, and it is too old by now; make another one"
    settle_submission(request, RequestState.REFUSED, said, ledger, context)
    return True
