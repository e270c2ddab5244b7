"""The names of actors, their levels, and the names of the leases that they hold."""

from __future__ import annotations

RESERVATION = "reservation"
TRADER = "trader"
MONITOR = "monitor"
SCHEDULER = "scheduler"
ANALYST = "analyst"
HALT_WATCH = "halt_watch"
CARETAKER = "caretaker"

# An ask goes only to a lower level, so no circle of waiting can exist.
RESERVATION_LEVEL = 1
PLATFORM_LEVEL = 2
UPPER_LEVEL = 3

ACCOUNT = "account"
CREW = "crew"


def platform_actor(platform: str) -> str:
    """The name of the actor that serializes this account."""
    return f"platform:{platform}"


def holder_of(resource: str) -> str | None:
    """The actor that must hear of a lease's renewal or loss; None where nobody inside the system acts on it alone."""
    kind, _, name = resource.partition(":")
    return platform_actor(name) if kind == ACCOUNT else None


def is_standing(resource: str) -> bool:
    """True for leases that are held for as long as the process acts, and so are renewed."""
    return resource.partition(":")[0] in (ACCOUNT, CREW)
