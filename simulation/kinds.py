"""The kinds of faults, by the names that `--faults` takes.

Those of the broker are its own affair (`simulation.broker`), and those of MetaTrader's terminals of theirs
(`simulation.terminal_faults`); those of processes, databases and clocks are told here.
"""

from __future__ import annotations

from collections.abc import Iterable

from simulation.broker import FAULTS as FAULTS_OF_BROKERS
from simulation.terminal_faults import FAULTS_OF_TERMINALS

CRASH = "crash"
KILL = "kill"
FREEZE = "freeze"
ACTOR = "actor"
CLOCK = "clock"
COMMIT_REFUSED = "commit_refused"
COMMIT_DOUBTFUL = "commit_doubtful"
DATABASE_AWAY = "database_away"
DISK_FULL = "disk_full"
OPERATOR = "operator"
COMMANDS = "commands"

FAULTS_OF_PROCESSES: dict[str, str] = {
    CRASH: "a process is killed right before or right after a commit, or a call to its broker",
    KILL: "a process is killed at any moment",
    FREEZE: "a process is stopped in the middle of anything, often for longer than its leases, and then goes on",
    ACTOR: "an actor raises where nobody expects it: between messages, around commits and calls",
    CLOCK: "the market's clock is set forwards or back",
    COMMIT_REFUSED: "the database refuses a commit, and nothing was written",
    COMMIT_DOUBTFUL: "the database reports an error for a commit that it has made",
    DATABASE_AWAY: "the database answers nothing for a while",
    DISK_FULL: "the database refuses to write for a while, and answers questions",
    OPERATOR: "a person pauses or halts the crew, and lifts that again",
}

FAULTS_ANYWHERE: dict[str, str] = {**FAULTS_OF_PROCESSES, **FAULTS_OF_BROKERS}
"""The kinds that strike whatever the broker is reached through."""

FAULTS_OF_PEOPLE: dict[str, str] = {
    COMMANDS: "a person pauses, halts and closes through the console of any process, and asks again when in doubt",
}
"""Drawn from a source of its own, and so a seed without them is as it was before there were any."""

FAULTS: dict[str, str] = {**FAULTS_ANYWHERE, **FAULTS_OF_PEOPLE, **FAULTS_OF_TERMINALS}
"""Every kind of fault with what it is."""

ALL, NONE = "all", "none"


class UnknownFault(ValueError):
    """A kind of fault is named that there is not."""


def kinds_named(text: str) -> frozenset[str]:
    """The kinds that a list such as ``crash,freeze`` names; ``all`` and ``none`` are lists too.

    Raises `UnknownFault` for a name that there is not.
    """
    names = [name.strip() for name in text.split(",")]
    if names == [ALL]:
        return frozenset(FAULTS)
    if names == [NONE]:
        return frozenset()
    return checked_kinds(names)


def checked_kinds(names: Iterable[str]) -> frozenset[str]:
    """The names themselves. Raises `UnknownFault` for the first that there is not."""
    kinds = frozenset(names)
    for name in sorted(kinds):
        if name not in FAULTS:
            raise UnknownFault(f"there is no fault {name!r}; expected {ALL}, {NONE}, or some of {', '.join(FAULTS)}")
    return kinds
