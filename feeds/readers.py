"""How the crew has its sources read: by a process for each reading, or at once where time is virtual."""

from __future__ import annotations

import math
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from feeds.child import ANSWERS, REQUESTS, Request
from feeds.child_processes import apart_from_us, command_of, environment
from feeds.errors import FeedError
from feeds.fetching import Stamp
from feeds.reading import FeedReader, Outcome
from feeds.sources import KNOWLEDGE, Commodities, read_source
from trading.settings_feeds import Feeds, FeedSettings, ScoreFeed, is_address

READING_SECONDS = 20.0  # for all of it: the start of the process, the fetching, the parsing
DYING_SECONDS = 2.0  # for the system to take away a killed process
LARGEST_ANSWER_BYTES = 8 << 20  # it is parsed in the crew: 40,000 events take a quarter of a second, and 7 MiB


class ChildReader:
    """Has a process read the source, and kills it at the deadline."""

    reads_again = True

    def __init__(
        self,
        settings: FeedSettings,
        commodities: Commodities,
        *,
        seconds: float = READING_SECONDS,
        command: Sequence[str] | None = None,
    ) -> None:
        """``command``: what to run in place of the process, for tests of what may become of it."""
        self._settings = settings
        self._commodities = commodities
        self._seconds = seconds
        self._command = child_command() if command is None else tuple(command)
        self._stamps: tuple[Stamp, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._answer: IO[bytes] | None = None
        self._until = math.inf  # on `time.monotonic`
        self._failed = ""  # why it could not even be begun
        self._undead: list[subprocess.Popen[bytes]] = []  # killed, and not gone yet

    def begin(self) -> None:
        """Start the process."""
        self._end()
        self._failed = ""
        self._until = time.monotonic() + self._seconds
        request = Request(
            self._settings.kind,
            self._settings.model_dump(mode="json"),
            [commodity.model_dump(mode="json", by_alias=True) for commodity in self._commodities.values()],
            self._stamps,
            self._seconds,
        )
        try:
            with tempfile.TemporaryFile() as asked:
                asked.write(REQUESTS.dump_json(request))
                asked.seek(0)
                self._answer = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `_end`: a pipe would have to be emptied
                self._process = subprocess.Popen(
                    self._command,
                    env=environment(),
                    stdin=asked,
                    stdout=self._answer,
                    stderr=subprocess.DEVNULL,
                    **apart_from_us(),
                )
        except OSError as error:
            self._end()
            self._failed = f"{self._settings.sources[0]}: no process can be started to read it: {error}"

    def result(self) -> Outcome | None:
        """As `FeedReader.result`; kills the process when its time is up."""
        if self._failed:
            failed, self._failed = self._failed, ""
            return Outcome(error=failed)
        if self._process is None or self._answer is None:
            return None
        code = self._process.poll()
        where = self._settings.sources[0]
        if code is None:
            if time.monotonic() < self._until:
                return None
            self._end()
            return Outcome(error=f"{where}: not read within {self._seconds:g} s: given up")
        self._answer.seek(0)
        text = self._answer.read(LARGEST_ANSWER_BYTES + 1)
        self._end()
        if code != 0 or not text:
            return Outcome(error=f"{where}: the process that read it ended with {code}: given up")
        if len(text) > LARGEST_ANSWER_BYTES:
            return Outcome(error=f"{where}: it knows more than {LARGEST_ANSWER_BYTES >> 20} MiB: given up")
        return self._understood(where, text)

    def cancel(self) -> None:
        """Kill the process, if there is one."""
        self._end()
        self._stamps = ()

    def _understood(self, where: str, text: bytes) -> Outcome:
        try:
            answer = ANSWERS.validate_json(text)
            if answer.error:
                return Outcome(error=answer.error)
            if answer.knowledge is None:
                return Outcome()
            knowledge: Any = TypeAdapter(KNOWLEDGE[self._settings.kind]).validate_python(answer.knowledge)
        except ValidationError as error:
            return Outcome(error=f"{where}: the process that read it says nonsense: {error.errors()[0]['msg']}")
        self._stamps = answer.stamps
        return Outcome(knowledge)

    def _end(self) -> None:
        self._undead = [process for process in self._undead if process.poll() is None]
        if self._process is not None:
            self._process.kill()
            try:
                self._process.wait(DYING_SECONDS)
            except subprocess.TimeoutExpired:
                self._undead.append(self._process)  # it hangs in the system, as on a disk that is gone
            self._process = None
        if self._answer is not None:
            self._answer.close()
            self._answer = None


class RecordedReader:
    """Reads a file at once, and once: for virtual time, in which a file holds what was known at each instant."""

    reads_again = False

    def __init__(self, settings: FeedSettings, commodities: Commodities) -> None:
        self._settings = settings
        self._commodities = commodities
        self._outcome: Outcome | None = None

    def begin(self) -> None:
        """Read it."""
        address = next((source for source in self._settings.sources if is_address(source)), None)
        if address is not None:
            self._outcome = Outcome(error=f"{address}: nobody knows what an address said then; expected a file")
            return
        try:
            read = read_source(self._settings, self._commodities, time.monotonic() + READING_SECONDS)
        except FeedError as error:
            self._outcome = Outcome(error=str(error))
        else:
            self._outcome = None if read is None else Outcome(read.knowledge)

    def result(self) -> Outcome | None:
        """As `FeedReader.result`."""
        outcome, self._outcome = self._outcome, None
        return outcome

    def cancel(self) -> None:
        """Nothing is under way."""


def readers_of(
    feeds: Feeds, catalogue: Commodities, traded: Sequence[str], *, recorded: bool = False
) -> dict[str, FeedReader]:
    """A reader for each enabled source, by name. ``traded``: the commodities whose mood is wanted.

    Scores may be pushed for anything in the ``catalogue``: who pushes them need not know what is traded.
    """
    wanted = {name: catalogue[name] for name in traded}
    kind = RecordedReader if recorded else ChildReader
    return {feed.name: kind(feed, catalogue if isinstance(feed, ScoreFeed) else wanted) for feed in feeds.enabled}


def child_command() -> tuple[str, ...]:
    """What starts the process."""
    return command_of("feeds.child")
