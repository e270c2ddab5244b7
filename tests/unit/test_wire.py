"""What goes over the wire comes out as it went in, and what does not fit is named."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import wire
from connectors.base import Done, OpenOrder, Outcome, Rejected, Unknown
from connectors.wire import BadMessage, Json
from trading.bars import BarSeries
from trading.market import Deal, Entry, Quote, Side

ORDER = OpenOrder("EURUSD", Side.BUY, 0.1, (77 << 32) + 1, "wb-1", 1.1)


def over_the_wire(value: object) -> Any:
    """As the other side reads it."""
    return wire.message(wire.line({"value": wire.encode(value)}))["value"]


@given(bid=st.floats(allow_nan=False), ask=st.floats(allow_nan=False), time=st.integers(-(2**62), 2**62))
def test_every_double_survives_to_the_last_bit(bid: float, ask: float, time: int) -> None:
    there = wire.decode(Quote, over_the_wire(Quote("EURUSD", bid, ask, time)), "quote")

    assert (there.bid.hex(), there.ask.hex(), there.time) == (bid.hex(), ask.hex(), time)


def test_what_is_no_number_survives_too_though_json_has_no_word_for_it() -> None:
    there = wire.decode(OpenOrder, over_the_wire(replace(ORDER, expected_price=math.nan)), "order")

    assert math.isnan(there.expected_price)
    assert (
        wire.decode(OpenOrder, over_the_wire(replace(ORDER, volume_lots=-math.inf)), "order").volume_lots == -math.inf
    )


def test_a_deal_comes_out_as_it_went_in() -> None:
    deal = Deal(2, 1, 1, 77, "EURUSD", Side.SELL, Entry.OUT, 0.1, 1.1, -3.5, -0.1, -0.35, 0.0, 5, "expert")
    assert wire.decode_all(Deal, over_the_wire([deal, deal]), "deals") == (deal, deal)


@pytest.mark.parametrize("outcome", [Done(1, 2, 3, 0.1, 1.1, 5), Rejected("requote", "moved", True), Unknown("late")])
def test_an_outcome_stays_which_of_the_three_it_is(outcome: Outcome) -> None:
    text = wire.line({"value": wire.encode_outcome(outcome)})
    assert wire.decode_outcome(wire.message(text)["value"], "outcome") == outcome


@given(st.lists(st.floats(), max_size=20))
def test_the_columns_of_bars_survive_bit_for_bit(values: list[float]) -> None:
    column = np.array(values, dtype=np.float64)
    series = BarSeries("EURUSD", 3600, np.arange(len(values), dtype=np.int64), *[column] * 5)
    data = json.loads(json.dumps(wire.encode_bars(series)))
    there = wire.decode_bars(data, "bars")

    assert (there.commodity, there.bar_seconds, there.time.tolist()) == ("EURUSD", 3600, series.time.tolist())
    for name in ("open", "high", "low", "close", "spread"):
        assert getattr(there, name).tobytes() == column.tobytes()


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("side", "up", "order.side is 'up'; expected one of buy, sell"),
        ("volume_lots", "much", "order.volume_lots is 'much'; expected a number"),
        ("volume_lots", True, "order.volume_lots is True; expected a number"),
        ("volume_lots", 10**400, "expected a number"),
        ("magic", 1.0, "order.magic is 1.0; expected a whole number"),
        ("magic", True, "order.magic is True; expected a whole number"),
        ("comment", None, "order.comment is None; expected text"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_field(field: str, value: object, complaint: str) -> None:
    with pytest.raises(BadMessage, match=complaint.replace(".", r"\.")):
        wire.decode(OpenOrder, {**wire.encode(ORDER), field: value}, "order")


def test_a_field_too_many_and_one_too_few_are_named() -> None:
    data = wire.encode(ORDER)
    with pytest.raises(BadMessage, match=r"order\.stop_price is not a field"):
        wire.decode(OpenOrder, {**data, "stop_price": 1.0}, "order")
    for field in fields(OpenOrder):
        with pytest.raises(BadMessage, match=rf"order\.{field.name} is missing"):
            wire.decode(OpenOrder, {name: value for name, value in data.items() if name != field.name}, "order")


@given(st.binary(max_size=200))
def test_no_line_whatever_is_in_it_raises_anything_but_a_bad_message(text: bytes) -> None:
    with suppress(BadMessage):
        assert isinstance(wire.message(text), dict)


@pytest.mark.parametrize("text", [b"[1]", b"NaN", b'{"a": Infinity}', b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.message(text)


@pytest.mark.parametrize("column", ["?", "AAAA", 5, None])
def test_a_column_that_is_no_column_is_named(column: object) -> None:
    series = BarSeries("EURUSD", 3600, np.arange(1, dtype=np.int64), *[np.ones(1)] * 5)
    with pytest.raises(BadMessage, match=r"bars\.high"):
        wire.decode_bars({**wire.encode_bars(series), "high": column}, "bars")


@dataclass(frozen=True)
class Loose:
    """What a package of others has, whose fields are not ours to name."""

    record: Mapping[str, Json] | None
    value: Json


@pytest.mark.parametrize("value", [None, 1, "text", [1, None], {"any": {"depth": []}}])
def test_a_record_and_a_value_of_any_kind_come_out_as_they_went_in(value: Json) -> None:
    for record in (None, {}, {"ticket": 2**53 + 1, "inner": value}):
        assert wire.decode(Loose, over_the_wire(Loose(record, value)), "loose") == Loose(record, value)
    with pytest.raises(BadMessage, match=re.escape("loose.record is [1]; expected an object")):
        wire.decode(Loose, {"record": [1], "value": value}, "loose")
