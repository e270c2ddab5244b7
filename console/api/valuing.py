"""What open trades are worth, beside what came of the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.api.kept import kept
from console.api.window import Window
from console.valuations import Valuations

if TYPE_CHECKING:
    from console.live_calibration import LiveCalibration

NEWEST_VALUATIONS = 4_000  # read in a fifth of a second
KEPT_SECONDS = 300.0  # one more settled trade changes a share of dozens by little


def valuations_of(window: Window) -> Valuations:
    """The newest valuations, with what came of the like as it was found at most five minutes ago."""

    def found() -> LiveCalibration:
        from console.live_calibration import LiveCalibration  # a start needs none of it

        return LiveCalibration.of(window.ledger, newest=NEWEST_VALUATIONS)

    return Valuations(window.ledger, kept(window.ledger, "live calibration", KEPT_SECONDS, found))
