"""The files of calendars: what was written comes back, and nothing else is believed."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from feeds.market_calendars_files import (
    HEADERS,
    BadSchedules,
    Head,
    Header,
    days,
    from_bytes,
    read,
    to_bytes,
    write,
)
from trading.calendars import ExchangeSchedule
from trading.market import DAY, HOUR

MADE_WITH = "a library 1.0"
FIRST = date(2026, 1, 5)


def a_schedule(sessions: int = 5, name: str = "An Exchange", **changes: Any) -> ExchangeSchedule:
    """So many days, with sessions from 9 to 17 o'clock UTC."""
    dates = days(FIRST) + np.arange(sessions, dtype=np.int64)
    schedule = ExchangeSchedule(
        name=name,
        zone="America/New_York",
        first=FIRST,
        last=FIRST + timedelta(days=sessions),
        known_until=date(2026, 12, 31),
        dates=dates,
        opens=dates * DAY + 9 * HOUR,
        closes=dates * DAY + 17 * HOUR,
    )
    return replace(schedule, **changes)


def are_equal(one: ExchangeSchedule, other: ExchangeSchedule) -> bool:
    """All but the columns by their values, and the columns by what is in them."""
    plain = ("name", "zone", "first", "last", "known_until")
    columns = ("dates", "opens", "closes")
    return all(getattr(one, field) == getattr(other, field) for field in plain) and all(
        np.array_equal(getattr(one, column), getattr(other, column)) for column in columns
    )


WHOLE = to_bytes(MADE_WITH, [a_schedule()])


@given(st.lists(st.integers(1, 400), min_size=1, max_size=4), st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_what_was_written_comes_back(sizes: list[int], faults: dict[str, str]) -> None:
    written = [a_schedule(size, name=f"exchange {number}") for number, size in enumerate(sizes)]
    found = from_bytes(to_bytes(MADE_WITH, written, faults))
    assert (found.made_with, found.faults) == (MADE_WITH, faults)
    assert all(are_equal(one, other) for one, other in zip(found.schedules, written, strict=True))


@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(BadSchedules):
        from_bytes(WHOLE[:length])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_byte_that_was_changed_is_refused_or_changes_nothing(place: int, change: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    try:
        found = from_bytes(bytes(damaged))
    except BadSchedules:
        return
    (schedule,) = found.schedules
    assert are_equal(schedule, a_schedule())


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_refused(raw: bytes) -> None:
    with pytest.raises(BadSchedules):
        from_bytes(raw)


@pytest.mark.parametrize("head", [b"{'descr': (", b"{'descr': '|u1'\n  x", b"\x00", b"((((", b"{'shape': (9**99,)}"])
def test_a_member_whose_head_is_none_is_refused(head: bytes) -> None:
    """NumPy reads it with Python's own tokenizer, before the member's checksum."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr("header.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
    with pytest.raises(BadSchedules):
        from_bytes(file.getvalue())


def test_nothing_in_a_file_is_ever_run() -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return os.system, ("exit 1",)

    file = io.BytesIO()
    columns: dict[str, Any] = {"header": np.array([Trap()], dtype=object)}
    np.savez(file, **columns)
    with pytest.raises(BadSchedules, match="allow_pickle"):
        from_bytes(file.getvalue())


DATES = a_schedule().dates


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dates": DATES[:-1]}, "not three of the same length"),
        ({"opens": DATES.astype(np.float64)}, "not three of the same length in whole numbers"),
        ({"closes": DATES * DAY + 8 * HOUR}, "not one after another"),
        ({"closes": DATES * DAY + 34 * HOUR}, "not one after another"),
        ({"dates": DATES[::-1].copy()}, "not one after another"),
        ({"first": FIRST + timedelta(days=1)}, "sessions outside 2026-01-06"),
        ({"last": FIRST + timedelta(days=1)}, "sessions outside 2026-01-05 to 2026-01-06"),
        ({"dates": DATES[:0], "opens": DATES[:0], "closes": DATES[:0]}, "has no sessions"),
        ({"zone": "Atlantis/Centre"}, "not a time zone"),
        ({"zone": "../../etc/passwd"}, "not a time zone"),
    ],
)
def test_columns_that_make_no_schedule_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSchedules, match=said):
        from_bytes(to_bytes(MADE_WITH, [a_schedule(**changes)]))


def with_header(header: bytes) -> bytes:
    file = io.BytesIO()
    np.savez(file, header=np.frombuffer(header, dtype=np.uint8))
    return file.getvalue()


def test_a_file_of_another_format_is_refused() -> None:
    with pytest.raises(BadSchedules, match="its format is 99; expected 2"):
        from_bytes(with_header(HEADERS.dump_json(Header(99, MADE_WITH, (), {}))))


def test_a_header_without_its_columns_is_refused() -> None:
    head = Head("An Exchange", "UTC", FIRST, FIRST, FIRST, "")
    with pytest.raises(BadSchedules, match="dates"):
        from_bytes(with_header(HEADERS.dump_json(Header(2, MADE_WITH, (head,), {}))))


def test_a_header_that_is_none_says_where_it_is_wrong() -> None:
    with pytest.raises(BadSchedules, match="its header's made_with"):
        from_bytes(with_header(b'{"format": 2, "calendars": [], "faults": {}}'))


def test_a_file_is_put_in_its_place_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "calendars" / "An%20Exchange.npz"
    assert read(file) is None
    write(file, WHOLE)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(file, to_bytes("another", [a_schedule(9)]))
    found = read(file)
    assert found is not None
    assert found.made_with == MADE_WITH
    assert list(file.parent.iterdir()) == [file]


def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path: Path) -> None:
    file = tmp_path / "An%20Exchange.npz"
    left, being_written = (tmp_path / f"{file.name}.{name}.new" for name in ("left", "being_written"))
    left.touch()
    being_written.touch()
    os.utime(left, (0, 0))
    write(file, WHOLE)
    assert sorted(tmp_path.iterdir()) == sorted((file, being_written))


def test_columns_that_are_shared_cannot_be_written() -> None:
    (schedule,) = from_bytes(WHOLE).schedules
    with pytest.raises(ValueError, match="read-only"):
        schedule.opens[0] = 0
    assert_array_equal(schedule.opens, a_schedule().opens)
