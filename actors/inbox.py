"""InboxActor: takes the analyses that sources outside leave in a folder, and hands them to the trader.

It stands apart from the trading: a folder that is gone, a disk that is full or a file that is nonsense is told of, and
holds up nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.messages import AccountSnapshot, Analysed, LookIntoInbox, MarketRead, ReadingsWanted, TradeChanged
from actors.names import ANALYST, LOOKED_INTO_AGAIN, TRADER
from actors.outside import judged, use_up
from actors.own_readings import OwnReadings
from actors.system.context import Context
from feeds.analysis_folder import AnalysisFolder, WaitingFile
from feeds.errors import AnalysisRefused
from feeds.signed_analyses import KeyOf
from persistence.errors import LedgerUnavailable
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from trading.analysis import Analysis
from trading.settings import Settings

OUTSIDE = "outside"  # the kind of the journal's lines about what was not taken
SETTLED_SECONDS = 2.0  # a file that is no analysis may still be on its way into the folder


@dataclass(frozen=True, slots=True)
class Inbox:
    """What the actor is given."""

    folder: AnalysisFolder
    key_of: KeyOf


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that was no analysis, and since when it has not changed."""

    stamp: tuple[int, int]
    since_elapsed: float


class InboxActor:
    """Looks into the folder once in each `poll_seconds` of elapsed time."""

    def __init__(self, settings: Settings, ledger: Ledger, inbox: Inbox) -> None:
        self._settings = settings
        self._ledger = ledger
        self._inbox = inbox
        self._own = OwnReadings()
        self._unreadable: dict[str, Unreadable] = {}  # by file name
        self._done: dict[str, tuple[int, int]] = {}  # by file name: its stamp, when it was judged
        self._trouble = ""  # that was told of, and is not over

    def start(self, context: Context) -> None:
        """Look at once: something may have been left while nobody looked."""
        context.tell(ANALYST, ReadingsWanted())
        context.later(0, LookIntoInbox())

    def receive(self, message: object, context: Context) -> None:
        """Look, and arm the next look."""
        match message:
            case LookIntoInbox():
                context.later(self._settings.analyses.poll_seconds, LookIntoInbox())
                self._guarded(lambda: self._look(context), context)
            case MarketRead(reading):
                self._own.take(reading)
            case AccountSnapshot():
                self._own.snapshots[message.platform] = message
            case TradeChanged():
                pass  # told to all who are told of accounts
            case _:
                raise TypeError(f"the inbox does not take {type(message).__name__}")

    def _guarded(self, look: Callable[[], None], context: Context) -> None:
        try:
            look()
        except (OSError, LedgerUnavailable) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                context.alert("inbox", f"{self._inbox.folder.path}: not all is taken: {error}")
        else:
            if self._trouble:
                self._trouble = ""
                context.alert("inbox", f"{self._inbox.folder.path}: {LOOKED_INTO_AGAIN}")

    def _look(self, context: Context) -> None:
        folder = self._inbox.folder
        folder.prepare()
        folder.tell_time(context.now())
        waiting = folder.waiting()
        stuck: OSError | None = None
        for file in waiting:
            if self._done.get(file.path.name) == file.stamp:
                continue  # judged, and it could not be moved away
            try:
                self._take(file, context)
            except OSError as error:  # of this file: the others do not wait for it
                stuck = error
        there = {file.path.name for file in waiting}
        self._unreadable = {name: seen for name, seen in self._unreadable.items() if name in there}
        self._done = {name: stamp for name, stamp in self._done.items() if name in there}
        if stuck is not None:
            raise stuck

    def _take(self, file: WaitingFile, context: Context) -> None:
        """Judge one file, once: told or refused, and moved away. One on which nothing can be decided yet waits."""
        try:
            analysis = self._judged(file, context)
        except FileNotFoundError:
            return  # its author took it back
        except AnalysisRefused as error:
            if not self._may_still_change(file, error, context):
                self._refuse(file, error, context)
        except (OSError, LedgerUnavailable):
            raise
        except Exception as fault:  # no file of a stranger may end the process, or hold up the others
            context.alert("inbox", f"{file.path.name} met a defect: {type(fault).__name__}: {fault}")
            self._refuse(file, AnalysisRefused("defect", f"{type(fault).__name__}: {fault}"), context)
        else:
            if analysis is not None:
                # Its id is used up: whatever becomes of the file, it is told once.
                context.tell(TRADER, Analysed(analysis))
                self._done[file.path.name] = file.stamp
                self._inbox.folder.take(file)

    def _judged(self, file: WaitingFile, context: Context) -> Analysis | None:
        """The analysis, its id used up; None where it has to wait. Raises `AnalysisRefused`."""
        now = context.now()
        analysis = judged(self._inbox.folder.text(file), self._inbox.key_of, self._own, self._settings, now)
        if analysis is not None:
            use_up(analysis, self._settings.crew, self._ledger, now)
        return analysis

    def _refuse(self, file: WaitingFile, error: AnalysisRefused, context: Context) -> None:
        said = {"file": file.path.name, "source": error.source, "why": str(error)}
        line = JournalEntry(context.now(), OUTSIDE, f"refused:{error.reason}", detail=said)
        self._ledger.journal.append(line, fold=True)
        self._done[file.path.name] = file.stamp
        self._inbox.folder.refuse(file, f"{error.reason}: {error}")

    def _may_still_change(self, file: WaitingFile, error: AnalysisRefused, context: Context) -> bool:
        """Whether it may be half written: nothing in it could be proved, and it has changed not long ago."""
        if error.reason not in ("not_signed", "signature"):
            return False
        seen = self._unreadable.get(file.path.name)
        if seen is None or seen.stamp != file.stamp:
            self._unreadable[file.path.name] = Unreadable(file.stamp, context.elapsed())
            return True
        return context.elapsed() - seen.since_elapsed < SETTLED_SECONDS
