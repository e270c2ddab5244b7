"""Routes of the overview: once, and as a stream of what changes."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from console.api.live_stream import EventStream
from console.api.models_overview import Overview
from console.api.overview import overview_of
from console.api.window import Window

STREAM = "Events `overview` (all of it, at the beginning) and `changes` (what has changed since the one before)."


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["live"])

    @routes.get("/api/overview", operation_id="overview", summary="Everything at a glance, of this moment")
    def overview() -> Overview:
        return overview_of(window)

    @routes.get(
        "/api/live",
        operation_id="live",
        summary="The same as a stream of server-sent events, at most two a second",
        response_class=Response,
        responses={200: {"description": STREAM, "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def live() -> Response:
        return EventStream(window.live_hub)

    return routes
