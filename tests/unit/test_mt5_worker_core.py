"""A worker carries out the calls of its list and no others, and nothing but a lawful order reaches the package."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_terminal_package import (
    DEMO,
    DONE,
    INVALID_FILL,
    LOGIN,
    ORDER,
    SERVER,
    ScriptedPackage,
    made,
    result,
    terms,
)

from connectors import wire
from connectors.base import ConnectorError, StaleToken
from connectors.mt5.calls import REFUSALS, Given, Identity, Look, SendOrder, Sent, SymbolLook
from connectors.mt5.channel import AnswerLost, NotSent, NotUnderstood
from connectors.mt5.channel_errors import error_of, kind_of
from connectors.mt5.direct import DirectChannel
from connectors.mt5.facts import RES_E_FAIL
from connectors.mt5.order_floor import FloorUnusable, HeldFloor, MemoryFloor, OrderFloor
from connectors.mt5.package_records import packed_rates, unpacked_rates
from connectors.mt5.structures import Tick, TradeDeal, TradeOrder, TradePosition, rates_array
from connectors.mt5.worker_core import WorkerCore
from connectors.wire import BadMessage
from trading.order_numbers import magic_number

CLOSE = replace(ORDER, order_type=1, position=987_654_321, fillings=(1, 0))
MAGIC = OURS = magic_number(77, 1)
THEIRS = magic_number(78, 1)
WELL = Identity(LOGIN, SERVER, DEMO, 2, True)


class Beside:
    """A worker's core over a scripted package, a floor in memory, and a clock that the test moves."""

    def __init__(self, **other_terms: Any) -> None:
        self.package = ScriptedPackage()
        self.now = 100.0
        self.floor = MemoryFloor(lambda: self.now, self.sleep)
        self.terms = terms(**other_terms)
        self.core = WorkerCore(self.package.face, self.terms, self.floor, lambda: self.now)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def put_beside(self, floor: OrderFloor) -> None:
        """A new worker, beside this floor."""
        self.core = WorkerCore(self.package.face, self.terms, floor, lambda: self.now)

    def break_floor(self) -> None:
        """From now on, for the same worker."""

        @contextmanager
        def broken(seconds: float) -> Iterator[HeldFloor]:
            raise FloorUnusable("made: the disk is gone")
            yield self.floor

        self.floor.hold = broken  # type: ignore[method-assign]  # a disk that went

    def do(self, call: str, **arguments: Any) -> Any:
        """The answer as it comes out at the other side, within 5 seconds."""
        sent = json.loads(wire.line(arguments))
        return json.loads(wire.line({"answer": self.core.do(call, sent, self.now + 5)}))["answer"]

    def ask(self, call: str, **arguments: Any) -> Given:
        """The answer to a question."""
        return wire.decode(Given, self.do(call, **arguments), call)

    def send(self, order: SendOrder = ORDER, token: int = 1, magic: int = MAGIC) -> Sent:
        """What became of an order."""
        return wire.decode(Sent, self.do("send", order=wire.encode(order), token=token, magic=magic), "sent")


@pytest.fixture
def beside() -> Beside:
    """A worker that is well."""
    return Beside()


# ---------------------------------------------------------------- questions

Call = tuple[str, tuple[Any, ...], dict[str, Any]]

QUESTIONS: dict[str, tuple[dict[str, Any], Call]] = {
    "ticks": ({"names": ["GOLD"]}, ("symbol_info_tick", ("GOLD",), {})),
    "rates": (
        {"symbol": "GOLD", "timeframe": 16_385, "start": 0, "count": 10},
        ("copy_rates_from_pos", ("GOLD", 16_385, 0, 10), {}),
    ),
    "positions": ({}, ("positions_get", (), {})),
    "orders": ({}, ("orders_get", (), {})),
    "history_orders": ({"since": 5, "until": 9}, ("history_orders_get", (5, 9), {})),
    "history_deals": ({"since": 5, "until": 9}, ("history_deals_get", (5, 9), {})),
}


@pytest.mark.parametrize("call", QUESTIONS)
def test_a_question_is_asked_of_the_package_between_two_looks_at_whose_account_it_is(beside: Beside, call: str) -> None:
    arguments, expected = QUESTIONS[call]
    beside.package.answers["copy_rates_from_pos"] = rates_array([])

    answer = beside.ask(call, **arguments)

    look: Call = ("account_info", (), {})
    assert beside.package.calls == [("terminal_info", (), {}), look, expected, look]
    assert (answer.identity, answer.code) == (WELL, 1)


@pytest.mark.parametrize("call", QUESTIONS)
@pytest.mark.parametrize("silent", ["terminal_info", "account_info"])
def test_nothing_is_asked_of_a_terminal_that_does_not_say_whose_account_it_shows(
    beside: Beside, call: str, silent: str
) -> None:
    beside.package.answers[silent] = None
    beside.package.error = (-10_004, "No IPC connection")

    answer = beside.ask(call, **QUESTIONS[call][0])

    assert answer == Given(None, None, -10_004, "No IPC connection")
    assert beside.package.asked("terminal_info", "account_info") == []


@pytest.mark.parametrize(("login", "seen"), [(6, Identity(6, SERVER, DEMO, 2, True)), (None, None)])
def test_the_answer_is_nobodys_when_the_account_changes_while_it_is_given(
    beside: Beside, login: int | None, seen: Identity | None
) -> None:
    def switching() -> tuple[()]:
        if login is None:
            beside.package.answers["account_info"] = None
        else:
            beside.package.account["login"] = login
        return ()

    beside.package.answers["positions_get"] = switching

    answer = beside.ask("positions")

    assert (answer.identity, answer.value) == (seen, None)


@pytest.mark.parametrize("call", QUESTIONS)
def test_nothing_in_answer_to_a_question_is_told_with_its_error(beside: Beside, call: str) -> None:
    arguments, (function, _, _) = QUESTIONS[call]
    beside.package.answers[function] = None
    beside.package.error = (-10_002, "IPC recv failed")

    answer = beside.ask(call, **arguments)

    assert answer == Given(WELL, [None] if call == "ticks" else None, -10_002, "IPC recv failed")


@pytest.mark.parametrize(
    ("call", "function", "structure"),
    [
        ("positions", "positions_get", TradePosition),
        ("orders", "orders_get", TradeOrder),
        ("history_orders", "history_orders_get", TradeOrder),
        ("history_deals", "history_deals_get", TradeDeal),
    ],
)
def test_structures_become_records_with_the_packages_own_fields(
    beside: Beside, call: str, function: str, structure: Any
) -> None:
    one = made(structure, ticket=2**53 + 1, symbol="GOLD", magic=MAGIC, comment="\N{EURO SIGN}")
    beside.package.answers[function] = (one, one)

    assert beside.ask(call, **QUESTIONS[call][0]).value == [one._asdict()] * 2


@given(prices=st.lists(st.floats(), min_size=4, max_size=4), volume=st.integers(0, 2**64 - 1))
def test_bars_come_out_bit_for_bit(prices: list[float], volume: int) -> None:
    beside = Beside()
    bars = rates_array([(1_700_000_000, *prices, volume, 12, 0)] * 3)
    beside.package.answers["copy_rates_from_pos"] = bars

    value = beside.ask("rates", **QUESTIONS["rates"][0]).value

    columns = unpacked_rates(value, "rates")
    assert {name: column.tobytes() for name, column in columns.items()} == {
        name: bars[name].tobytes() for name in bars.dtype.names or ()
    }


@pytest.mark.parametrize(
    ("spoiled", "named"),
    [
        ({"close": None}, "rates.close is None; expected text"),
        ({"close": "%%%"}, "rates.close is no column of numbers in base64"),
        ({"close": "AAAA"}, "rates.close is no column of numbers in base64"),
        ({"close": ""}, "rates.close has 0 values; expected 3, as many as there are times"),
    ],
)
def test_bars_that_make_no_sense_are_refused_by_the_name_of_the_column(spoiled: dict[str, Any], named: str) -> None:
    packed = packed_rates(rates_array([(1_700_000_000, 1.0, 1.0, 1.0, 1.0, 1, 1, 1)] * 3))

    with pytest.raises(BadMessage, match=named):
        unpacked_rates(packed | spoiled, "rates")
    del packed["open"]
    with pytest.raises(BadMessage, match=r"rates\.open is missing"):
        unpacked_rates(packed, "rates")


def test_prices_that_are_no_numbers_survive_and_are_left_to_the_parent_to_judge(beside: Beside) -> None:
    beside.package.answers["symbol_info_tick"] = made(Tick, bid=math.nan, ask=math.inf, last=np.float64(1.5))

    (tick,) = beside.ask("ticks", names=["GOLD"]).value

    assert math.isnan(wire.read(float, tick["bid"], "bid"))
    assert (wire.read(float, tick["ask"], "ask"), tick["last"]) == (math.inf, 1.5)


def test_one_symbol_without_a_tick_does_not_hide_the_others(beside: Beside) -> None:
    beside.package.answers["symbol_info_tick"] = lambda name: None if name == "GOLD" else made(Tick, bid=1.1)
    beside.package.error = (-4, "Not found")

    answer = beside.ask("ticks", names=["EURUSD", "GOLD"])

    assert [tick and tick["bid"] for tick in answer.value] == [1.1, None]
    assert answer.code == -4


def test_a_symbol_is_selected_before_it_is_looked_at(beside: Beside) -> None:
    answer = beside.ask("symbols", names=["GOLD"])

    (look,) = wire.decode_all(SymbolLook, answer.value, "symbols")
    assert (look.name, look.margin_per_lot, look.code) == ("GOLD", 3_666.7, 1)
    assert look.info is not None
    assert (look.info["name"], look.info["digits"], len(look.info)) == ("GOLD", 5, 96)
    assert beside.package.asked("terminal_info", "account_info")[:2] == ["symbol_select", "symbol_info"]
    assert ("order_calc_margin", (0, "GOLD", 1.0, 1.1001), {}) in beside.package.calls


def test_a_symbol_that_the_broker_does_not_have_is_told_apart(beside: Beside) -> None:
    beside.package.answers["symbol_select"] = lambda name, enable: name != "GOLD"
    beside.package.error = (-4, "Not found")

    answer = beside.ask("symbols", names=["EURUSD", "GOLD"])

    looks = wire.decode_all(SymbolLook, answer.value, "symbols")
    assert [look.info is None for look in looks] == [False, True]
    assert answer.code == -4


@pytest.mark.parametrize("price", [0.0, None])
def test_no_margin_is_asked_for_at_a_price_that_is_not_there_yet(beside: Beside, price: float | None) -> None:
    beside.package.answers["symbol_info_tick"] = None if price is None else made(Tick, ask=price)

    (look,) = beside.ask("symbols", names=["GOLD"]).value

    assert look["margin_per_lot"] is None
    assert "order_calc_margin" not in beside.package.asked()


# ---------------------------------------------------------------- the terminal


def test_the_terminal_is_found_by_the_terms_alone(beside: Beside) -> None:
    look = wire.decode(Look, beside.do("initialize"), "look")

    assert beside.package.calls[:2] == [
        ("shutdown", (), {}),
        ("initialize", ("terminal64.exe",), {"login": LOGIN, "server": SERVER, "timeout": 5_000}),
    ]
    assert (look.version, look.code) == ("5.0.6231", 1)
    assert look.account is not None
    assert look.terminal is not None
    assert (look.account["login"], look.terminal["connected"]) == (LOGIN, True)


def test_the_password_goes_to_the_package_and_nowhere_else() -> None:
    beside = Beside(password="hunter2", portable=True, initialize_seconds=2.5)

    answer = beside.do("initialize")

    assert beside.package.calls[1][2] == {
        "login": LOGIN,
        "server": SERVER,
        "timeout": 2_500,
        "password": "hunter2",
        "portable": True,
    }
    assert "hunter2" not in json.dumps(answer)
    assert "hunter2" not in repr(beside.terms)


def test_a_password_that_the_package_chokes_on_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    beside = Beside(password="hunter2\udc80")
    beside.package.answers["initialize"] = lambda *arguments, **named: named["password"].encode()

    look = wire.decode(Look, beside.do("initialize"), "look")

    assert look.code == RES_E_FAIL
    assert "UnicodeEncodeError" in look.message
    assert "hunter2" not in look.message + caplog.text


def test_a_terminal_that_is_not_there_is_told_with_its_error(beside: Beside) -> None:
    beside.package.answers["initialize"] = False
    beside.package.error = (-10_003, "IPC initialize failed")

    look = wire.decode(Look, beside.do("initialize"), "look")

    assert look == Look(None, None, "5.0.6231", -10_003, "IPC initialize failed")


# ---------------------------------------------------------------- what is not understood


@pytest.mark.parametrize(
    ("call", "arguments", "named"),
    [
        ("order_send", {"request": {}}, "call is 'order_send'"),
        ("__class__", {}, "call is '__class__'"),
        ("look", {"path": "other.exe"}, "'path'"),
        ("initialize", {"login": 7}, "'login'"),
        ("ticks", {}, "names is missing"),
        ("ticks", {"names": ["OIL"]}, "'OIL'"),
        ("rates", {"symbol": "OIL", "timeframe": 1, "start": 0, "count": 1}, "'OIL'"),
        ("rates", {"symbol": "GOLD", "timeframe": 1, "start": 0, "count": 0}, "count is 0"),
        ("history_deals", {"since": 1.5, "until": 2}, "since is 1.5"),
        ("fence", {"token": "5"}, "token is '5'"),
        ("send", {"order": wire.encode(replace(ORDER, symbol="OIL")), "token": 1, "magic": 1}, "'OIL'"),
        ("send", {"order": wire.encode(replace(ORDER, order_type=2)), "token": 1, "magic": 1}, "order_type is 2"),
        ("send", {"order": wire.encode(replace(ORDER, volume_lots=math.nan)), "token": 1, "magic": 1}, "volume_lots"),
        ("send", {"order": {**wire.encode(ORDER), "sl": 1.0}, "token": 1, "magic": 1}, "order.sl"),
        ("send", {"order": wire.encode(ORDER), "token": 1, "magic": -1}, "magic is -1"),
    ],
)
def test_what_is_not_on_the_list_is_refused_by_name_and_the_package_is_not_called(
    beside: Beside, call: str, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(NotUnderstood, match=named.replace("(", "[(]")):
        beside.do(call, **arguments)

    assert beside.package.calls == []


# ---------------------------------------------------------------- orders


@pytest.mark.parametrize("order", [ORDER, CLOSE], ids=["open", "close"])
def test_the_request_is_in_the_packages_types_and_carries_no_stop_and_no_target(
    beside: Beside, order: SendOrder
) -> None:
    sent = beside.send(replace(order, volume_lots=1, price=2))

    (request,) = beside.package.requests()
    position = {} if order.position is None else {"position": 987_654_321}
    assert request == {
        "action": 1,
        "symbol": "EURUSD",
        "volume": 1.0,
        "type": order.order_type,
        "price": 2.0,
        "deviation": 20,
        "magic": MAGIC,
        "comment": "wb-1",
        "type_time": 0,
        "type_filling": order.fillings[0],
        **position,
    }
    wanted = {"volume": float, "price": float, "symbol": str, "comment": str}
    assert {name: type(value) for name, value in request.items()} == {name: wanted.get(name, int) for name in request}
    assert (sent.refused, sent.filling) == (None, order.fillings[0])
    assert sent.result == {
        "retcode": DONE,
        "deal": 12,
        "order": 11,
        "volume": 0.1,
        "price": 1.1001,
        "bid": 0.0,
        "ask": 0.0,
        "comment": "",
        "request_id": 0,
        "retcode_external": 0,
    }


def test_the_token_and_the_magic_are_written_before_the_order_leaves(beside: Beside) -> None:
    written: list[tuple[int, bool]] = []

    def look_at_the_floor(request: object) -> Any:
        written.append((beside.floor.token, beside.floor.was_sent(MAGIC)))
        return result(DONE)

    beside.package.answers["order_send"] = look_at_the_floor
    beside.send(token=9)

    assert written == [(9, True)]


@pytest.mark.parametrize("became", [result(DONE), result(10_006), None], ids=["done", "rejected", "unknown"])
def test_an_open_is_sent_once_whatever_became_of_it(beside: Beside, became: Any) -> None:
    beside.package.answers["order_send"] = became
    beside.send(token=1)

    again = beside.send(token=2)

    assert (again.refused, len(beside.package.requests())) == ("repeated", 1)


def test_a_close_may_be_sent_again(beside: Beside) -> None:
    assert [beside.send(CLOSE).refused for _ in range(2)] == [None, None]
    assert beside.floor.magics == {}


def test_a_lower_token_is_refused_for_opens_and_closes_alike(beside: Beside) -> None:
    beside.do("fence", token=6)

    assert [beside.send(order, token=5).refused for order in (ORDER, CLOSE)] == ["stale_token"] * 2
    assert [beside.send(order, token=6).refused for order in (ORDER, CLOSE)] == [None] * 2
    assert len(beside.package.requests()) == 2


def test_an_order_raises_the_token_as_a_fence_does(beside: Beside) -> None:
    beside.send(CLOSE, token=8)

    assert beside.do("token") == beside.do("try_floor") == 8
    with pytest.raises(StaleToken, match="token 7 is below 8"):
        beside.do("fence", token=7)
    beside.do("fence", token=8)
    assert beside.do("token") == 8


UNFIT: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "another login": ("wrong_account", {"login": 6}, {}),
    "another server": ("wrong_account", {"server": "Made-Real"}, {}),
    "real money": ("wrong_account", {"trade_mode": 2}, {}),
    "no line to the broker": ("not_connected", {}, {"connected": False}),
    "algorithmic trading off": ("trade_disabled", {}, {"trade_allowed": False}),
    "no trading from Python": ("trade_disabled", {}, {"tradeapi_disabled": True}),
    "an investor's password": ("trade_disabled", {"trade_allowed": False}, {}),
    "no programs at this broker": ("trade_disabled", {"trade_expert": False}, {}),
}


@pytest.mark.parametrize("order", [ORDER, CLOSE], ids=["open", "close"])
@pytest.mark.parametrize("wrong", UNFIT)
def test_an_unfit_account_gets_no_order_and_its_magic_stays_free(beside: Beside, wrong: str, order: SendOrder) -> None:
    code, account, terminal = UNFIT[wrong]
    beside.package.account |= account
    beside.package.terminal |= terminal

    sent = beside.send(order)

    assert (sent.refused, beside.package.requests(), beside.floor.magics) == (code, [], {})
    assert sent.reason


@pytest.mark.parametrize("silent", ["terminal_info", "account_info"])
def test_a_terminal_that_says_nothing_gets_no_order(beside: Beside, silent: str) -> None:
    beside.package.answers[silent] = None
    beside.package.error = (-10_004, "No IPC connection")

    sent = beside.send()

    assert (sent.refused, sent.code, beside.package.requests()) == ("not_connected", -10_004, [])


@pytest.mark.parametrize("other", [{"login": 6}, {"server": "Made-Real"}])
def test_an_order_for_another_account_than_the_workers_is_refused_even_where_the_terminal_shows_that_account(
    beside: Beside, other: dict[str, Any]
) -> None:
    beside.package.account |= other

    sent = beside.send(replace(ORDER, **other))

    assert (sent.refused, beside.package.requests()) == ("wrong_account", [])


@given(st.lists(st.sampled_from([INVALID_FILL, DONE, 10_006, 10_012, None]), min_size=4, max_size=4))
def test_another_way_of_filling_is_tried_only_when_the_last_was_provably_not_taken(codes: list[int | None]) -> None:
    beside = Beside()
    results = iter(codes)
    beside.package.answers["order_send"] = lambda request: (
        None if (code := next(results)) is None else result(code, order=code)
    )

    sent = beside.send(replace(ORDER, fillings=(3, 1, 2, 0)))

    tried = next((index for index, code in enumerate(codes) if code != INVALID_FILL), 3) + 1
    assert [request["type_filling"] for request in beside.package.requests()] == [3, 1, 2, 0][:tried]
    assert sent.filling == [3, 1, 2, 0][tried - 1]
    assert (sent.result and sent.result["retcode"]) == codes[tried - 1]


def test_no_other_way_of_filling_is_tried_when_the_time_has_passed(beside: Beside) -> None:
    def slow(request: object) -> Any:
        beside.sleep(6)
        return result(INVALID_FILL)

    beside.package.answers["order_send"] = slow

    assert (beside.send().filling, len(beside.package.requests())) == (0, 1)


def test_a_package_that_raises_leaves_the_order_unknown(beside: Beside) -> None:
    def broken(request: object) -> Any:
        raise SystemError("returned a result with an exception set")

    beside.package.answers["order_send"] = broken

    sent = beside.send()

    assert (sent.refused, sent.result, sent.code) == (None, None, -1)
    assert beside.send().refused == "repeated"


def test_a_result_that_cannot_be_told_is_lost_and_not_refused(beside: Beside) -> None:
    beside.package.answers["order_send"] = result(DONE, comment="")
    beside.package.error = ("no number", "")  # type: ignore[assignment]  # a defect is what is meant here

    with pytest.raises(AnswerLost, match="send failed in the worker"):
        beside.core.do("send", {"order": wire.encode(ORDER), "token": 1, "magic": MAGIC}, beside.now + 5)


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("call", ["look", "initialize", "positions", "fence", "token", "try_floor"])
def test_a_call_that_comes_too_late_is_not_carried_out(beside: Beside, call: str) -> None:
    with pytest.raises(NotSent, match="too late"):
        beside.core.do(call, {"token": 3} if call == "fence" else {}, beside.now)

    assert (beside.package.calls, beside.floor.token) == ([], 0)


def test_an_order_that_comes_too_late_is_dropped(beside: Beside) -> None:
    answer = beside.core.do("send", {"order": wire.encode(ORDER), "token": 1, "magic": MAGIC}, beside.now)

    assert answer["refused"] == "deadline_passed"
    assert (beside.package.calls, beside.floor.magics) == ([], {})


def test_an_order_whose_time_passes_while_it_is_written_down_stays_and_its_magic_is_spent(beside: Beside) -> None:
    write = beside.floor.write

    def slow_disk(token: int, magic: int | None) -> None:
        write(token, magic)
        beside.sleep(6)

    beside.floor.write = slow_disk  # type: ignore[method-assign]  # a disk that is slow

    assert beside.send().refused == "deadline_passed"
    assert (beside.package.requests(), beside.send().refused) == ([], "repeated")


def test_whoever_waits_for_the_floor_in_vain_says_so_before_its_deadline(beside: Beside) -> None:
    begun = beside.now
    with beside.floor.hold(0):
        assert beside.send().refused == "deadline_passed"
        assert begun + 4 < beside.now < begun + 5
        with pytest.raises(NotSent, match="another worker"):
            beside.do("fence", token=1)

    assert beside.package.requests() == []


# ---------------------------------------------------------------- a floor that fails


class BrokenFloor:
    """A floor that fails when it is taken, written, or let go."""

    def __init__(self, when: str, token: int = 0) -> None:
        self._when = when
        self.token = token

    @contextmanager
    def hold(self, seconds: float) -> Iterator[HeldFloor]:
        """Fail where it was said."""
        if self._when == "taken":
            raise FloorUnusable("made: the disk is gone")
        yield self
        if self._when == "let go":
            raise FloorUnusable("made: the disk is gone")

    def token_seen(self, seconds: float) -> int:
        """As far as it can be taken."""
        with self.hold(seconds):
            return 0

    def try_write(self, seconds: float) -> int:
        """As far as it can be taken and written."""
        with self.hold(seconds):
            self.write(0, None)
            return 0

    def was_sent(self, magic: int) -> bool:
        """Nothing was."""
        return False

    def sent_by_another(self, token: int, prefix: int) -> int | None:
        """Nobody sent anything."""
        return None

    def write(self, token: int, magic: int | None) -> None:
        """Fail where it was said."""
        if self._when == "written":
            raise FloorUnusable("made: the disk is full")


@pytest.mark.parametrize("when", ["taken", "written"])
def test_without_a_floor_there_is_no_order_and_no_fence(when: str) -> None:
    beside = Beside()
    beside.put_beside(BrokenFloor(when))

    sent = beside.send()

    assert (sent.refused, beside.package.requests()) == ("floor_unusable", [])
    assert "made: the disk is" in sent.reason
    with pytest.raises(NotSent, match="made: the disk is"):
        beside.do("fence", token=3)
    with pytest.raises(NotSent, match="made: the disk is"):
        beside.do("try_floor")


def test_a_floor_that_fails_after_the_order_has_left_does_not_make_a_refusal_of_it() -> None:
    beside = Beside()
    beside.put_beside(BrokenFloor("let go"))

    sent = beside.send()

    assert (sent.refused, sent.result and sent.result["retcode"]) == (None, DONE)


@pytest.mark.parametrize("when", ["taken", "written"])
def test_a_close_by_ticket_on_a_hedging_account_goes_on_without_a_floor(
    when: str, caplog: pytest.LogCaptureFixture
) -> None:
    beside = Beside()
    beside.put_beside(BrokenFloor(when))

    sent = beside.send(CLOSE)

    assert (sent.refused, sent.result and sent.result["retcode"]) == (None, DONE)
    assert [request["position"] for request in beside.package.requests()] == [CLOSE.position]
    (warning,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert "made: the disk is" in warning
    assert str(CLOSE.position) in warning


@pytest.mark.parametrize("margin_mode", [0, 1])
def test_without_a_floor_a_netting_account_closes_nothing_for_a_close_that_is_repeated_would_reverse(
    margin_mode: int,
) -> None:
    beside = Beside()
    beside.put_beside(BrokenFloor("taken"))
    beside.package.account["margin_mode"] = margin_mode

    assert (beside.send(CLOSE).refused, beside.package.requests()) == ("floor_unusable", [])


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda package: package.account.update(login=6), "wrong_account"),
        (lambda package: package.terminal.update(connected=False), "not_connected"),
        (lambda package: package.terminal.update(trade_allowed=False), "trade_disabled"),
        (lambda package: package.answers.update(account_info=None), "not_connected"),
    ],
)
def test_without_a_floor_the_account_is_looked_at_all_the_same(spoil: Any, code: str) -> None:
    beside = Beside()
    beside.put_beside(BrokenFloor("taken"))
    spoil(beside.package)

    assert (beside.send(CLOSE).refused, beside.package.requests()) == (code, [])


def test_a_close_that_was_refused_stays_refused_when_the_floor_fails_afterwards(beside: Beside) -> None:
    beside.put_beside(BrokenFloor("let go", token=9))

    assert (beside.send(CLOSE, token=8).refused, beside.package.requests()) == ("stale_token", [])


@pytest.mark.parametrize("see", ["fence", "send", "token"])
def test_a_close_under_a_token_that_is_known_to_be_lower_does_not_pass_a_broken_floor(beside: Beside, see: str) -> None:
    if see == "send":
        beside.send(token=9)
    else:
        beside.floor.token = 9 if see == "token" else 0
        beside.do(see, **({"token": 9} if see == "fence" else {}))
    before = len(beside.package.requests())
    beside.break_floor()

    assert beside.send(CLOSE, token=8).refused == "stale_token"
    assert len(beside.package.requests()) == before
    assert beside.send(CLOSE, token=9).refused is None


def test_a_close_does_not_pass_a_floor_that_somebody_holds(beside: Beside) -> None:
    with beside.floor.hold(0):
        assert (beside.send(CLOSE).refused, beside.package.requests()) == ("deadline_passed", [])


def test_a_close_without_a_floor_that_is_too_late_is_not_sent(beside: Beside) -> None:
    broken = BrokenFloor("written")
    beside.put_beside(broken)

    def slow(token: int, magic: int | None) -> None:
        beside.sleep(6)
        raise FloorUnusable("made: the disk is full")

    broken.write = slow  # type: ignore[method-assign]  # a disk that is slow, and full

    assert (beside.send(CLOSE).refused, beside.package.requests()) == ("deadline_passed", [])


# ---------------------------------------------------------------- two ledgers


def test_an_open_of_another_ledger_under_the_same_token_is_refused_and_its_closes_are_not(beside: Beside) -> None:
    assert beside.send(token=3, magic=OURS).refused is None

    refused = beside.send(token=3, magic=THEIRS)

    assert refused.refused == "another_ledger"
    assert "another ledger trades this account" in refused.reason
    assert "one account, one ledger: stop one of the two" in refused.reason
    assert (THEIRS in beside.floor.magics, beside.floor.token) == (False, 3)
    assert beside.send(CLOSE, token=3, magic=THEIRS).refused is None
    assert beside.send(token=3, magic=OURS + 1).refused is None
    assert [request["magic"] for request in beside.package.requests()] == [OURS, THEIRS, OURS + 1]


def test_a_ledger_with_a_higher_token_takes_the_account_over_and_the_other_one_hears_of_it(beside: Beside) -> None:
    beside.send(token=3, magic=OURS)
    beside.do("fence", token=4)

    assert beside.send(token=4, magic=THEIRS).refused is None

    stale = beside.send(token=3, magic=OURS + 1)
    assert stale.refused == "stale_token"
    assert "another process of this ledger, or another ledger" in stale.reason
    assert beside.send(token=4, magic=OURS + 1).refused == "another_ledger"
    assert beside.send(token=5, magic=OURS + 1).refused is None


def test_a_token_that_was_only_raised_keeps_no_ledger_out(beside: Beside) -> None:
    beside.do("fence", token=3)

    assert [beside.send(token=3, magic=magic).refused for magic in (THEIRS, OURS)] == [None, "another_ledger"]


def test_every_refusal_has_a_name_on_the_list() -> None:
    shown = {code for code, _, _ in UNFIT.values()}
    shown |= {"stale_token", "repeated", "another_ledger", "deadline_passed", "floor_unusable"}

    assert shown == set(REFUSALS)


# ---------------------------------------------------------------- errors on their way


@pytest.mark.parametrize("kind", [NotSent, NotUnderstood, StaleToken, AnswerLost])
def test_an_error_arrives_as_what_it_was(kind: type[ConnectorError]) -> None:
    there = error_of(kind_of(kind("made")), "made")

    assert (type(there), str(there)) == (kind, "made")


@pytest.mark.parametrize("name", ["of a newer version", None, 7, ["not_sent"]])
def test_an_error_that_is_not_known_leaves_everything_open(name: object) -> None:
    assert type(error_of(name, "made")) is AnswerLost
    assert kind_of(ConnectorError("made")) == "answer_lost"


# ---------------------------------------------------------------- without a process


def test_a_direct_channel_loses_an_answer_that_comes_too_late_and_the_worker_with_it(beside: Beside) -> None:
    channel = DirectChannel(lambda: beside.core, lambda: beside.now)
    channel.open(5)
    beside.package.answers["positions_get"] = lambda: beside.sleep(channel.expires - beside.now)

    with pytest.raises(AnswerLost, match="positions was not answered within 2 s"):
        channel.call("positions", {}, 2)

    assert not channel.is_open
    with pytest.raises(NotSent, match="no worker"):
        channel.call("look", {}, 2)
    channel.open(5)
    assert channel.call("look", {}, 2)["code"] == 1


def test_a_direct_channel_that_is_closed_lets_go_of_the_terminal(beside: Beside) -> None:
    channel = DirectChannel(lambda: beside.core, lambda: beside.now)
    channel.open(5)
    channel.open(5)
    channel.close()
    channel.close()

    assert (channel.is_open, beside.package.asked()) == (False, ["shutdown"])


def test_a_direct_channel_begins_nothing_without_time(beside: Beside) -> None:
    channel = DirectChannel(lambda: beside.core, lambda: beside.now)
    with pytest.raises(NotSent, match="no time left"):
        channel.open(0)
    channel.open(1)
    with pytest.raises(NotSent, match="no time left"):
        channel.call("look", {}, 0)

    assert beside.package.calls == []
