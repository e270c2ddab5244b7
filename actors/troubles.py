"""What keeps an account from trading until a person acts: told once, and told to be over.

`status` shows the newest word of it, so whoever ends a trouble must say so.
"""

from __future__ import annotations

import re

from actors.desk import Desk
from actors.names import ANOTHER_LEDGER, OBSTACLES, OF_OPENS, ORDERS_TAKEN
from actors.system.context import Context
from actors.unended import unended
from connectors.base import Done, Outcome, Rejected

SECONDS = re.compile(r"\b[0-9][0-9.]*(e[+-]?[0-9]+)? s\b")
ALERTS = 200  # of the account's newest in the journal: behind so many others a trouble is long over, or told again


def heed(desk: Desk, outcome: Outcome, context: Context, *, opens: bool) -> None:
    """Tell of an order that was refused for one of them, each once; and of the fill that proves that all are over.

    Most other refusals prove nothing: they are decided before. ``opens``: whether it was an open. A close that went
    through says nothing of the record of opens, to which it is not written, and nothing of another ledger's opens.
    """
    match outcome:
        case Done() if desk.obstacles:
            desk.obstacles.intersection_update(() if opens else OF_OPENS)
            if not desk.obstacles:
                context.alert(ORDERS_TAKEN, f"{desk.platform}: the account takes orders again")
        case Rejected(code, reason) if code in OBSTACLES and code not in desk.obstacles:
            desk.obstacles.add(code)
            refused = "opens" if code == ANOTHER_LEDGER else "orders"
            context.alert(code, f"{desk.platform}: {reason}; {refused} are refused until that is put right")


def without_seconds(said: str) -> str:
    """What is said, for comparing: how long something was waited for, in seconds, makes no other trouble of it."""
    return SECONDS.sub("", said)


def was_out_of_business(desk: Desk) -> bool:
    """Whether the journal's last word of any trouble, of whichever process, is that the account has it."""
    alerts = desk.ledger.journal.list(kind="alert", platform=desk.platform, limit=ALERTS)
    return bool(unended(alerts))
