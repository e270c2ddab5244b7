"""The pages."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.convertors import CONVERTOR_TYPES, StringConvertor

from console.api.window import Window
from console.web import pages_closings, pages_decisions, pages_health, pages_journal, pages_overview, pages_trades
from console.web.rendering import page_router


class PagePath(StringConvertor):
    """Every path but those of the API, which tells its errors in its own way."""

    regex = "(?!api/).*"


CONVERTOR_TYPES["page_path"] = PagePath()


def router(window: Window) -> APIRouter:
    """Every page. To be included last: what nobody else answers, it answers with a page that says so."""
    routes = APIRouter(include_in_schema=False)
    for pages in (pages_overview, pages_trades, pages_decisions, pages_closings, pages_health, pages_journal):
        routes.include_router(pages.router(window))
    routes.include_router(_otherwise(window))
    return routes


def _otherwise(window: Window) -> APIRouter:
    routes = page_router(window)

    @routes.get("/{unknown:page_path}")
    def no_page(request: Request) -> Response:
        raise HTTPException(404, f"There is no page {request.url.path}.")

    return routes
