"""Has schedules made by a process of its own: the parent's side of `market_calendars_child.py`."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date

from feeds.child_processes import apart_from_us, command_of, environment
from feeds.errors import CalendarUnavailable
from feeds.market_calendars_child import REQUESTS, Request
from feeds.market_calendars_files import BadSchedules, Schedules, from_bytes

DYING_SECONDS = 5.0  # beyond its own deadline, before it is killed
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # it calculates nothing; the cores are others'


def child_command() -> tuple[str, ...]:
    """What starts the process. The library's warnings are about its own insides."""
    return command_of("feeds.market_calendars_child", "-W", "ignore")


def build_schedules(
    calendars: Sequence[str], first: date, last: date, seconds: float, command: Sequence[str] | None = None
) -> Schedules:
    """The schedules from the trading date ``first`` to ``last``, within ``seconds``.

    ``command``: what to run in place of the process, for tests of what may become of it. Raises `CalendarUnavailable`
    where nothing came of it at all; of a calendar that could not be made the answer says why.
    """
    request = REQUESTS.dump_json(Request(tuple(calendars), first, last, seconds))
    try:
        with tempfile.TemporaryFile() as said:  # a pipe that nobody empties would hold it up
            done = subprocess.run(
                child_command() if command is None else command,
                input=request,
                stdout=subprocess.PIPE,
                stderr=said,
                env=_environment(),
                timeout=seconds + DYING_SECONDS,
                check=False,
                **apart_from_us(),
            )
            said.seek(0)
            last_words = said.read().decode(errors="replace").strip().rpartition("\n")[2]
    except subprocess.TimeoutExpired as error:
        raise CalendarUnavailable(f"the process that makes calendars was not done within {seconds:g} s") from error
    except OSError as error:
        raise CalendarUnavailable(f"no process can be started to make calendars: {error}") from error
    if done.returncode != 0 or not done.stdout:
        ending = f"ended with {done.returncode}: {last_words}" if last_words else f"ended with {done.returncode}"
        raise CalendarUnavailable(f"the process that makes calendars {ending}")
    try:
        return from_bytes(done.stdout)
    except BadSchedules as error:
        raise CalendarUnavailable(f"the process that makes calendars answered nonsense: {error}") from error


def _environment() -> Mapping[str, str]:
    return {**ONE_THREAD, **environment()}
