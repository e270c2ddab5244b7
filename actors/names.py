"""The names of actors, their levels, the names of the leases that they hold, and of the alerts that views look for."""

from __future__ import annotations

RESERVATION = "reservation"
TRADER = "trader"
MONITOR = "monitor"
SCHEDULER = "scheduler"
ANALYST = "analyst"
HALT_WATCH = "halt_watch"
CALENDAR_KEEPER = "calendars"
CARETAKER = "caretaker"
INBOX = "inbox"
OPERATOR = "operator"
NOTIFIER = "notifier"

# An ask goes only to a lower level, so no circle of waiting can exist.
RESERVATION_LEVEL = 1
PLATFORM_LEVEL = 2
UPPER_LEVEL = 3

ACCOUNT = "account"
CREW = "crew"

# The reasons of alerts that an account is out of the business, and back in it.
STANDING_BY, TOOK_POST = "standing_by", "took_post"
BROKER_AWAY, BROKER_BACK = "broker", "broker_back"
FLOOR_UNUSABLE, ANOTHER_LEDGER, ORDERS_TAKEN = "floor_unusable", "another_ledger", "orders_taken"
OF_OPENS = (FLOOR_UNUSABLE, ANOTHER_LEDGER)  # a close can go through, and proves nothing of them
OBSTACLES = (*OF_OPENS, "trade_disabled", "client_disables_at", "server_disables_at", "wrong_account")
"""Codes of a definite no that further orders get too, until a person has done something."""
OUT_OF_BUSINESS = (STANDING_BY, BROKER_AWAY, *OBSTACLES)
IN_BUSINESS = (TOOK_POST, BROKER_BACK, ORDERS_TAKEN)

# That the market it follows is away, so that time stands still; and that it is back.
MARKET_AWAY, MARKET_BACK = "market", "market_back"

# That it trades, and something of it is judged by nobody; and that all of it is again.
UNJUDGED, JUDGED_AGAIN = "unjudged", "judged_again"

# That half of the window of a day-end or Friday rule is over, and all of it, and an open trade was not judged.
RULE_WAITS, RULE_MISSED = "rule_waits", "rule_missed"

# That a trade was being closed when its market shut, and is still there.
LEFT_OPEN = "left_open"
NOT_CARRIED_OUT, STILL_OPEN = "not_carried_out", "close_waits"

# That a source of sentiment cannot be read, and is absent; and that it can be again.
FEED_DEAD, FEED_BACK = "feed", "feed_back"

# That the trading times come to an end and later ones cannot be had; and that they reach further again.
CALENDARS_END, CALENDARS_EXTENDED = "calendars_end", "calendars_extended"

# How it is said that a trouble is over, where it has the reason of the trouble itself.
HALT_LIFTED = "lifted: stops, targets and the rules of the day are guarded again"
LEDGER_ANSWERS, DECISIONS_AGAIN = "the ledger answers again", "decisions are written again"
LOOKED_INTO_AGAIN = "looked into again"
WORDS_OF_END = {
    "halt": (HALT_LIFTED,),
    "ledger": (LEDGER_ANSWERS, DECISIONS_AGAIN),
    "inbox": (LOOKED_INTO_AGAIN,),
}

# That an account wins more ties than its share, out of its turn; and the kind of the journal's line about that.
UNFAIR_CHOICE = "unfair_choice"

TROUBLES = (
    (OUT_OF_BUSINESS, IN_BUSINESS),
    ((MARKET_AWAY,), (MARKET_BACK, TOOK_POST)),
    ((UNJUDGED,), (JUDGED_AGAIN, TOOK_POST)),
)
"""What each kind of trouble begins with, and what it ends with: whoever takes the post tells anew of what is left."""


def platform_actor(platform: str) -> str:
    """The name of the actor that serializes this account."""
    return f"platform:{platform}"


def platform_of(actor: str) -> str | None:
    """The account that an actor of this name serializes; None: it is another kind of actor."""
    kind, _, name = actor.partition(":")
    return name if actor == platform_actor(name) and kind else None


def feed_actor(source: str) -> str:
    """The name of the actor that has this source of sentiment read."""
    return f"feed:{source}"


def holder_of(resource: str) -> str | None:
    """The actor that must hear of a lease's renewal or loss; None where nobody inside the system acts on it alone."""
    kind, _, name = resource.partition(":")
    return platform_actor(name) if kind == ACCOUNT else None


def is_standing(resource: str) -> bool:
    """True for leases that are held for as long as the process acts, and so are renewed."""
    return resource.partition(":")[0] in (ACCOUNT, CREW)
