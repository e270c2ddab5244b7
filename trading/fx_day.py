"""When the day of foreign exchange changes, and with it every trading day that no exchange sets: at 17:00 New York."""

from __future__ import annotations

FX_ZONE = "America/New_York"
FX_CHANGE_MINUTE = 17 * 60  # of Sunday, when the FX week opens, and of Friday, when it ends
