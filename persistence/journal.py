"""The journal: every decision with its numbers, every transition with its reason.

Lines are only ever added, and carry their writer instead of a fence: a process that has lost its lease may still say
what it saw. The one change that a line can undergo is to be counted up, when the same thing is said again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    String,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Row

from persistence.database import Database
from persistence.errors import DamagedLine
from persistence.prepared import prepared
from persistence.tables import journal
from trading.market import Instant

DECISION = "decision"  # an analysis was judged; of an account's line: it was chosen, and told to open
VALUATION = "valuation"  # the kind of the lines that say what an open trade was found to be worth
DRAWDOWN_FORGIVEN = "drawdown_forgiven"  # a person had an account's drawdown forgotten

ESCAPE = "\\"  # before what would mean something in a pattern


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Something to be remembered."""

    at: Instant  # market time
    kind: str  # what sort of thing: "refusal", "transition", ...
    reason: str
    platform: str | None = None
    commodity: str | None = None
    trade_id: int | None = None
    analysis_id: str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)  # the numbers, in JSON's types; NaN is kept as null

    def about(self, trade_id: int) -> JournalEntry:
        """The same of this trade."""
        return JournalEntry(
            self.at, self.kind, self.reason, self.platform, self.commodity, trade_id, self.analysis_id, self.detail
        )


@dataclass(frozen=True, slots=True)
class JournalLine:
    """Something remembered, as the ledger keeps it."""

    id: int
    at: Instant
    last_at: Instant  # of the newest entry folded into this line
    repeated: int  # how many entries this line stands for
    writer: str
    kind: str
    platform: str | None
    commodity: str | None
    trade_id: int | None
    analysis_id: str | None
    reason: str
    detail: dict[str, Any]  # of the first of them


Lines: TypeAlias = list[JournalLine]


class Journal:
    """The journal table."""

    def __init__(self, database: Database, writer: str, crew: str) -> None:
        """``writer`` signs every line. ``crew``: whose journal this is; the lines of others are not in it."""
        self._database = database
        self._writer = writer
        self._crew = crew
        self._told: Callable[[JournalEntry], None] | None = None

    def tell_of_entries(self, told: Callable[[JournalEntry], None]) -> None:
        """From now on call ``told`` with each entry that is being written here, folded or not.

        It is called amid a transaction, which may yet be rolled back: it should count, and do no more.
        """
        self._told = told

    def append(self, *entries: JournalEntry, fold: bool = False) -> None:
        """Write all of them in one transaction.

        With ``fold``, an entry that says what the newest line of its kind, platform and commodity says already, time
        and detail aside, is counted there instead of taking a line of its own.
        """
        with self._database.writing() as connection:
            self.write(connection, entries, fold=fold)

    def write(self, connection: Connection, entries: Iterable[JournalEntry], *, fold: bool = False) -> None:
        """The same, as a part of the caller's transaction. Raises ``ValueError`` where a detail is not JSON."""
        for entry in entries:
            if self._told is not None:
                self._told(entry)
            values = self._values(entry)
            if not (fold and connection.execute(COUNT_UP, values).rowcount):
                connection.execute(APPEND, values)

    def list(
        self,
        *,
        kind: str | None = None,
        without: str | None = None,
        platform: str | None = None,
        commodity: str | None = None,
        trade_id: int | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        after_id: int | None = None,
        before_id: int | None = None,
        reason: str | None = None,
        without_reason: str | None = None,
        having: Sequence[str] = (),
        limit: int | None = None,
        newest_first: bool = True,
    ) -> Lines:
        """The lines that fit everything asked for; ``since`` is the market time of a line's newest entry, ``until`` of
        its oldest.

        ``without`` and ``without_reason``: a kind and a reason that are not wanted. ``after_id``: the lines that were
        begun after this one; ``before_id``: before it. ``having``: words, all of which must be in a line's reason or in
        its detail as it is written, in letters of either case. Such a look reads every line that fits all else, so
        bound it: `reach` tells with which ``after_id``.
        """
        asked = {
            "crew_": self._crew,
            "kind_": kind,
            "without_": without,
            "platform_": platform,
            "commodity_": commodity,
            "trade_id_": trade_id,
            "since_": since,
            "until_": until,
            "after_id_": after_id,
            "before_id_": before_id,
            "reason_": reason,
            "without_reason_": without_reason,
            "limit_": limit,
            **{f"having_{place}_": pattern_of(word) for place, word in enumerate(having)},
            **{f"written_{place}_": pattern_of(json.dumps(word)[1:-1]) for place, word in enumerate(having)},
        }
        values = {name: value for name, value in asked.items() if value is not None}
        with self._database.reading_at_once() as connection:
            return [_line(row) for row in connection.execute(_listing(frozenset(values), newest_first), values)]

    def reach(
        self,
        lines: int,
        *,
        kind: str | None = None,
        platform: str | None = None,
        commodity: str | None = None,
        trade_id: int | None = None,
        before_id: int | None = None,
    ) -> int | None:
        """The number of the last of so many newest lines that fit; None where there are no more than that."""
        asked = {
            "crew_": self._crew,
            "kind_": kind,
            "platform_": platform,
            "commodity_": commodity,
            "trade_id_": trade_id,
            "before_id_": before_id,
        }
        values: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        query = _reaching(frozenset(values))
        with self._database.reading_at_once() as connection:
            found: int | None = connection.execute(query, {**values, "skipped_": lines}).scalar_one_or_none()
        return None if found is None else found + 1

    def last_at(self, kind: str, platform: str) -> Instant | None:
        """When the newest line of this kind was written about an account; None: never."""
        wanted = {"crew_": self._crew, "the_kind": kind, "the_platform": platform}
        with self._database.reading_at_once() as connection:
            at: Instant | None = connection.execute(LAST_AT, wanted).scalar_one()
        return at

    def count_by_reason(self, kind: str) -> dict[str, int]:
        """How often each reason was given for this kind of thing, every repetition counted; in order of reason."""
        wanted = {"the_kind": kind, "crew_": self._crew}
        with self._database.reading_at_once() as connection:
            return {reason: int(count) for reason, count in connection.execute(COUNT_BY_REASON, wanted)}

    def export(self) -> bytes:
        """Every line as one JSON object, oldest first: the same journal is always the same bytes."""
        with self._database.reading_at_once() as connection:
            return b"".join(_exported(row) for row in connection.execute(EXPORT, {"crew_": self._crew}))

    def _values(self, entry: JournalEntry) -> dict[str, Any]:
        return {
            "at_": entry.at,
            "crew_": self._crew,
            "writer_": self._writer,
            "kind_": entry.kind,
            "platform_": entry.platform,
            "commodity_": entry.commodity,
            "trade_id_": entry.trade_id,
            "analysis_id_": entry.analysis_id,
            "reason_": entry.reason,
            "detail_": detail_text(entry),
        }


def detail_text(entry: JournalEntry) -> str:
    """The detail as strict JSON, its keys sorted. Raises ``ValueError`` where it is not JSON at all."""
    try:
        try:
            return _encode(entry.detail)
        except ValueError:  # there is a NaN or an infinity in it, which JSON does not have
            return _encode(_without_the_infinite(entry.detail))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"detail of the journal entry {entry.kind!r} is {entry.detail!r}: {error}") from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain).encode


def _without_the_infinite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_the_infinite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_the_infinite(item) for item in value]
    return value


@cache
def _listing(asked: frozenset[str], newest_first: bool) -> Select[Any]:
    """The query with a bound value for each name that is ``asked``; there are not many sets of them."""
    in_order = journal.c.id.desc() if newest_first else journal.c.id
    query = _SELECT.order_by(in_order)
    limit = bindparam("limit_", type_=Integer)
    tests = {name: test for name, test in _TESTS.items() if name in asked}
    words = [_has(name) for name in sorted(asked) if name.startswith("having_")]
    if "limit_" not in asked:
        return prepared(query.where(*tests.values(), *words))
    # Left to itself, SQLite sorts whole lines, and of a crew or a kind there are very many.
    if asked.isdisjoint(_RARE):
        tests["crew_"] = journal.c.crew.concat("") == bindparam("crew_")  # in no index: it walks by number
    elif asked <= _IN_THE_INDEX:
        numbers = select(journal.c.id).where(*tests.values()).order_by(in_order).limit(limit)
        return prepared(query.where(journal.c.id.in_(numbers)))
    return prepared(query.where(*tests.values(), *words).limit(limit))


@cache
def _reaching(asked: frozenset[str]) -> Select[Any]:
    """The line behind as many as are skipped."""
    tests = (test for name, test in _TESTS.items() if name in asked)
    newest_first = select(journal.c.id).where(*tests).order_by(journal.c.id.desc())
    return prepared(newest_first.limit(1).offset(bindparam("skipped_", type_=Integer)))


def _has(name: str) -> ColumnElement[bool]:
    """Whether the text that is bound under the name is in a line. In SQLite only the letters A to Z have two cases."""
    written = bindparam(name.replace("having", "written"), type_=String)  # as JSON, in which a detail is kept
    return or_(
        func.lower(journal.c.reason).like(bindparam(name, type_=String), escape=ESCAPE),
        func.lower(journal.c.detail).like(written, escape=ESCAPE),
    )


def pattern_of(text: str) -> str:
    """What `LIKE` takes for a text that stands anywhere, in small letters: nothing in it means anything else."""
    for letter in (ESCAPE, "%", "_"):
        text = text.replace(letter, ESCAPE + letter)
    return f"%{text.lower()}%"


def _line(row: Row[Any]) -> JournalLine:
    values: list[Any] = list(row)  # in the order of the fields
    values[-1] = read_detail(values[0], values[-1])
    return JournalLine(*values)


def read_detail(line_id: int, text: str) -> dict[str, Any]:
    """The numbers of a line. Raises `DamagedLine` where it cannot be read."""
    try:
        detail = json.loads(text)
    except ValueError as error:
        raise DamagedLine(line_id, str(error)) from error
    if not isinstance(detail, dict):
        raise DamagedLine(line_id, f"it is {text[:40]}")
    return detail


def _exported(row: Row[Any]) -> bytes:
    values = row._asdict()
    values["detail"] = read_detail(row.id, values["detail"])
    return _encode(values).encode("ascii") + b"\n"


# Bound names differ from column names, because SQLAlchemy keeps those for itself in an UPDATE.
WRITTEN = ("crew", "writer", "kind", "platform", "commodity", "trade_id", "analysis_id", "reason", "detail")
_SAME = ("writer", "trade_id", "analysis_id", "reason")
_newest = journal.alias("newest")
_newest_id = select(func.max(_newest.c.id)).where(
    _newest.c.crew == bindparam("crew_"),
    _newest.c.kind == bindparam("kind_"),
    _newest.c.platform.is_not_distinct_from(bindparam("platform_")),
    _newest.c.commodity.is_not_distinct_from(bindparam("commodity_")),
)

APPEND = prepared(
    insert(journal).values(
        at=bindparam("at_"),
        last_at=bindparam("at_"),
        repeated=1,
        **{name: bindparam(f"{name}_", type_=journal.c[name].type) for name in WRITTEN},
    )
)
COUNT_UP = prepared(
    update(journal)
    .where(
        journal.c.id == _newest_id.scalar_subquery(),
        *(journal.c[name].is_not_distinct_from(bindparam(f"{name}_", type_=journal.c[name].type)) for name in _SAME),
    )
    .values(repeated=journal.c.repeated + 1, last_at=bindparam("at_"))
)
NEWEST = prepared(select(*journal.columns).where(journal.c.id == _newest_id.scalar_subquery()))
_SELECT = select(*(journal.c[field.name] for field in fields(JournalLine)))
_TESTS = {  # by the name of the bound value
    "crew_": journal.c.crew == bindparam("crew_"),
    "kind_": journal.c.kind == bindparam("kind_"),
    "without_": journal.c.kind != bindparam("without_"),
    "platform_": journal.c.platform == bindparam("platform_"),
    "commodity_": journal.c.commodity == bindparam("commodity_"),
    "trade_id_": journal.c.trade_id == bindparam("trade_id_"),
    "since_": journal.c.last_at >= bindparam("since_"),
    "until_": journal.c.at <= bindparam("until_"),
    "after_id_": journal.c.id > bindparam("after_id_"),
    "before_id_": journal.c.id < bindparam("before_id_"),
    "reason_": journal.c.reason == bindparam("reason_"),
    "without_reason_": journal.c.reason != bindparam("without_reason_"),
}
_RARE = frozenset({"kind_", "platform_", "commodity_", "trade_id_", "since_", "until_", "reason_"})
"""With any of these, lines that fit may be few and far between."""

_IN_THE_INDEX = frozenset({"crew_", "kind_", "platform_", "commodity_", "after_id_", "before_id_", "limit_"})
"""What `journal_newest` can answer by itself."""

EXPORT = prepared(_SELECT.where(journal.c.crew == bindparam("crew_")).order_by(journal.c.id))
LAST_AT = prepared(
    select(func.max(journal.c.at)).where(
        journal.c.crew == bindparam("crew_"),
        journal.c.kind == bindparam("the_kind"),
        journal.c.platform == bindparam("the_platform"),
    )
)
COUNT_BY_REASON = prepared(
    select(journal.c.reason, func.sum(journal.c.repeated))
    .where(journal.c.crew == bindparam("crew_"), journal.c.kind == bindparam("the_kind"))
    .group_by(journal.c.reason)
    .order_by(journal.c.reason)
)
