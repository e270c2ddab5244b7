"""The double refuses what the real package refuses, and nothing else, in the same words."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_terminals import Terminal
from mt5_argument_table import Row, answer, order, rows

from connectors.mt5.argument_checks import Refused, moment, trade_request
from connectors.mt5.simulator import Package

ROWS = rows()
ACCEPTED = [row for row in ROWS if row.accepted]
RECORDED = Path(os.environ.get("WATCHBILL_MT5_FACTS", Path(__file__).parents[3] / "shared" / "mt5"))
RECORDED_ANSWER = re.compile(
    r"^(?P<label>.*?)\s+(?P<given>None|False|RAISES|EXC) (?:[A-Z].* )?(?P<error>\(-?\d+, (['\"]).*\4\))$"
)
LAST_ERROR = re.compile(r"\(-?\d+, (['\"]).*\1\)$")
NOT_SENT = re.compile(r"\(-2, '(Invalid|Unnamed)|\(-10004")

whole_numbers = st.integers(-(2**66), 2**66)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.call)
def test_without_a_connection_every_call_is_answered_as_the_real_package_answers_it(row: Row) -> None:
    assert answer(Package(), row.call) == row.answer


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row.call)
def test_what_the_package_would_have_sent_reaches_the_terminal_once_it_is_connected(row: Row) -> None:
    given = answer(Terminal().connected(), row.call)
    assert "SystemError" not in given
    assert NOT_SENT.match(_error(given)) is None


def test_the_table_has_every_line_that_was_written_down_when_the_real_package_was_asked() -> None:
    recording = RECORDED / "arg_validation.txt"
    if not recording.exists():
        pytest.skip(f"{recording} is not there; WATCHBILL_MT5_FACTS names the directory of the recordings")
    mine = {(row.label, row.answer.startswith("SystemError"), _error(row.answer)) for row in ROWS}
    lines = recording.read_text(encoding="utf-8").splitlines()
    found = [RECORDED_ANSWER.match(line) for line in lines]
    assert all(found)
    theirs = [(line["label"], line["given"] in ("RAISES", "EXC"), line["error"]) for line in found if line]
    assert len(theirs) == len(lines) == 59
    assert [line for line in theirs if line not in mine] == []


def _error(given: str) -> str:
    found = LAST_ERROR.search(given)
    assert found is not None
    return found[0]


@given(magic=whole_numbers, position=whole_numbers, kind=whole_numbers)
def test_a_request_comes_through_with_the_very_numbers_or_not_at_all(magic: int, position: int, kind: int) -> None:
    given = order(magic=magic, position=position, type=kind)
    if 0 <= magic < 2**64 and 0 <= position < 2**64 and 0 <= kind < 2**32:
        request = trade_request((given,), {})
        assert (request["magic"], request["position"], request["type"]) == (magic, position, kind)
    else:
        with pytest.raises(Refused) as refusal:
            trade_request((given,), {})
        assert isinstance(refusal.value.__cause__, OverflowError)


@given(st.text())
def test_a_comment_has_at_most_29_units_of_utf_16(comment: str) -> None:
    if len(comment.encode("utf-16-le", "surrogatepass")) // 2 <= 29:
        assert trade_request((order(comment=comment),), {})["comment"] == comment.partition("\0")[0]
    else:
        with pytest.raises(Refused, match='Invalid "comment" argument'):
            trade_request((order(comment=comment),), {})


def test_fields_that_are_not_given_are_zero_or_empty() -> None:
    request = trade_request(({"action": 1},), {})
    assert request == {
        **dict.fromkeys(("magic", "order", "deviation", "type", "type_filling", "type_time", "expiration"), 0),
        **dict.fromkeys(("position", "position_by"), 0),
        **dict.fromkeys(("volume", "price", "stoplimit", "sl", "tp"), 0.0),
        **dict.fromkeys(("symbol", "comment"), ""),
        "action": 1,
    }


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_moment_is_cut_to_32_bits_as_the_package_cuts_it(seconds: float) -> None:
    found = moment(seconds)
    assert -(2**31) <= found < 2**31
    if abs(seconds) < 2**31:
        assert found == int(seconds)
