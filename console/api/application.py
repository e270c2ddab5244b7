"""The console's API as one application."""

from __future__ import annotations

from fastapi import FastAPI

from console.api import (
    accounts,
    bars,
    calibration,
    closings,
    commands,
    decisions,
    health,
    journal,
    live,
    problems,
    settings,
    status,
    trades,
)
from console.api.openapi import describe
from console.api.window import Window
from console.command_line import version

ROUTES = (
    status,
    accounts,
    bars,
    trades,
    decisions,
    closings,
    journal,
    health,
    calibration,
    settings,
    live,
    commands,
)


def application(window: Window) -> FastAPI:
    """Every route below `/api`; the pages and the probes are added by `console.web`."""
    api = FastAPI(title="Watchbill", version=version(), docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    problems.install(api)
    describe(api)
    for module in ROUTES:
        api.include_router(module.router(window))
    api.state.end_streams = window.live_hub.end  # before the server waits for its answers to end
    return api
