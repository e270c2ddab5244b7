"""Terms of leadership as the ledger counts them: after a loop of crashes the crew manages what is open, and no more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from actors.system.alerts import Alert
from actors.wiring import journal_alert
from connectors.base import ConnectorError
from console.errors import CommandError
from console.modes import mode_data, mode_words
from console.operating import market_time
from persistence.errors import LedgerError, StaleToken
from persistence.ledger import Ledger
from persistence.reservations import crew_resource
from persistence.starts import CRASH_WINDOW_SECONDS, Start
from trading.modes import Mode, ModeCause

log = logging.getLogger("watchbill.serve")


@dataclass(slots=True)
class Terms:
    """The terms of this process. Where the ledger does not take the end of one, it is written before the next begins.

    So a disk that is full for a while makes no loop of crashes.
    """

    ledger: Ledger
    crew: str
    _ended: list[Start] = field(default_factory=list)  # in order, and the ledger does not know it yet

    @contextmanager
    def counted(self, owner: str, has_failed: Callable[[], bool], broken: str = "") -> Iterator[bool]:
        """A term that counts as a crash unless it ends in order: by a signal, or because something refused to begin.

        Gives False, and counts nothing, where ``owner`` does not lead the crew any more. Right after it has begun, a
        loop of crashes sets the crew to manage only, and so does ``broken``: what is wrong with the settings that were
        given. Whatever mode is not trading is said aloud.
        """
        start = self._begin(owner)
        if start is None:
            yield False
            return
        try:
            _set_modes(self.ledger, start, broken)
            yield True
        except (CommandError, ConnectorError, LedgerError):  # it was refused, or the broker or the ledger is away
            self._end(start)
            raise
        if not has_failed():
            self._end(start)

    def close(self) -> None:
        """Write what is still to be written of them, as the last thing that this process does."""
        try:
            self._write_ends()
        except LedgerError as error:
            log.warning("a term that ended in order will be counted as a crash: %s", error)

    def _begin(self, owner: str) -> Start | None:
        lease = self.ledger.reservations.holder(crew_resource(self.crew))
        if lease is None or lease.owner != owner:
            return None
        self._write_ends()
        try:
            return self.ledger.starts.begin(self.crew, lease.fence)
        except StaleToken as error:
            log.warning("%s", error)
            return None

    def _end(self, start: Start) -> None:
        self._ended.append(start)
        try:
            self._write_ends()
        except LedgerError as error:
            log.info("the end of this term is not written yet: %s", error)

    def _write_ends(self) -> None:
        while self._ended:
            self.ledger.starts.end(self._ended[0])
            del self._ended[0]


def _set_modes(ledger: Ledger, start: Start, broken: str) -> None:
    if start.is_in_crash_loop:
        reason = f"{start.crashes} crashes within {CRASH_WINDOW_SECONDS / 60:g} minutes"
        _manage_only(ledger, start, ModeCause.CRASH_LOOP, reason, "run.py reset")
    if broken:
        reason = " ".join(f"the settings cannot be used: {broken}".split())
        _manage_only(ledger, start, ModeCause.CONFIGURATION, reason, "a start on settings that can be used")
    else:
        _lift_broken(ledger, start)
    record = ledger.modes.of(start.crew)
    if record.mode is not Mode.TRADING:
        log.warning("crew %s is %s", start.crew, mode_words(mode_data(start.crew, record)))


def _manage_only(ledger: Ledger, start: Start, cause: ModeCause, reason: str, until: str) -> None:
    known = {record.cause: record for record in ledger.modes.by_cause(start.crew)}
    if (before := known.get(cause)) and before.mode is Mode.MANAGE_ONLY and before.reason == reason:
        return
    at = market_time(ledger)
    ledger.modes.set(start.crew, Mode.MANAGE_ONLY, cause=cause, reason=reason, by=start.owner, at=at)
    said = f"crew {start.crew}: {reason}; it opens nothing and guards what is open until {until}"
    log.critical(said)
    journal_alert(ledger, Alert(at, "serve", cause.value, said))


def _lift_broken(ledger: Ledger, start: Start) -> None:
    known = {record.cause: record.mode for record in ledger.modes.by_cause(start.crew)}
    if known.get(ModeCause.CONFIGURATION, Mode.TRADING) is not Mode.TRADING:
        ledger.modes.set(
            start.crew,
            Mode.TRADING,
            cause=ModeCause.CONFIGURATION,
            reason="the settings can be used",
            by=start.owner,
            at=market_time(ledger),
        )
