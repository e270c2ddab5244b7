"""Trades at hand: every row, and what their indexes say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import select

from persistence.memory import ABSENT, Changes
from persistence.memory_registers import AccountsAtHand
from persistence.memory_shapes import Shape
from persistence.prepared import Answer, Found, SqliteInMemory, prepared
from persistence.tables import trade
from persistence.trade_rows import CHANGING, FIELDS, INSERT, INSERTED, SELECT_ONE, SELECT_ONE_TO_CHANGE, UPDATE
from persistence.trades import LAST_SUBMITTED_AT, SEEN
from trading.trade import ACTIVE, TradeState

COLUMNS = tuple(column.name for column in trade.columns)
Row = tuple[Any, ...]
"""In the order of `COLUMNS`: the fields of `Trade`, and two more."""

(TRADE_ID, PLATFORM, COMMODITY, STATE, ANALYSIS, MAGIC, SUBMITTED_AT, CLAIMS, CREW) = (
    COLUMNS.index(name)
    for name in (
        "trade_id", "platform", "commodity", "state", "analysis_id", "magic", "submitted_at", "claims_analysis", "crew",
    )
)  # fmt: skip
_CHANGING_PLACES = tuple(COLUMNS.index(name) for name in CHANGING)
_WORDS = tuple(place for place, column in enumerate(trade.columns) if hasattr(column.type, "enum_class"))
_given_to_insert = itemgetter(*INSERTED, "claims_analysis", "crew")
_given_to_change = itemgetter(*CHANGING)

ROW = Shape(tuple(trade.columns))
ALL = prepared(select(*trade.columns).order_by(trade.c.trade_id))
DELETE_ROW = "DELETE FROM trade WHERE trade_id = ?"
INSERT_ROW = f"INSERT INTO trade ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"

NEXT = "next"
WRITTEN = Found((), 1)
NOTHING = Found([], -1)


class TradesAtHand:
    """The table of trades."""

    name = "trade"

    def __init__(self, sqlite: SqliteInMemory, changes: Changes, accounts: AccountsAtHand) -> None:
        """Nothing was read yet."""
        self._sqlite = sqlite
        self._changes = changes
        self._accounts = accounts
        self._rows: dict[int, Row] = {}
        self._active: dict[tuple[str, str], int] = {}  # by platform and commodity: at most one
        self._claimed: dict[tuple[str, str], int] = {}  # by crew and analysis: at most one
        self._standing: dict[tuple[str, str], tuple[int, ...]] = {}  # the same, that have not failed, oldest first
        self._last: dict[tuple[str, str], int] = {}  # by platform and commodity, of those that have not failed
        self._magics: dict[int, int] = {}
        self._numbers: dict[str, int] = {}  # of the next trade
        self._written_below = 0  # the numbers of the rows that SQLite has
        self.changed: dict[int, Row] = {}

    def answers(self) -> Sequence[tuple[Any, Answer]]:
        """As `TableAtHand.answers`."""
        return [
            (SELECT_ONE, self._one),
            (SELECT_ONE_TO_CHANGE, self._one),
            (SEEN, self._seen),
            (LAST_SUBMITTED_AT, self._last_submitted_at),
            (INSERT, self._insert),
            (UPDATE, self._update),
        ]

    def write_down(self) -> None:
        """As `TableAtHand.write_down`."""
        if not self.changed:
            return
        rows = sorted(self.changed.items())
        # Not changed in place: for a moment, two rows might be active in one slot.
        self._sqlite.run_many(DELETE_ROW, [(number,) for number, _ in rows if number < self._written_below])
        self._sqlite.run_many(INSERT_ROW, [_in_plain_words(row) for _, row in rows])
        self.changed.clear()
        self._written_below = self._numbers[NEXT]

    def forget(self) -> None:
        """As `TableAtHand.forget`."""
        for mapping in (self._rows, self._active, self._claimed, self._standing, self._last, self._magics):
            mapping.clear()
        self._numbers.clear()
        self.changed.clear()

    def _load(self) -> None:
        for found in self._sqlite.fetch(ALL, {}):
            row = tuple(found)
            self._rows[row[TRADE_ID]] = row
            self._magics[row[MAGIC]] = row[TRADE_ID]
            self._index(None, row, _set)
        self._numbers[NEXT] = self._written_below = max(self._rows, default=0) + 1

    def _one(self, values: Mapping[str, Any]) -> Found | None:
        if type(values["the_trade"]) is not int:
            return None
        if not self._numbers:
            self._load()
        row = self._rows.get(values["the_trade"])
        return NOTHING if row is None else Found([row[: len(FIELDS)]], -1)

    def _seen(self, values: Mapping[str, Any]) -> Found | None:
        key = (values["the_crew"], values["the_analysis"])
        if type(key[0]) is not str or type(key[1]) is not str:
            return None
        if not self._numbers:
            self._load()
        return Found([(number,) for number in self._standing.get(key, ())], -1)

    def _last_submitted_at(self, values: Mapping[str, Any]) -> Found | None:
        key = (values["the_platform"], values["the_commodity"])
        if type(key[0]) is not str or type(key[1]) is not str:
            return None
        if not self._numbers:
            self._load()
        return Found([(self._last.get(key),)], -1)

    def _insert(self, values: Mapping[str, Any]) -> Found | None:
        if not self._numbers:
            self._load()
        number = self._numbers[NEXT]
        row = ROW.fit((number, *_given_to_insert(values)))
        if row is None or not self._accounts.knows(row[PLATFORM]) or row[MAGIC] in self._magics:
            return None
        if not self._leaves_indexes_whole(row):
            return None
        self._changes.put(self._numbers, NEXT, number + 1)
        self._changes.put(self._magics, row[MAGIC], number)
        self._write(None, row)
        return Found([(number,)], 1)

    def _update(self, values: Mapping[str, Any]) -> Found | None:
        if not self._numbers:
            self._load()
        number = values["the_trade"]
        before = self._rows.get(number) if type(number) is int else None
        if before is None:
            return None
        changed = list(before)
        for place, value in zip(_CHANGING_PLACES, _given_to_change(values), strict=True):
            changed[place] = value
        changed[CLAIMS] = values.get("claims_analysis", before[CLAIMS])
        row = ROW.fit(tuple(changed))
        if row is None or not self._leaves_indexes_whole(row):
            return None
        self._write(before, row)
        return WRITTEN

    def _leaves_indexes_whole(self, row: Row) -> bool:
        number = row[TRADE_ID]
        if row[STATE] in ACTIVE and self._active.get((row[PLATFORM], row[COMMODITY]), number) != number:
            return False
        return not row[CLAIMS] or self._claimed.get((row[CREW], row[ANALYSIS]), number) == number

    def _write(self, before: Row | None, row: Row) -> None:
        put = self._changes.put
        put(self._rows, row[TRADE_ID], row)
        put(self.changed, row[TRADE_ID], row)
        self._index(before, row, put)

    def _index(self, before: Row | None, row: Row, put: Any) -> None:
        number, slot, analysis = row[TRADE_ID], (row[PLATFORM], row[COMMODITY]), (row[CREW], row[ANALYSIS])
        was_active, is_active = before is not None and before[STATE] in ACTIVE, row[STATE] in ACTIVE
        if was_active != is_active:
            put(self._active, slot, number if is_active else ABSENT)
        did_claim, claims = before is not None and before[CLAIMS], row[CLAIMS]
        if did_claim != claims:
            put(self._claimed, analysis, number if claims else ABSENT)
        stood, stands = before is not None and _stands(before), _stands(row)
        if stood == stands:
            return
        standing = self._standing.get(analysis, ())
        if stands:
            put(self._standing, analysis, tuple(sorted((*standing, number))))
            put(self._last, slot, max(row[SUBMITTED_AT], self._last.get(slot, row[SUBMITTED_AT])))
            return
        put(self._standing, analysis, tuple(other for other in standing if other != number))
        others = [
            other[SUBMITTED_AT]
            for other in self._rows.values()
            if other[PLATFORM] == slot[0] and other[COMMODITY] == slot[1] and _stands(other)
        ]
        put(self._last, slot, max(others, default=ABSENT))


def _stands(row: Row) -> bool:
    return row[STATE] is not TradeState.FAILED


def _set(mapping: dict[Any, Any], key: Any, value: Any) -> None:
    if value is not ABSENT:
        mapping[key] = value


def _in_plain_words(row: Row) -> Row:
    plain = list(row)
    for place in _WORDS:
        if plain[place] is not None:
            plain[place] = plain[place].value
    return tuple(plain)
