"""The route of how things stand."""

from __future__ import annotations

from fastapi import APIRouter

from console.api.accounts import known_external
from console.api.asked import documented
from console.api.decision_rows import decision_row
from console.api.models_status import Status
from console.api.valuing import valuations_of
from console.api.window import Window
from console.records import Data
from console.status import status_data


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["status"], responses=documented(503))

    @routes.get(
        "/api/status", response_model=Status, operation_id="status", summary="How things stand, as `status --json` says"
    )
    def status() -> Data:
        found = status_data(window.configuration, window.ledger, valuations_of(window))
        newest = window.ledger.journal.list(kind="decision", limit=1)
        return {
            **found,
            "external_positions": [known_external(row) for row in found["external_positions"]],
            "last_decision": decision_row(newest[0], window.configuration) if newest else None,
        }

    return routes
