"""Why nothing was decided at a moment: what the journal, the modes and the calendar know of it."""

from __future__ import annotations

from collections.abc import Iterator

from console.configuration import Configuration
from console.figures import clock, span, words
from console.sentences import printable, sentence
from feeds.errors import CalendarUnavailable
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from persistence.modes import KIND as MODE
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant
from trading.modes import Mode

QUIET = HOUR + 5 * MINUTE  # a bar is judged each hour: after that, something keeps decisions back
LONGEST_SHUT = 14 * DAY
ALERTS = 3


def reasons(
    ledger: Ledger, configuration: Configuration, commodity: str | None, moment: Instant | None, *, is_past: bool
) -> list[str]:
    """Sentences; none where something was decided shortly before ``moment``, or where nothing ever happened.

    ``commodity``: None for all that are traded. ``is_past``: a moment that was asked for, not that of the newest line.
    """
    if moment is None:
        return []
    journal = ledger.journal
    last = next(iter(journal.list(kind="decision", commodity=commodity, until=moment, limit=1)), None)
    if last is not None and moment - last.last_at < QUIET:
        return []
    found = [_since_when(last, moment)]
    found += _outside_of_the_journal(ledger, moment) if is_past else []
    for traded in configuration.traded if commodity is None else (commodity,):
        found += _shut(configuration, traded, moment)
    found += _mode(ledger, moment)
    since = moment - DAY if last is None else last.last_at
    alerts = journal.list(kind="alert", since=since, until=moment, limit=ALERTS)
    found += [f"alert at {clock(line.last_at)}: {_said(line)}" for line in alerts]
    return found


def _since_when(last: JournalLine | None, moment: Instant) -> str:
    if last is None:
        return f"Nothing had been decided by {clock(moment)}."
    return f"At {clock(moment)} nothing had been decided for {span((moment - last.last_at) / SECOND)}."


def _outside_of_the_journal(ledger: Ledger, moment: Instant) -> Iterator[str]:
    """Whether the journal has anything of that time at all."""
    first = next(iter(ledger.journal.list(limit=1, newest_first=False)), None)
    newest = next(iter(ledger.journal.list(limit=1)), None)
    if first is not None and moment < first.at:
        yield f"The journal begins at {clock(first.at)}."
    if newest is not None and newest.last_at < moment:
        yield f"The journal ends at {clock(newest.last_at)}: no process of this crew has written since."


def _shut(configuration: Configuration, commodity: str, moment: Instant) -> Iterator[str]:
    first, last = moment - LONGEST_SHUT, moment + LONGEST_SHUT
    try:
        times = configuration.trading_times(configuration.commodities[commodity], first, last)
    except CalendarUnavailable as error:
        yield f"Whether {commodity} was shut is not known: {printable(str(error))}"
        return
    if times.is_open(moment):
        return
    spans = list(times.spans(first, moment))
    since = f" from {clock(spans[-1][1])}" if spans else ""
    opens = times.next_open(moment)
    until = "" if opens is None else f" until {clock(opens)}"
    yield f"{commodity} was shut{since}{until} (run.py calendar {commodity})."


def _mode(ledger: Ledger, moment: Instant) -> Iterator[str]:
    """The modes in force then, by their causes: the newest line of each."""
    by_cause: dict[str, JournalLine] = {}
    for line in ledger.journal.list(kind=MODE, until=moment):
        by_cause.setdefault(str(line.detail.get("cause")), line)
    for cause, line in by_cause.items():
        if line.reason != Mode.TRADING:
            said = f": {line.detail['said']}" if line.detail.get("said") else ""
            yield f"The crew was {words(line.reason)} since {clock(line.at)} ({words(cause)}){said}."


def _said(line: JournalLine) -> str:
    return printable(sentence(line.kind, line.reason, line.detail, line.repeated))
