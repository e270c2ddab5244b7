"""What an answer of MetaTrader 5 to an order proves, and that nothing else is ever taken for proof."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Rejected, Unknown
from connectors.mt5 import facts
from connectors.mt5.calls import REFUSALS, Sent
from connectors.mt5.fillings import FOK, IOC, RETURN, fillings
from connectors.mt5.outcomes import LAST_ERRORS, OUT_OF_STEP, RETURN_CODES, Executing, Fate, judge
from connectors.wire import BadMessage

UNKNOWN_CODES = {10011, 10012, 10023, 10028, 10031, 10039}
EXECUTING_CODES = {10008, 10009, 10010}
REQUOTES = {10004, 10020}
REQUEST, INSTANT, MARKET, EXCHANGE = range(4)


def result(code: int, **changes: Any) -> dict[str, Any]:
    """A record of OrderSendResult."""
    return {
        "retcode": code,
        "deal": 0,
        "order": 71,
        "volume": 0.1,
        "price": 1.1,
        "bid": 1.1,
        "ask": 1.1,
        "comment": "as the server says",
        "request_id": 1,
        "retcode_external": 0,
        **changes,
    }


def sent(code: int | None = None, *, error: int = 1, refused: str | None = None) -> Sent:
    """What a worker says when the package gave this code; None: it gave no result."""
    return Sent(
        refused=refused,
        reason="because",
        result=None if code is None else result(code),
        code=error,
        message="said",
        filling=FOK,
    )


def test_every_return_code_of_the_package_is_in_the_table_under_its_name() -> None:
    theirs = {
        value: name.removeprefix("TRADE_RETCODE_")
        for name, value in facts.CONSTANTS.items()
        if name.startswith("TRADE_RETCODE_")
    }
    hedge_prohibited = {10046: "HEDGE_PROHIBITED"}  # MQL5 has it, the package does not
    assert {code: meaning.name for code, meaning in RETURN_CODES.items()} == {**theirs, **hedge_prohibited}


def test_every_error_of_the_package_is_in_the_table_under_its_name() -> None:
    theirs = {value: name.removeprefix("RES_") for name, value in facts.CONSTANTS.items() if name.startswith("RES_")}
    assert {code: meaning.name for code, meaning in LAST_ERRORS.items()} == theirs


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("code", sorted(RETURN_CODES))
def test_each_return_code_proves_what_it_proves_and_no_more(code: int, closes: bool) -> None:
    judged = judge(sent(code), closes=closes)
    if code in EXECUTING_CODES:
        assert judged == Executing(71, 0.1, is_final=code != 10008, filling=FOK)
    elif code in UNKNOWN_CODES or (code == 10036 and not closes):
        assert isinstance(judged, Unknown)
        assert str(code) in judged.reason
    else:
        assert isinstance(judged, Rejected)
        assert judged.requote == (code in REQUOTES)
        assert "as the server says" in judged.reason


@given(st.integers().filter(lambda code: code not in RETURN_CODES), st.booleans())
def test_a_code_that_nobody_knows_proves_nothing(code: int, closes: bool) -> None:
    assert isinstance(judge(sent(code), closes=closes), Unknown)


@given(st.integers(-20_000, 20_000), st.booleans())
def test_no_result_is_a_no_only_where_the_package_says_that_nothing_left(error: int, closes: bool) -> None:
    judged = judge(sent(error=error), closes=closes)
    codes = {-2: "invalid_request", -8: "trade_disabled", -10004: "not_connected"}
    if error in codes:
        assert isinstance(judged, Rejected)
        assert (judged.code, judged.requote) == (codes[error], False)
    else:
        assert isinstance(judged, Unknown)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_workers_refusal_is_a_no_under_its_own_code(refusal: str) -> None:
    assert judge(sent(refused=refusal), closes=False) == Rejected(refusal, "because")


def test_that_a_position_is_closed_already_is_a_no_to_its_close_alone() -> None:
    judged = judge(sent(10036), closes=True)
    assert isinstance(judged, Rejected)
    assert judged.code == "no_position"


def test_every_refusal_has_a_code_of_its_own_kind() -> None:
    refused = [meaning for meaning in RETURN_CODES.values() if meaning.fate in (Fate.REFUSED, Fate.REQUOTED)]
    assert all(meaning.code for meaning in refused)
    assert len({meaning.code for meaning in refused}) == len(refused)
    assert all(code < -9_999 for code in OUT_OF_STEP)


@pytest.mark.parametrize("field", ["retcode", "comment"])
def test_a_result_without_its_code_or_comment_is_no_result(field: str) -> None:
    broken = result(10006)
    del broken[field]
    with pytest.raises(BadMessage, match=field):
        judge(Sent(None, "", broken, 1, "", FOK), closes=False)


# ------------------------------------------------------------ fillings


def test_an_open_would_rather_be_whole_and_a_close_rather_get_something() -> None:
    assert fillings(3, MARKET, closes=False, worked=None) == (FOK, IOC)
    assert fillings(3, MARKET, closes=True, worked=None) == (IOC, FOK)


@pytest.mark.parametrize(("bits", "allowed"), [(1, {FOK}), (2, {IOC}), (3, {FOK, IOC}), (6, {IOC}), (0, {FOK, IOC})])
def test_in_market_execution_the_bits_say_what_is_tried(bits: int, allowed: set[int]) -> None:
    assert set(fillings(bits, MARKET, closes=False, worked=None)) == allowed


@pytest.mark.parametrize(("bits", "order"), [(1, (FOK, IOC)), (2, (IOC, FOK)), (3, (IOC, FOK)), (0, (IOC, FOK))])
def test_a_close_goes_on_to_what_the_bits_do_not_say(bits: int, order: tuple[int, ...]) -> None:
    assert fillings(bits, MARKET, closes=True, worked=None) == order


@pytest.mark.parametrize("execution", [REQUEST, INSTANT, EXCHANGE])
@pytest.mark.parametrize("closes", [False, True])
def test_return_comes_last_and_never_in_market_execution(execution: int, closes: bool) -> None:
    assert fillings(3, execution, closes=closes, worked=None)[-1] == RETURN
    assert RETURN not in fillings(7, MARKET, closes=closes, worked=None)


@pytest.mark.parametrize("execution", [REQUEST, INSTANT])
def test_where_prices_are_asked_for_fill_or_kill_is_always_taken(execution: int) -> None:
    assert fillings(0, execution, closes=False, worked=None) == (FOK, RETURN)


@given(st.integers(0, 7), st.integers(0, 3), st.booleans(), st.none() | st.integers(0, 3))
def test_what_worked_the_last_time_comes_first_and_nothing_is_tried_twice(
    bits: int, execution: int, closes: bool, worked: int | None
) -> None:
    fresh = fillings(bits, execution, closes=closes, worked=None)
    remembered = fillings(bits, execution, closes=closes, worked=worked)
    assert sorted(remembered) == sorted(set(fresh))
    assert remembered[0] == (worked if worked in fresh else fresh[0])
