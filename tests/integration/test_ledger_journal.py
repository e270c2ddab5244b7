"""What the ledger promises of its journal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_ledger import NOON, Holder, a_ledger, a_line

from persistence.journal import JournalEntry, JournalLine
from persistence.ledger import Ledger


@pytest.fixture
def ledger(any_ledger: str) -> Iterator[Ledger]:
    """A ledger of either kind."""
    with a_ledger(any_ledger) as opened:
        yield opened


def test_a_line_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    entry = JournalEntry(
        NOON, "refusal", "cooldown", "alpha", "EURUSD", 4, "analysis-1", {"b": 1.5, "a": [None, True, {"z": "ü"}]}
    )
    ledger.journal.append(entry)
    assert ledger.journal.list() == [
        JournalLine(
            id=1,
            at=NOON,
            last_at=NOON,
            repeated=1,
            writer="test",
            kind="refusal",
            platform="alpha",
            commodity="EURUSD",
            trade_id=4,
            analysis_id="analysis-1",
            reason="cooldown",
            detail={"a": [None, True, {"z": "ü"}], "b": 1.5},
        )
    ]


def test_several_entries_are_written_together_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match=r"detail of the journal entry 'bad' .* object is not a JSON type"):
        ledger.journal.append(a_line(), a_line("bad", detail={"what": object()}))
    assert ledger.journal.list() == []
    ledger.journal.append(a_line("one"), a_line("two"))
    assert [line.kind for line in ledger.journal.list()] == ["two", "one"]


endless: dict[str, object] = {}
endless["again"] = endless


@pytest.mark.parametrize(
    "detail",
    [{"a": 1, 2: 3}, {"a": math.nan, "b": object()}, {math.nan: 1}, {"a": {1, 2}}, endless],
    ids=["keys of two kinds", "an object beside a NaN", "a NaN as a key", "a set", "itself"],
)
def test_a_detail_that_is_not_json_is_refused(ledger: Ledger, detail: Any) -> None:
    with pytest.raises(ValueError, match="detail of the journal entry 'transition' is"):
        ledger.journal.append(a_line(detail=detail))
    assert ledger.journal.list() == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_kept_as_null(ledger: Ledger, value: float) -> None:
    ledger.journal.append(a_line(detail={"a": value, "b": [1.5, (value,)], "c": MappingProxyType({"d": value})}))
    assert ledger.journal.list()[0].detail == {"a": None, "b": [1.5, [None]], "c": {"d": None}}
    assert b'"detail":{"a":null,"b":[1.5,[null]],"c":{"d":null}}' in ledger.journal.export()


# ---------------------------------------------------------------- folding


def test_the_same_refusal_again_is_counted_on_its_line(ledger: Ledger) -> None:
    for minute in range(5):
        ledger.journal.append(a_line("refusal", "cooldown", at=NOON + minute, detail={"left": 5 - minute}), fold=True)
    (line,) = ledger.journal.list()
    assert (line.repeated, line.at, line.last_at, line.detail) == (5, NOON, NOON + 4, {"left": 5})


@pytest.mark.parametrize(
    "different",
    [
        {"reason": "spread"},
        {"platform": "beta"},
        {"platform": None},
        {"commodity": "GOLD"},
        {"kind": "note"},
        {"trade_id": 3},
        {"analysis_id": "analysis-2"},
    ],
)
def test_anything_but_time_and_detail_that_differs_makes_a_new_line(ledger: Ledger, different: dict[str, Any]) -> None:
    ledger.journal.append(a_line("refusal", "cooldown", platform="alpha", commodity="EURUSD"), fold=True)
    changes = {"kind": "refusal", "reason": "cooldown", "platform": "alpha", "commodity": "EURUSD", **different}
    ledger.journal.append(a_line(**changes), fold=True)
    assert [line.repeated for line in ledger.journal.list()] == [1, 1]


def test_only_the_newest_line_of_its_kind_and_slot_is_counted_up(ledger: Ledger) -> None:
    for reason in ("cooldown", "spread", "cooldown"):
        ledger.journal.append(a_line("refusal", reason, platform="alpha"), fold=True)
    ledger.journal.append(a_line("refusal", "spread", platform="beta"), fold=True)
    ledger.journal.append(a_line("refusal", "cooldown", platform="alpha"), fold=True)
    assert [(line.reason, line.repeated) for line in ledger.journal.list(newest_first=False)] == [
        ("cooldown", 1),
        ("spread", 1),
        ("cooldown", 2),
        ("spread", 1),
    ]


def test_nothing_is_folded_unless_asked(ledger: Ledger) -> None:
    ledger.journal.append(a_line(), a_line())
    assert len(ledger.journal.list()) == 2


def test_one_writer_does_not_count_up_the_line_of_another(any_url: str) -> None:
    for writer in ("first", "second", "second"):
        with a_ledger(any_url, writer=writer) as ledger:
            ledger.journal.append(a_line(), fold=True)
    with a_ledger(any_url) as ledger:
        assert [(line.writer, line.repeated) for line in ledger.journal.list(newest_first=False)] == [
            ("first", 1),
            ("second", 2),
        ]


def test_reasons_are_counted_with_their_repetitions(ledger: Ledger) -> None:
    for reason in ("spread", "cooldown", "cooldown", "spread", "cooldown", "cooldown"):
        ledger.journal.append(a_line("refusal", reason), fold=True)
    ledger.journal.append(a_line("other", "cooldown"))
    counted = ledger.journal.count_by_reason("refusal")
    assert counted == {"cooldown": 4, "spread": 2}
    assert list(counted) == sorted(counted)


# ---------------------------------------------------------------- asking


def test_lines_are_found_by_kind_commodity_trade_and_time(ledger: Ledger) -> None:
    ledger.journal.append(
        a_line("a", commodity="EURUSD", at=NOON),
        a_line("b", commodity="EURUSD", at=NOON + 1, trade_id=3),
        a_line("a", commodity="GOLD", at=NOON + 2, trade_id=3),
    )

    def numbers(**wanted: Any) -> list[int]:
        return [line.id for line in ledger.journal.list(**wanted)]

    assert numbers() == [3, 2, 1]
    assert numbers(newest_first=False, limit=2) == [1, 2]
    assert numbers(kind="a") == [3, 1]
    assert numbers(without="a") == [2]
    assert numbers(commodity="EURUSD", kind="b") == [2]
    assert numbers(trade_id=3) == [3, 2]
    assert numbers(since=NOON + 1) == [3, 2]


def test_a_folded_line_is_as_new_as_its_newest_entry(ledger: Ledger) -> None:
    ledger.journal.append(a_line(at=NOON))
    ledger.journal.append(a_line(at=NOON + 10), fold=True)
    assert len(ledger.journal.list(since=NOON + 10)) == 1


# ---------------------------------------------------------------- export

plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(details=st.lists(st.dictionaries(st.text(max_size=8), plain_json, max_size=4), max_size=4))
def test_the_same_story_is_exported_as_the_same_bytes(details: list[dict[str, Any]]) -> None:
    def told(*, backwards: bool) -> bytes:
        with a_ledger() as ledger:
            for detail in details:
                in_order = reversed(detail.items()) if backwards else detail.items()
                ledger.journal.append(a_line(detail=dict(in_order)))
            return ledger.journal.export()

    exported = told(backwards=False)
    assert exported == told(backwards=True)
    lines = [json.loads(line, parse_constant=pytest.fail) for line in exported.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, len(details) + 1))


def test_an_export_has_every_line_with_all_that_is_known_of_it() -> None:
    with a_ledger() as ledger:
        Holder(ledger).submit(a_line(reason="strong", detail={"z": 1, "a": 0.1}))
        ledger.journal.append(a_line("note", "ü"))
        assert ledger.journal.export() == (
            b'{"analysis_id":null,"at":1772625600000,"commodity":null,"detail":{"a":0.1,"z":1},"id":1,"kind":"transition",'
            b'"last_at":1772625600000,"platform":null,"reason":"strong","repeated":1,"trade_id":1,"writer":"test"}\n'
            b'{"analysis_id":null,"at":1772625600000,"commodity":null,"detail":{},"id":2,"kind":"note",'
            b'"last_at":1772625600000,"platform":null,"reason":"\\u00fc","repeated":1,"trade_id":null,"writer":"test"}\n'
        )
