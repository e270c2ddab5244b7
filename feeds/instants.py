"""Which instants a feed may speak of: whatever lies outside is a slip, or made to do harm."""

from __future__ import annotations

from datetime import UTC, datetime

from trading.market import instant

FIRST_MILLISECONDS = 10**11  # as seconds this would be the year 5138, so a number from here on is milliseconds
EARLIEST, LATEST = instant(datetime(1900, 1, 1, tzinfo=UTC)), instant(datetime(2200, 1, 1, tzinfo=UTC))
