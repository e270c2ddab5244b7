"""What can be seen of an actor from outside."""

from __future__ import annotations

from dataclasses import dataclass

from actors.system.shell import ActorState, Shell


@dataclass(frozen=True, slots=True)
class ActorStats:
    """One actor at one moment."""

    name: str
    level: int
    state: ActorState
    depth: int  # items that wait in the mailbox
    processed: int  # messages that the behaviour has taken
    conflated: int  # messages that a newer one replaced before they were taken
    restarts: int
    dead_letters: int
    last_message: str  # the kind of the message that it took last; empty when there was none
    answer_age_seconds: float | None  # since it last answered a ping; None when it never did


def stats_of(shell: Shell, now: float, dead_letters: int) -> ActorStats:
    """The figures of one actor. ``now``: elapsed seconds."""
    answered_at = shell.answered_at
    return ActorStats(
        name=shell.spec.name,
        level=shell.spec.level,
        state=shell.state,
        depth=shell.mailbox.depth(),
        processed=shell.processed,
        conflated=shell.mailbox.conflated,
        restarts=shell.restarts,
        dead_letters=dead_letters,
        last_message="" if shell.last_message is None else shell.last_message.__name__,
        answer_age_seconds=None if answered_at is None else now - answered_at,
    )
