"""Walking through a recorded market at a speed: where it begins, when its next instant is due, and who is waited for.

The rules of a day's end are judged inside its window, on a tick that may stand one second of market time: nothing at
any speed but that of the world. So the market of a process of its own stays at the ticks in there until its clients are
done with them; the time is made up for afterwards.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from console.configuration import Configuration
from console.ending import wait_for
from console.errors import CommandError
from console.recorded import Recording, cut, first_judged
from trading.bars import Instants
from trading.closings import minutes_before
from trading.market import DAY, MINUTE, SECOND, Instant, iso

LONGEST_PAUSE_SECONDS = 2.0  # a weekend is not waited for
FOLLOWERS_SECONDS = 2.0  # nor is a client that is stopped, or too busy

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
    configuration: Configuration,
    start: Instant,
    speed: float,
    over: threading.Event,
    move_to: Callable[[Instant], None],
    wait_for_followers: Callable[[float], None],
) -> None:
    """Move market time until the end of the recording, and then wait until it is ``over``.

    ``configuration``: of the clients, too: how often they look, and when their days end. ``wait_for_followers``: until
    they are done with where the market stands, at most so many seconds.
    """
    # A bar that is complete must not be seen too late, hence the polls.
    instants = recording.instants(start, recording.last, configuration.settings.price_poll_seconds)
    closing = set(closing_instants(instants, configuration).tolist())
    for at in paced(instants.tolist(), start, speed, over.wait):
        move_to(at)
        if at in closing:
            wait_for_followers(FOLLOWERS_SECONDS)
    if not over.is_set():
        log.warning("%s ended at %s: the market is shut until Ctrl-C", recording.source, iso(recording.last))
        wait_for(over)


def closing_instants(instants: Instants, configuration: Configuration) -> Instants:
    """Those of the instants at which the rules of a day's end are judged on some enabled account: shape (k,), k <= n.

    ``instants``: shape (n,), oldest first.
    """
    if len(instants) == 0:
        return instants
    settings = configuration.settings
    first, last = int(instants[0]) - DAY, int(instants[-1]) + DAY
    timetable = configuration.calendars.timetable(settings, configuration.commodities, first, last)
    are_closing = np.zeros(len(instants), dtype=np.bool_)
    for account in settings.accounts:
        for commodity in account.symbols if account.enabled else ():
            times = timetable.of(account.name, commodity)
            window = round(minutes_before(settings, times, account.name, commodity) * MINUTE)
            day = np.searchsorted(times.day_ends, instants, side="right")
            left = times.day_ends[np.minimum(day, len(times.day_ends) - 1)] - instants  # until the day's end
            are_closing |= (left > 0) & (left <= window)
    found: Instants = instants[are_closing]
    return found
