"""The process that reads a source: whatever is fetched and parsed there, it can be killed, and keeps nobody busy.

Its parent (`readers.py`) leaves a `Request` on standard input and finds an `Answer` on standard output. It ends at its
deadline by itself, also when a parser holds the interpreter, and so does not outlive its parent by more than that.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from dataclasses import dataclass
from typing import Any, BinaryIO

from pydantic import TypeAdapter

from feeds.errors import FeedError
from feeds.fetching import Stamp
from feeds.sources import KNOWLEDGE, SETTINGS, read_source
from trading.commodities import Commodity

MOST_MEMORY_BYTES = 2 << 30  # of addresses, of which the libraries take a part; on systems that know such a limit


@dataclass(frozen=True, slots=True)
class Request:
    """What to read."""

    kind: str
    settings: dict[str, Any]
    commodities: list[dict[str, Any]]
    known: tuple[Stamp, ...]
    seconds: float  # how long it may take


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it."""

    knowledge: Any = None  # None without an error: unchanged
    stamps: tuple[Stamp, ...] = ()
    error: str = ""


REQUESTS, ANSWERS = TypeAdapter(Request), TypeAdapter(Answer)


def main() -> None:
    """Read what standard input asks for."""
    request = REQUESTS.validate_json(sys.stdin.buffer.read())
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(request.seconds, exit=True, file=nowhere)
        _limit_memory()
        write(answer_to(request), sys.stdout.buffer)
        faulthandler.cancel_dump_traceback_later()


def answer_to(request: Request) -> Answer:
    """Read the source."""
    settings = SETTINGS[request.kind].model_validate(request.settings)
    found = [Commodity.model_validate(commodity) for commodity in request.commodities]
    deadline = time.monotonic() + request.seconds
    try:
        read = read_source(settings, {commodity.id: commodity for commodity in found}, deadline, request.known)
    except FeedError as error:
        return Answer(error=str(error))
    except MemoryError:
        return Answer(error=f"{settings.sources[0]}: takes more memory than a feed may")
    if read is None:
        return Answer()
    knowledge = TypeAdapter(KNOWLEDGE[request.kind]).dump_python(read.knowledge, mode="json")
    return Answer(knowledge, read.stamps)


def write(answer: Answer, output: BinaryIO) -> None:
    """The answer, whole."""
    output.write(ANSWERS.dump_json(answer))
    output.flush()


def _limit_memory() -> None:
    try:
        import resource  # not on Windows
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MOST_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MOST_MEMORY_BYTES, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    except (ValueError, OSError):
        return  # macOS knows the limit, and refuses to set it; the deadline still holds
