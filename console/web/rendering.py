"""Draws the pages: one environment of templates, what every page says at its head, and errors as pages.

Everything that a page shows may come from a journal, and so from a stranger: all of it is escaped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from actors.system.errors import ActorError
from console.api.window import Window
from console.errors import CommandError
from console.web import page_figures
from console.web.page_head import Head, head_of
from console.web.static_files import address_of
from console.web.way_in import program
from feeds.errors import CalendarUnavailable
from persistence.errors import LedgerError

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
AWAY = (LedgerError, ActorError, CalendarUnavailable)  # what may be there again in a moment

log = logging.getLogger("watchbill.console")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@cache
def templates() -> Environment:
    """The environment, made when the first page is asked for: a program that nobody looks at does not need it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(page_figures.FILTERS)
    made.globals.update(asset=address_of, program=program())
    return made


def rendered(
    window: Window, request: Request, template: str, *, status: int = 200, head: Head | None = None, **data: Any
) -> HTMLResponse:
    """The page. ``data`` are the template's; what `base.html` needs is added here, ``head`` unless it is known."""
    known = head_of(window, request) if head is None else head
    text = templates().get_template(template).render(head=known, path=request.url.path, **data)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


def page_router(window: Window) -> APIRouter:
    """A router whose errors are told on a page."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            inner = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await inner(request)
                except HTTPException as error:
                    status, said = error.status_code, str(error.detail)
                except RequestValidationError as error:
                    status, said = 400, "; ".join(map(_fault, error.errors()))
                except CommandError as error:
                    status, said = 400, str(error)
                except AWAY as error:
                    log.warning("a page cannot be shown: %s", error)
                    status, said = 503, str(error)
                except Exception:
                    log.exception("the page %s failed", request.url.path)
                    status, said = 500, "This page has a fault; the log tells which."
                # Its head asks the ledger: the server's loop must not wait for that.
                return await run_in_threadpool(error_page, window, request, status, said)

            return handler

    return APIRouter(route_class=PageRoute, include_in_schema=False)


def _fault(error: Any) -> str:
    """What is wrong with a part of the address, with its name and its value."""
    return f"{error['loc'][-1]} is {error.get('input')!r}: {error['msg']}"


def error_page(window: Window, request: Request, status: int, said: str) -> HTMLResponse:
    """What went wrong, as a page."""
    title = HTTPStatus(status).phrase.capitalize()
    return rendered(window, request, "error.html", status=status, code=status, title=title, said=said)
