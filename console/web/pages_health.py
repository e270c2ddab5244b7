"""The pages of the program itself: its health, and its settings."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from console.api.health import health_data
from console.api.window import Window
from console.records import Data
from console.shown_settings import settings_data
from console.web.rendering import page_router, rendered

LATE_SECONDS = 30.0  # an answer that old is late: the health round asks every 10 s


def router(window: Window) -> APIRouter:
    """The routes of both."""
    routes = page_router(window)

    @routes.get("/health")
    def health(request: Request) -> Response:
        return rendered(window, request, "health.html", health=health_page(window))

    @routes.get("/settings")
    def settings(request: Request) -> Response:
        return rendered(window, request, "settings.html", shown=settings_data(window.configuration))

    return routes


def health_page(window: Window) -> Data:
    """The health, with the actors from the lowest level up, and which of them answer late."""
    health = health_data(window)
    actors = [
        {**actor, "is_late": (actor["answer_age_seconds"] or 0.0) > LATE_SECONDS}
        for actor in sorted(health["actors"], key=lambda actor: (actor["level"], actor["name"]))
    ]
    return {**health, "actors": actors}
