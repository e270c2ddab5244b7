"""What a crew may do: everything, everything but opening, or nothing at all.

A mode has a cause, and each cause has a mode of its own: the operator who pauses, the counter of crashes, a broken
configuration. The crew obeys the strictest of them, so that lifting one never lifts another.
"""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What the crew may do, from everything to nothing."""

    TRADING = "trading"  # opens, guards, closes
    MANAGE_ONLY = "manage_only"  # no opens, guarding goes on; the program has set it for itself
    PAUSED = "paused"  # the same; a person has asked for it
    HALTED = "halted"  # guarding stops too: stops, targets and the rules of the day close nothing

    @property
    def permits_opens(self) -> bool:
        """Whether an order may be sent that opens a position."""
        return self is Mode.TRADING

    @property
    def permits_guarding(self) -> bool:
        """Whether positions are closed and adjusted by the rules."""
        return self is not Mode.HALTED

    @property
    def strictness(self) -> int:
        """Greater than that of every mode that permits more, or was set with less intent."""
        return tuple(Mode).index(self)


class ModeCause(StrEnum):
    """Who has set a mode. What one has set, another does not lift."""

    OPERATOR = "operator"  # `pause`, `halt`; lifted by `resume`
    CRASH_LOOP = "crash_loop"  # too many crashes in a short time; lifted by `reset`
    CONFIGURATION = "configuration"  # a start on the last good configuration; lifted by the next on a good one
