"""What the API answers when it cannot answer: always a `Problem`, and never anything of the program's inside."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.system.errors import ActorError
from console.api.window import NotLeading
from console.errors import CommandError
from feeds.errors import CalendarUnavailable
from persistence.errors import DamagedLine, LedgerError, UnknownTrade

RETRY_AFTER_SECONDS = 5
LONGEST_VALUE = 80  # of a wrong value that is repeated to whoever sent it

CODES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    414: "too_long",
    422: "invalid",
    429: "too_many",
    503: "unavailable",
}
"""The codes of problems that have no narrower one, by status."""

DESCRIPTIONS = {
    400: "The address is not as one should be.",
    401: "No token, or a wrong one.",
    403: "The token does not allow this.",
    404: "There is no such thing.",
    405: "The method is not for this address.",
    413: "The body is too large.",
    414: "The address is too long.",
    422: "A value is not as expected; `field` names it.",
    429: "Too many wrong tokens from this address.",
    503: "The ledger cannot be read, or nobody here can say now.",
}

log = logging.getLogger("watchbill.console")


class Problem(BaseModel):
    """Why there is no answer. Commands may add what else is known, such as the positions that are concerned."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(description="For programs, such as `ledger_unavailable`.")
    said: str = Field(description="For people.")
    field: str | None = Field(default=None, description="The parameter or the field of the body that is wrong.")


class ProblemError(Exception):
    """Raised by a route that cannot answer."""

    def __init__(
        self,
        status: int,
        code: str,
        said: str,
        field: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """``more``: further fields of the answer, in JSON's types."""
        super().__init__(said)
        self.status = status
        self.code = code
        self.said = said
        self.field = field
        self.headers = headers
        self.more = more


def problem(
    status: int, code: str, said: str, field: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """The answer. A 503 says when to ask again."""
    sent = dict(headers or {})
    if status == 503:
        sent.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return JSONResponse({"code": code, "said": said, "field": field, **more}, status, sent)


def install(api: FastAPI) -> None:
    """Have every error of this application answered with a `Problem`."""
    api.add_exception_handler(ProblemError, _as_it_says)
    api.add_exception_handler(HTTPException, _of_the_framework)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(LedgerError, _of_the_ledger)
    api.add_exception_handler(ActorError, _of_the_actors)
    api.add_exception_handler(CalendarUnavailable, _without_calendar)
    api.add_exception_handler(CommandError, _of_a_command)
    api.add_middleware(_Unexpected)


async def _as_it_says(request: Request, error: Any) -> JSONResponse:
    return problem(error.status, error.code, error.said, error.field, error.headers, **error.more)


async def _of_the_framework(request: Request, error: Any) -> JSONResponse:
    status = error.status_code
    said = str(error.detail)
    if status == 404 and said == "Not Found":
        said = f"there is nothing at {_short(request.url.path)}"
    elif status == 405:
        said = f"{request.method} is not for {_short(request.url.path)}"
    return problem(status, CODES.get(status, "refused"), said, None, error.headers)


async def _invalid(request: Request, error: Any) -> JSONResponse:
    return invalid(error.errors())


def invalid(errors: Sequence[Mapping[str, Any]]) -> JSONResponse:
    """The answer to values that pydantic refuses: the first of them, its field and what was expected of it."""
    first = errors[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    given = first.get("input")
    shown = f"{field} is {_short(given)!r}: " if isinstance(given, str | int | float | bool) else f"{field}: "
    return problem(422, CODES[422], f"{shown}{first['msg']}", field)


async def _of_the_ledger(request: Request, error: Any) -> JSONResponse:
    if isinstance(error, UnknownTrade):
        return problem(404, "no_such_trade", str(error), "trade_id")
    code = "ledger_damaged" if isinstance(error, DamagedLine) else "ledger_unavailable"
    return problem(503, code, str(error))


async def _of_the_actors(request: Request, error: Any) -> JSONResponse:
    return problem(503, "not_leading" if isinstance(error, NotLeading) else "nobody_answers", str(error))


async def _without_calendar(request: Request, error: Any) -> JSONResponse:
    return problem(503, "calendar_unavailable", str(error))


async def _of_a_command(request: Request, error: Any) -> JSONResponse:
    return problem(422, CODES[422], str(error))


class _Unexpected:
    """Outside of everything but the server: a defect is logged once with its traceback, and told of in a word."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on. An answer that has begun cannot be taken back: the server then breaks it off, and logs it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            if has_begun:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            said = "the console has failed to answer: its log says why"
            await problem(500, "defect", said)(scope, receive, send)


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return f"{value[:LONGEST_VALUE]}..."
    return value
