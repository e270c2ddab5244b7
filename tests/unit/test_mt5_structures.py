"""The double's constants and results are the real package's: names, values, order, types, and what they cannot do."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.mt5 import facts, simulator
from connectors.mt5.layouts import RATES, TICKS
from connectors.mt5.structures import (
    RATES_TYPE,
    STRUCTURE_TYPES,
    TICKS_TYPE,
    OrderSendResult,
    Structure,
    Tick,
    TradePosition,
    TradeRequest,
    blank,
    from_record,
    rates_array,
    ticks_array,
)

FACTS = Path(os.environ.get("WATCHBILL_MT5_FACTS", Path(__file__).parents[3] / "shared" / "mt5"))
every_structure = pytest.mark.parametrize("structure", STRUCTURE_TYPES.values(), ids=STRUCTURE_TYPES)


def recorded(name: str) -> Any:
    if not (FACTS / name).exists():
        pytest.skip(f"{FACTS / name} is not there; WATCHBILL_MT5_FACTS names the directory of the recordings")
    return json.loads((FACTS / name).read_text(encoding="utf-8"))


def test_the_constants_are_those_recorded_from_the_real_package() -> None:
    constants = recorded("constants.json")
    assert constants.pop("__version__") == simulator.__version__
    assert constants.pop("__author__") == simulator.__author__
    assert dict(facts.CONSTANTS) == constants


def test_the_structures_and_arrays_are_laid_out_as_recorded_from_the_real_package() -> None:
    recording = recorded("structs.json")
    assert {name: list(structure.__match_args__) for name, structure in STRUCTURE_TYPES.items()} == {
        name: structure["fields"] for name, structure in recording["structs"].items()
    }
    assert {name: structure.__doc__ for name, structure in STRUCTURE_TYPES.items()} == {
        name: structure["doc"] for name, structure in recording["structs"].items()
    }
    assert [list(column) for column in RATES.items()] == recording["Rates"]["dtype"]
    assert [list(column) for column in TICKS.items()] == recording["Ticks"]["dtype"]


def test_the_functions_are_those_recorded_from_the_real_package() -> None:
    methods = {method["name"]: int(method["flags"], 16) for method in recorded("structs.json")["methods"]}
    assert len(methods) == 32
    for name, flags in methods.items():
        function = getattr(simulator.Package(), name)
        assert getattr(simulator, name).__self__ is simulator.PACKAGE
        if flags == 4:
            with pytest.raises(TypeError):
                function(1)
        if flags != 3:
            with pytest.raises(TypeError):
                function(nobody_knows=1)


def test_every_return_code_and_every_error_that_was_recorded_has_its_name_or_words() -> None:
    recording = recorded("retcodes.json")
    assert {code: f"TRADE_RETCODE_{name}" for code, name in facts.RETURN_CODES.items()} == {
        int(code): entry["name"] for code, entry in recording["retcodes"].items()
    }
    assert set(facts.ERRORS) == {int(code) for code in recording["last_error"]}


def test_a_package_has_the_constants_and_structures_as_the_module_has() -> None:
    package = simulator.Package()
    for name, value in {**facts.CONSTANTS, **STRUCTURE_TYPES}.items():
        assert getattr(package, name) == vars(simulator)[name] == value


def test_a_structure_is_read_by_index_and_by_name_and_equals_its_tuple() -> None:
    tick = Tick(range(8))
    assert (tick[1], tick.bid, tick[-1], tick.volume_real) == (1, 1, 7, 7)
    assert tick == tuple(range(8))
    assert hash(tick) == hash(tuple(range(8)))
    assert repr(tick) == "Tick(time=0, bid=1, ask=2, last=3, volume=4, time_msc=5, flags=6, volume_real=7)"
    assert copy.copy(tick) == tick
    assert (tick.n_fields, tick.n_sequence_fields, tick.n_unnamed_fields) == (8, 8, 0)


@every_structure
def test_a_structure_cannot_be_pickled_replaced_or_written(structure: type[Structure]) -> None:
    made = structure(range(structure.n_fields))
    with pytest.raises(pickle.PicklingError, match=rf"Can't pickle <class '{structure.__name__}'>"):
        pickle.dumps(made)
    assert not hasattr(made, "_fields")
    assert not hasattr(made, "_replace")
    with pytest.raises(AttributeError):
        setattr(made, structure.__match_args__[0], 1)
    with pytest.raises(AttributeError):
        setattr(made, "nobody" + "_knows", 1)  # there is no room for it


@every_structure
def test_a_structure_takes_one_sequence_of_exactly_its_length(structure: type[Structure]) -> None:
    with pytest.raises(TypeError, match=rf"{structure.__name__}\(\) takes a \d+-sequence \(2-sequence given\)"):
        structure([1, 2][: structure.n_fields - 1])


def test_asdict_leaves_the_request_in_a_result_a_structure() -> None:
    request = from_record(TradeRequest, blank(TradeRequest))
    result = from_record(OrderSendResult, blank(OrderSendResult) | {"retcode": 10_009}, request=request)
    assert result._asdict()["request"] is request
    assert list(result._asdict()) == list(OrderSendResult.__match_args__)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ticket", 1.0), ("ticket", True), ("volume", "0.1"), ("volume", True), ("symbol", None), ("ticket", None)],
)
def test_a_record_with_a_wrong_value_is_refused_with_the_field_and_the_value(name: str, value: object) -> None:
    record = blank(TradePosition) | {name: value}
    with pytest.raises(TypeError, match=rf"TradePosition\.{name} is {value!r}"):
        from_record(TradePosition, record)


def test_a_record_without_a_field_is_refused_with_its_name() -> None:
    record = blank(TradePosition)
    del record["swap"]
    with pytest.raises(TypeError, match=r"TradePosition\.swap is missing"):
        from_record(TradePosition, record)


def test_whole_prices_become_floats_as_the_package_gives_them() -> None:
    tick = from_record(Tick, blank(Tick) | {"bid": 2, "volume": np.int64(3).item()})
    assert repr(tick.bid) == "2.0"
    assert repr(tick.volume) == "3"


def test_bars_and_ticks_are_structured_arrays_of_60_bytes_an_element() -> None:
    assert RATES_TYPE.itemsize == TICKS_TYPE.itemsize == 60
    bars = rates_array([(1, 1.0, 2.0, 0.5, 1.5, 7, 3, 0), (61, 1.5, 2.0, 0.5, 1.0, 7, 3, 0)])
    assert bars.shape == (2,)
    assert bars["close"].tolist() == [1.5, 1.0]
    assert rates_array([]).shape == ticks_array([]).shape == (0,)
    assert ticks_array([(1, 1.0, 2.0, 0.0, 0, 1000, 6, 0.0)])["time_msc"].tolist() == [1000]
