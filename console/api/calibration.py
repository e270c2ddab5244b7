"""Routes of calibration and fairness."""

from __future__ import annotations

from fastapi import APIRouter

from console.api.asked import Name, commodity_id, documented
from console.api.kept import kept
from console.api.models_calibration import Calibration, Fairness
from console.api.present import present
from console.api.window import Window
from console.fairness_data import fairness_data
from console.records import Data

KEPT_SECONDS = 60.0
NEWEST_CLAIMS = 2_000
DRAWS = 100  # for the intervals
NEWEST_DECISIONS = 10_000


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["calibration"], responses=documented(503))

    @routes.get(
        "/api/calibration",
        response_model=Calibration,
        operation_id="calibration",
        summary="What the ledger's probabilities claimed, against what came of them",
    )
    def calibration() -> Data:
        return kept(window.ledger, "calibration", KEPT_SECONDS, lambda: _calibration(window))

    @routes.get(
        "/api/fairness",
        response_model=Fairness,
        operation_id="fairness",
        summary="How the accounts were chosen, and whether each got its share of the ties",
        responses=documented(404, 422),
    )
    def fairness(commodity: Name = None) -> Data:
        known = commodity_id(commodity, window.configuration)
        return kept(window.ledger, ("fairness", known), KEPT_SECONDS, lambda: _fairness(window, known))

    return routes


def _calibration(window: Window) -> Data:
    from console import calibration_ledger  # a start needs none of it

    found = calibration_ledger.figures(window.ledger, newest=NEWEST_CLAIMS, draws=DRAWS)
    return {"as_of": present(window).head()["market_time"], "newest": NEWEST_CLAIMS, **found}


def _fairness(window: Window, commodity: str | None) -> Data:
    found = fairness_data(window.ledger, commodity, None, NEWEST_DECISIONS)
    return {"as_of": present(window).head()["market_time"], "newest": NEWEST_DECISIONS, **found}
