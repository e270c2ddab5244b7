"""Signing a browser in and out: with a one-time code of `run.py sign-in`, or a token; afterwards it has a cookie."""

from __future__ import annotations

import logging
import time
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from console.api.window import Window
from console.web.callers import Access
from console.web.keeper import Keeper
from console.web.own_secret import SecretUnusable
from console.web.rendering import rendered
from console.web.sealed import Purpose, opened, seal

PAGE = "sign_in.html"
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 8
NOTHING_SHOWN = "expected a one-time code of run.py sign-in, or a token"
NOT_GOOD = "that is no token of this console, and no code that is still good: a code works once, within a minute"
NO_PAGES = "the signal token only hands in analyses; expected the read token or the trade token"

log = logging.getLogger("watchbill.console")


def router(window: Window, keeper: Keeper) -> APIRouter:
    """The page, and what its form and the button to sign out ask for."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/sign-in")
    async def sign_in_page(request: Request) -> Response:
        return rendered(window, request, PAGE, said="")

    @routes.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        shown = await _shown(request)
        if not shown:
            return rendered(window, request, PAGE, status=400, said=NOTHING_SHOWN)
        try:
            access = await run_in_threadpool(access_shown, keeper, shown)
        except SecretUnusable as error:
            log.error("the console signs nobody in: %s", error)
            return rendered(window, request, PAGE, status=503, said="the console's tokens cannot be used")
        if access is None:
            wrong = keeper.wrong_token(_address(request))
            if wrong.status == 429:
                await keeper.delay()
                return rendered(window, request, PAGE, status=429, said=wrong.said)
            return rendered(window, request, PAGE, status=401, said=NOT_GOOD)
        if access is Access.SIGNAL:
            return rendered(window, request, PAGE, status=403, said=NO_PAGES)
        log.info("a browser signed in from %s, to %s", _address(request), access)
        return _signed_in(window, keeper, access, request)

    @routes.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        signed_in = keeper.signed_in(request)
        if signed_in is not None:
            await run_in_threadpool(keeper.tokens.spend, signed_in.once, signed_in.ends_at)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(keeper.cookie_name, path="/", secure=_is_tls(keeper), httponly=True, samesite="strict")
        return answer

    return routes


def access_shown(keeper: Keeper, shown: str) -> Access | None:
    """What a code or a token gives. A code is used up by that. Raises `SecretUnusable`."""
    code = opened(shown, keeper.tokens.current(), Purpose.CODE, time.time())
    if code is not None:
        return code.access if keeper.tokens.spend(code.once, code.ends_at) else None
    return keeper.tokens.access_of(shown)


def _signed_in(window: Window, keeper: Keeper, access: Access, request: Request) -> Response:
    is_behind_tls = request.headers.get("origin", "").startswith("https://")  # of a proxy
    lasts_seconds = round(window.configuration.settings.console.session_hours * 3600)
    value = seal(keeper.tokens.current(), Purpose.COOKIE, access, round(time.time()) + lasts_seconds)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        keeper.cookie_name,
        value,
        max_age=lasts_seconds,
        path="/",
        secure=_is_tls(keeper) or is_behind_tls,
        httponly=True,
        samesite="strict",
    )
    return answer


async def _shown(request: Request) -> str:
    """What the form's field holds; empty where there is none, or too much."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return ""
    body = (await request.body()).decode("ascii", "replace")
    try:
        fields = parse_qs(body, max_num_fields=MOST_FIELDS)
    except ValueError:
        return ""
    given = [value.strip() for name in ("code", "token") for value in fields.get(name, ())]
    return given[0] if len(given) == 1 else ""


def _address(request: Request) -> str:
    return str(request.scope["state"]["address"])


def _is_tls(keeper: Keeper) -> bool:
    return keeper.hosts.scheme == "https"
