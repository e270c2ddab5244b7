"""Routes of the commands: each is a message to the OperatorActor, and answers with what came of it.

Nothing is done here. What a command names is looked up first, so that a wrong name is told at once, with its field; a
halt and a closing of everything say what they concern until they are confirmed.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError

from actors.commands import (
    CloseAll,
    CloseTrade,
    Command,
    CommandState,
    ForgiveDrawdown,
    Halt,
    Lift,
    Outcome,
    PauseOpening,
    ResetCrashLoop,
    ResumeOpening,
    SubmitAnalysis,
)
from console.api.asked import commodity_id, documented
from console.api.errands import Errands, nobody
from console.api.models_commands import (
    REQUEST_ID,
    AskedAnalysis,
    AskedClose,
    AskedCloseAll,
    AskedForgiveness,
    AskedHalt,
    AskedLift,
    AskedPause,
    AskedReset,
    AskedResume,
    NobodyProblem,
    NotConfirmedProblem,
    OutcomeAnswer,
    RefusedProblem,
)
from console.api.problems import ProblemError, invalid
from console.api.window import Window
from console.modes import held_trades, position_in_words
from console.records import time_text
from console.web.callers import Access, Caller, caller_of
from feeds.signed_analyses import LONGEST_TEXT
from trading.trade import Trade

JSON, SIGNED = "application/json", "application/jose"
MOST_ANALYSES, WINDOW_SECONDS = 60, 60.0  # of those who may only hand them in
DIGITS_OF_A_DIGEST = 48  # of the id of a request that has none of its own

UNRESOLVED = {"description": "It was begun; what came of it is being found out.", "model": OutcomeAnswer}
REFUSED = {"description": "Refused: nothing was done.", "model": RefusedProblem}
NOT_CONFIRMED = {
    "description": "Refused, or not confirmed: `positions` then names what it concerns. Nothing was done.",
    "model": RefusedProblem | NotConfirmedProblem,
}
NOBODY = {"description": "Nobody here can do it now.", "model": NobodyProblem}


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/commands", tags=["commands"])
    desk = Desk(window)
    _add_modes(routes, desk)
    _add_closings(routes, desk)
    _add_others(routes, desk)
    return routes


class Desk:
    """Where commands are handed in."""

    def __init__(self, window: Window) -> None:
        """One for all routes: they share the threads on which an actor is asked."""
        self._window = window
        self._errands = Errands(window)
        self._analyses: deque[float] = deque(maxlen=MOST_ANALYSES)  # when the newest were handed in

    async def done(self, command: Command, response: Response) -> OutcomeAnswer:
        """What came of it, with the status that says so. Raises `ProblemError`."""
        outcome = await self._errands.run(command)
        self._window.overviews.outdate()
        answer = outcome_answer(outcome)
        if outcome.state is CommandState.REFUSED:
            raise refused(answer)
        response.status_code = 200 if outcome.state is CommandState.DONE else 202
        return answer

    async def known(self, request_id: str) -> OutcomeAnswer:
        """What came of an earlier one. Raises `ProblemError`."""
        return outcome_answer(await self._errands.outcome_of(request_id))

    def require_seldom(self, caller: Caller) -> None:
        """Raises `ProblemError` where those who may only hand in analyses do it too often: each is written down."""
        if caller.access is not Access.SIGNAL:
            return
        now = time.monotonic()
        if len(self._analyses) == MOST_ANALYSES and now - self._analyses[0] < WINDOW_SECONDS:
            retry = math.ceil(WINDOW_SECONDS - (now - self._analyses[0]))
            said = f"{MOST_ANALYSES} analyses were handed in within {WINDOW_SECONDS:g} s; expected no more"
            raise ProblemError(429, "too_many", said, headers={"Retry-After": str(retry)})
        self._analyses.append(now)

    def platform(self, name: str | None) -> str | None:
        """The account's name. Raises `ProblemError` for one that the settings do not have."""
        known = [account.name for account in self._window.configuration.settings.accounts]
        if name is None or name in known:
            return name
        said = f"platform is {name!r}; expected one of {', '.join(known)}"
        raise ProblemError(404, "unknown_platform", said, "platform")

    def commodity(self, name: str | None) -> str | None:
        """The id of the commodity that is meant by any of its names. Raises `ProblemError` for none."""
        return commodity_id(name, self._window.configuration)

    async def require_trade(self, trade_id: int) -> None:
        """Raises `ProblemError` where there is no such trade."""
        await self._errands.looked_up(lambda: self._window.ledger.trades.get(trade_id))

    async def require_confirmed(
        self, confirmed: bool, does: str, concerns: Callable[[Trade], bool] = lambda trade: True
    ) -> None:
        """Raises `ProblemError`, naming the positions that are concerned, unless it is confirmed."""
        if confirmed:
            return
        held = await self._errands.looked_up(lambda: held_trades(self._window.ledger, self._window.configuration))
        concerned = [trade for trade in held if concerns(trade)]
        positions = [position_in_words(trade) for trade in concerned]
        said = f"confirmed is false; it {does}: {', '.join(positions) or 'nothing is open now'}"
        raise ProblemError(
            409,
            "not_confirmed",
            said,
            "confirmed",
            positions=positions,
            trade_ids=[trade.trade_id for trade in concerned],
        )


def outcome_answer(outcome: Outcome) -> OutcomeAnswer:
    """An outcome as the API answers it."""
    return OutcomeAnswer(
        request_id=outcome.request_id,
        command=outcome.command,
        state=outcome.state,
        said=outcome.said,
        detail=dict(outcome.detail),
        by=outcome.by,
        at=time_text(outcome.at) if outcome.at else None,
        is_repeated=outcome.is_repeated,
    )


def refused(answer: OutcomeAnswer) -> ProblemError:
    """What a refusal is answered with: its own code, and the outcome."""
    code = str(answer.detail.get("code") or "refused")
    outcome = answer.model_dump(mode="json")
    match code:  # the operator's words
        case "no_such_trade":
            return ProblemError(404, code, answer.said, "trade_id", outcome=outcome)
        case "not_leading":
            return nobody(
                f"not done: {answer.said}; ask whoever leads, or here again later, under the same request_id", code
            )
        case _:
            return ProblemError(409, code, answer.said, outcome=outcome)


def _answers(*, confirmed: bool = False) -> dict[int | str, dict[str, Any]]:
    """The answers of a command besides 200."""
    found = documented(401, 403, 404, 413, 422)
    return {**found, 202: UNRESOLVED, 409: NOT_CONFIRMED if confirmed else REFUSED, 503: NOBODY}


def _add_modes(routes: APIRouter, desk: Desk) -> None:
    """Pause, resume, halt, lift, reset."""

    @routes.post("/pause", operation_id="pause", summary="Open nothing, at all or of a part", responses=_answers())
    async def pause(asked: AskedPause, request: Request, response: Response) -> OutcomeAnswer:
        platform, commodity = desk.platform(asked.platform), desk.commodity(asked.commodity)
        by = caller_of(request).told_as
        command = PauseOpening(
            request_id=asked.request_id, by=by, platform=platform, commodity=commodity, reason=asked.reason
        )
        return await desk.done(command, response)

    @routes.post("/resume", operation_id="resume", summary="Lift the pause of just this part", responses=_answers())
    async def resume(asked: AskedResume, request: Request, response: Response) -> OutcomeAnswer:
        platform, commodity = desk.platform(asked.platform), desk.commodity(asked.commodity)
        by = caller_of(request).told_as
        command = ResumeOpening(request_id=asked.request_id, by=by, platform=platform, commodity=commodity)
        return await desk.done(command, response)

    @routes.post(
        "/halt",
        operation_id="halt",
        summary="Open nothing and guard nothing; wants to be confirmed",
        responses=_answers(confirmed=True),
    )
    async def halt(asked: AskedHalt, request: Request, response: Response) -> OutcomeAnswer:
        await desk.require_confirmed(asked.confirmed, "leaves unguarded")
        command = Halt(request_id=asked.request_id, by=caller_of(request).told_as, reason=asked.reason)
        return await desk.done(command, response)

    @routes.post("/lift", operation_id="lift", summary="Lift the halt", responses=_answers())
    async def lift(asked: AskedLift, request: Request, response: Response) -> OutcomeAnswer:
        return await desk.done(Lift(request_id=asked.request_id, by=caller_of(request).told_as), response)

    @routes.post("/reset", operation_id="reset", summary="Lift what a loop of crashes has set", responses=_answers())
    async def reset(asked: AskedReset, request: Request, response: Response) -> OutcomeAnswer:
        return await desk.done(ResetCrashLoop(request_id=asked.request_id, by=caller_of(request).told_as), response)


def _add_closings(routes: APIRouter, desk: Desk) -> None:
    """Close one trade, or all of a part."""

    @routes.post("/close", operation_id="close", summary="Close one trade", responses=_answers())
    async def close(asked: AskedClose, request: Request, response: Response) -> OutcomeAnswer:
        await desk.require_trade(asked.trade_id)
        command = CloseTrade(request_id=asked.request_id, by=caller_of(request).told_as, trade_id=asked.trade_id)
        return await desk.done(command, response)

    @routes.post(
        "/close-all",
        operation_id="close_all",
        summary="Close every open trade, at all or of a part; wants to be confirmed",
        responses=_answers(confirmed=True),
    )
    async def close_all(asked: AskedCloseAll, request: Request, response: Response) -> OutcomeAnswer:
        platform, commodity = desk.platform(asked.platform), desk.commodity(asked.commodity)

        def concerns(trade: Trade) -> bool:
            return platform in (None, trade.platform) and commodity in (None, trade.commodity)

        await desk.require_confirmed(asked.confirmed, "closes", concerns)
        by = caller_of(request).told_as
        command = CloseAll(request_id=asked.request_id, by=by, platform=platform, commodity=commodity)
        return await desk.done(command, response)


def _add_others(routes: APIRouter, desk: Desk) -> None:
    """Forgive a drawdown, hand in an analysis, ask what became of a command."""

    @routes.post(
        "/forgive-drawdown",
        operation_id="forgive_drawdown",
        summary="Have the drawdown of an account forgotten",
        responses=_answers(),
    )
    async def forgive_drawdown(asked: AskedForgiveness, request: Request, response: Response) -> OutcomeAnswer:
        platform = desk.platform(asked.platform) or asked.platform
        command = ForgiveDrawdown(request_id=asked.request_id, by=caller_of(request).told_as, platform=platform)
        return await desk.done(command, response)

    @routes.post(
        "/analyses",
        operation_id="submit_analysis",
        summary="Decide on an analysis that its source has signed",
        responses=_answers(),
        openapi_extra=_body_of_an_analysis(),
    )
    async def submit_analysis(request: Request, response: Response) -> Any:
        desk.require_seldom(caller_of(request))
        body = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == SIGNED:
            asked = _asked_by_text(body)
        elif kind in ("", JSON):
            try:
                asked = AskedAnalysis.model_validate_json(body)
            except ValidationError as error:
                return invalid([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
        else:
            raise ProblemError(422, "invalid", f"content-type is {kind[:80]!r}; expected {JSON} or {SIGNED}", "body")
        command = SubmitAnalysis(request_id=asked.request_id, by=caller_of(request).told_as, text=asked.text)
        return await desk.done(command, response)

    @routes.get(
        "/{request_id}",
        operation_id="outcome",
        summary="What became of a command",
        responses={**documented(401, 404, 422), 503: NOBODY},
    )
    async def outcome(request_id: Annotated[str, Path(pattern=REQUEST_ID)]) -> OutcomeAnswer:
        return await desk.known(request_id)


def _asked_by_text(body: bytes) -> AskedAnalysis:
    """A signed text without anything around it: the same text is the same request."""
    try:
        text = body.decode("ascii").strip()
    except UnicodeDecodeError:
        raise ProblemError(422, "invalid", "the body is not ASCII; expected a signed analysis", "body") from None
    if not 0 < len(text) <= LONGEST_TEXT:
        said = f"the body has {len(text)} characters; expected 1 to {LONGEST_TEXT}"
        raise ProblemError(422, "invalid", said, "body")
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS_OF_A_DIGEST]
    return AskedAnalysis(request_id=f"text-{digest}", text=text)


def _body_of_an_analysis() -> dict[str, Any]:
    """For the OpenAPI: the route reads the body itself, since there are two kinds."""
    as_text = {"schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}}
    as_json = {"schema": AskedAnalysis.model_json_schema()}
    return {"requestBody": {"required": True, "content": {JSON: as_json, SIGNED: as_text}}}
