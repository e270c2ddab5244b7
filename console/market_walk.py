"""Walking through a recorded market at a speed: where it begins, and when its next instant is due."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from console.errors import CommandError
from console.recorded import Recording, cut, first_judged
from trading.market import SECOND, Instant, iso

LONGEST_PAUSE_SECONDS = 2.0  # a weekend is not waited for

log = logging.getLogger("watchbill.market")


def start_of(recording: Recording, wanted: Instant | None, seen: Iterable[Instant | None]) -> Instant:
    """Where the market goes on: where the accounts have ``seen`` it last, or where the user says, or where judging can
    begin. Raises `CommandError` when what is ``wanted`` lies before what was seen.
    """
    latest = max((at for at in seen if at is not None), default=None)
    if latest is not None:
        if wanted is not None and wanted < latest:
            raise CommandError(
                f"--from is {iso(wanted)}, but the paper accounts have seen the market until {iso(latest)}; "
                "expected a later instant, or --fresh"
            )
        return max(latest, wanted or latest)
    if wanted is not None:
        return cut(recording, wanted, None)[0]
    return first_judged(recording)


def paced(
    instants: Iterable[Instant], start: Instant, speed: float, is_over: Callable[[float], bool]
) -> Iterator[Instant]:
    """Each of the instants when it is due at ``speed`` market seconds a second.

    ``is_over(seconds)`` waits so long, and answers True, perhaps sooner, when it is time to end early.
    """
    due = time.monotonic()
    before = start
    for at in instants:
        due += min((at - before) / SECOND / speed, LONGEST_PAUSE_SECONDS)
        before = at
        if is_over(max(0.0, due - time.monotonic())):
            return
        due = max(due, time.monotonic() - LONGEST_PAUSE_SECONDS)  # a slow machine falls behind, and stays behind
        yield at


def walk_to_the_end(
    recording: Recording,
    start: Instant,
    speed: float,
    poll_seconds: float,
    over: threading.Event,
    move_to: Callable[[Instant], None],
) -> None:
    """Move market time until the end of the recording, and then wait until it is ``over``.

    ``poll_seconds``: how often the clients look, by the settings; a bar that is complete must not be seen too late.
    """
    instants = recording.instants(start, recording.last, poll_seconds).tolist()
    for at in paced(instants, start, speed, over.wait):
        move_to(at)
    if not over.is_set():
        log.warning("%s ended at %s: the market is shut until Ctrl-C", recording.source, iso(recording.last))
        over.wait()
