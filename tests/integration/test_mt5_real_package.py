"""The double beside the real MetaTrader5 package: the same names, structures and refusals, found by the same probe.

The real package runs on Windows only. Where `WATCHBILL_WINE_PYTHON` names a Windows Python that has it (a command, such
as ``wine C:/py/python.exe``), it is asked without any terminal; docs/metatrader.md says how to come by one. Where
there is none, the tests that need it are skipped, and the probe is shown to work on the double.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mt5_argument_table
import mt5_probe
import pytest
from made_terminal_package import INVALID_FILL, ORDER, ScriptedPackage, result, terms
from windows_python import WINDOWS_PYTHON, words_of

from connectors import wire
from connectors.mt5 import facts, simulator
from connectors.mt5.calls import SendOrder
from connectors.mt5.order_floor import MemoryFloor
from connectors.mt5.structures import STRUCTURE_TYPES, rates_array
from connectors.mt5.worker_core import WorkerCore
from connectors.wire import Json

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 150.0
NOWHERE = "C:\\nope.exe"  # no terminal is there, so nothing is ever started
NO_TERMINAL = "(-10004, 'No IPC connection')"

Found = dict[str, Any]


def asked(command: Sequence[str], *, before: str = "") -> Found:
    """What the probe finds in the Python of this command. It is sent as one script, for a Wine sees no file of ours."""
    sources = {module.__name__: source_of(module) for module in (mt5_argument_table, mt5_probe)}
    script = (
        f"import sys, types\n{before}\n"
        f"for name, source in {sources!a}.items():\n"
        "    sys.modules[name] = module = types.ModuleType(name)\n"
        "    module.__file__ = name + '.py'\n"
        "    exec(compile(source, name, 'exec'), module.__dict__)\n"
        f"module.main({CALLS!a})\n"
    )
    done = subprocess.run(
        [*command, "-"], input=script, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith(mt5_probe.ANSWER)]
    assert answers, f"{command} said {done.stdout!r} and {done.stderr!r}"
    found: Found = json.loads(answers[-1].removeprefix(mt5_probe.ANSWER))
    return found


def source_of(module: Any) -> str:
    """The text of a module."""
    return Path(module.__file__).read_text(encoding="utf-8")


# ---------------------------------------------------------------- what is asked

LAST_SECOND, HIGHEST = 2**31 - 1, 2**63 - 1  # as far as a worker reads arguments
NAMES = ("EURUSD", "XAUUSD.raw#5", "S" * 29)


def calls_of_a_worker() -> list[str]:
    """Everything that a worker calls for every call that it answers, as far as its arguments may go."""
    package = ScriptedPackage()
    package.answers["order_send"] = result(INVALID_FILL)  # so that every filling is tried
    package.answers["copy_rates_from_pos"] = rates_array([])
    terms_of_all = terms(terminal=NOWHERE, password="secret", portable=True, symbols=NAMES)
    floor = MemoryFloor(lambda: 0.0, lambda seconds: None)
    for known in (terms_of_all, replace(terms_of_all, password=None, portable=False)):
        WorkerCore(package.face, known, floor, lambda: 0.0).do("initialize", {}, 60.0)
    core = WorkerCore(package.face, terms_of_all, floor, lambda: 0.0)
    questions: list[tuple[str, dict[str, Json]]] = [
        ("look", {}),
        ("symbols", {"names": list(NAMES)}),
        ("ticks", {"names": list(NAMES)}),
        ("positions", {}),
        ("orders", {}),
        *(("rates", {"symbol": name, "timeframe": 16_385, "start": 0, "count": 100_000}) for name in NAMES),
        *((past, {"since": 0, "until": LAST_SECOND}) for past in ("history_orders", "history_deals")),
    ]
    for call, arguments in questions:
        core.do(call, arguments, 1.0)
    for magic, order in enumerate(orders_of_every_kind(), start=HIGHEST - 100):
        core.do("send", {"order": wire.encode(order), "token": 1, "magic": magic}, 1.0)
    return [
        f"{function}({', '.join([*map(repr, arguments), *(f'{name}={value!r}' for name, value in named.items())])})"
        for function, arguments, named in package.calls
    ]


def orders_of_every_kind() -> Iterator[SendOrder]:
    """Opens and closes of either side, with the longest and the shortest of what they hold."""
    texts = zip(NAMES, ("watchbill", "\U0001f642" * 14 + "c", ""), strict=True)
    figures = zip((0.1, 1.0, 500.0), (1.13391, 2_000.0, -37.63), (20, 0, LAST_SECOND), strict=True)
    for (symbol, comment), (volume_lots, price, deviation_points) in zip(texts, figures, strict=True):
        for order_type, position in itertools.product((0, 1), (None, 1, HIGHEST)):
            yield replace(
                ORDER,
                symbol=symbol,
                order_type=order_type,
                volume_lots=volume_lots,
                price=price,
                deviation_points=deviation_points,
                comment=comment,
                position=position,
                fillings=(0, 1, 2, 3),
            )


ODD_VALUES = (
    *("0", "1", "-1", "7", "29", "2**31 - 1", "2**31", "2**32", "-2**31 - 1", "2**63", "2**64 - 1", "2**64"),
    *("0.0", "0.5", "-3.25", "1e10", "1e300", "float('nan')", "float('inf')", "True", "False", "None"),
    *("''", "'EURUSD'", "'*,!USD'", "'E' * 29", "'E' * 30", "'\\U0001f642' * 15", "'a\\0b'", "b'x'", "'1'"),
    *("np.int64(3)", "np.int32(3)", "np.float64(0.5)", "np.float32(0.5)", "Decimal('1.5')"),
    *("OrderType.BUY", "datetime(2024, 1, 2, tzinfo=utc)", "datetime(2124, 1, 2, tzinfo=utc)", "[]", "{}", "(1,)"),
)
FEW_ARGUMENTS = {
    **dict.fromkeys(("symbol_info", "symbol_info_tick", "market_book_add", "market_book_get"), 1),
    **dict.fromkeys(("market_book_release", "order_check", "order_send", "symbols_get"), 1),
    **dict.fromkeys(("symbol_select", "history_deals_total", "history_orders_total"), 2),
    **dict.fromkeys(("history_deals_get", "history_orders_get"), 2),
    **dict.fromkeys(("copy_rates_from", "copy_rates_from_pos", "copy_rates_range"), 4),
    **dict.fromkeys(("copy_ticks_from", "copy_ticks_range", "order_calc_margin"), 4),
    **dict.fromkeys(("order_calc_profit",), 5),
    **dict.fromkeys(("positions_get", "orders_get", "login"), 0),
    **dict.fromkeys(("positions_total", "orders_total", "symbols_total", "terminal_info", "account_info"), 0),
}
"""How many arguments without names a function mostly takes."""

NAMED = {
    **dict.fromkeys(("positions_get", "orders_get"), ("symbol", "ticket", "group", "magic")),
    **dict.fromkeys(("history_deals_get", "history_orders_get"), ("group", "position", "ticket", "date_from")),
    "login": ("login", "password", "server", "timeout"),
    "initialize": ("login", "password", "server", "timeout", "portable"),
    "symbols_get": ("group",),
    "symbol_info": ("symbol",),
}
ORDER_FIELDS = (
    *("action", "magic", "order", "symbol", "volume", "price", "stoplimit", "sl", "tp", "deviation", "type"),
    *("type_filling", "type_time", "expiration", "comment", "position", "position_by", "nobody_knows"),
)


def odd_calls(seed: int, count: int) -> list[str]:
    """Calls with arguments that are right, wrong and strange, the same for the same seed."""
    chance = random.Random(seed)
    return [odd_call(chance) for _ in range(count)]


def odd_call(chance: random.Random) -> str:
    """One of them. `initialize` is always given a path where nothing is."""
    if chance.random() < 0.4:
        changes = ", ".join(f"{name}={chance.choice(ODD_VALUES)}" for name in chance.sample(ORDER_FIELDS, 2))
        return f"{chance.choice(('order_send', 'order_check'))}(order({changes}))"
    if chance.random() < 0.1:
        return f"initialize({NOWHERE!r}, {named(chance, 'initialize')})"
    name = chance.choice(list(FEW_ARGUMENTS))
    count = max(0, FEW_ARGUMENTS[name] + chance.choice((0, 0, 0, 0, 0, 0, -1, 1)))
    words = [*(chance.choice(ODD_VALUES) for _ in range(count)), named(chance, name)]
    return f"{name}({', '.join(word for word in words if word)})"


def named(chance: random.Random, name: str) -> str:
    """Arguments with names, as the function may take them."""
    known = NAMED.get(name, ())
    chosen = chance.sample(known, min(len(known), chance.choice((0, 1, 1, 2))))
    return ", ".join(f"{word}={chance.choice(ODD_VALUES)}" for word in chosen)


ROWS = mt5_argument_table.rows()
WORKERS_CALLS = calls_of_a_worker()
ODD_CALLS = odd_calls(seed=1, count=1_500)
CALLS = [*(row.call for row in ROWS), *WORKERS_CALLS, *ODD_CALLS]


# ---------------------------------------------------------------- who is asked


@pytest.fixture(scope="module")
def double() -> Found:
    """What the probe finds in the simulator, in a Python where that is called MetaTrader5."""
    before = (
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import connectors.mt5.simulator\n"
        "sys.modules['MetaTrader5'] = connectors.mt5.simulator\n"
    )
    return asked([sys.executable], before=before)


@pytest.fixture(scope="module")
def real() -> Found:
    """What it finds in the real package."""
    command = os.environ.get(WINDOWS_PYTHON)
    if not command:
        pytest.skip(
            f"NOT TESTED WITH THE REAL PACKAGE: {WINDOWS_PYTHON} names no Windows Python that has MetaTrader5 "
            "(docs/metatrader.md says how to come by one)"
        )
    return asked(words_of(command))


# ---------------------------------------------------------------- the probe


def test_the_probe_finds_all_of_the_double(double: Found) -> None:
    assert double["constants"].items() >= facts.CONSTANTS.items()
    assert double["structures"].keys() == STRUCTURE_TYPES.keys()
    assert {row.call.partition("(")[0] for row in ROWS} <= set(double["functions"])
    assert len(double["answers"]) == len(CALLS)


def test_the_probe_stops_before_it_calls_anything_on_a_package_that_has_a_terminal() -> None:
    class WithTerminal(simulator.Package):
        sent = 0

        def terminal_info(self) -> Any:
            return ("a terminal",)

        def order_send(self, *arguments: object, **keywords: object) -> Any:
            self.sent += 1

    package = WithTerminal()
    with pytest.raises(mt5_probe.Connected, match=r"the package has a terminal, so order_send\(order\(\)\) was not"):
        mt5_probe.probe(package, ["order_send(order())"])
    assert package.sent == 0


def test_a_windows_pythons_command_keeps_its_backslashes() -> None:
    words = words_of('wine "C:\\Program Files\\py\\python.exe" -E')
    assert words == ["wine", "C:\\Program Files\\py\\python.exe", "-E"]


# ---------------------------------------------------------------- the workers' requests


@pytest.mark.parametrize("package", ["double", "real"])
def test_the_package_refuses_nothing_that_a_worker_calls(package: str, request: pytest.FixtureRequest) -> None:
    found: Found = request.getfixturevalue(package)
    answers = dict(zip(CALLS, found["answers"], strict=True))
    unlike_the_rest = {"shutdown": "True (1, 'Success')", "symbol_select": f"False {NO_TERMINAL}"}
    for call in WORKERS_CALLS:
        function = call.partition("(")[0]
        if function == "initialize":
            assert answers[call].startswith("False (-10003, ")
        else:
            assert (call, answers[call]) == (call, unlike_the_rest.get(function, f"None {NO_TERMINAL}"))
    sent = [call for call in WORKERS_CALLS if call.startswith("order_send")]
    assert len(sent) == 4 * len(list(orders_of_every_kind()))


# ---------------------------------------------------------------- the double beside the real package


def test_the_double_has_the_real_packages_constants(real: Found, double: Found) -> None:
    assert real["constants"] == dict(facts.CONSTANTS)
    assert double["constants"].items() >= real["constants"].items()


def test_the_double_has_the_real_packages_structures(real: Found, double: Found) -> None:
    assert double["structures"] == real["structures"]


def test_the_double_has_the_real_packages_functions(real: Found, double: Found) -> None:
    in_python = {"Buy", "Sell", "Close"}  # samples that lie beside the package's own, and which nobody here calls
    assert set(real["functions"]) - in_python <= set(double["functions"])


def test_the_table_says_what_the_real_package_answers(real: Found) -> None:
    assert [comparable(answer) for answer in real["answers"][: len(ROWS)]] == [comparable(row.answer) for row in ROWS]


def test_the_double_answers_odd_arguments_as_the_real_package_does(real: Found, double: Found) -> None:
    answers = zip(CALLS, real["answers"], double["answers"], strict=True)
    assert [row for row in answers if comparable(row[1]) != comparable(row[2])] == []


def comparable(answer: str) -> str:
    """Without the exception of Python's own behind a SystemError: its words change from one Python to the next."""
    return re.sub(r"^SystemError from .*(?= \(-?\d+, )", "SystemError", answer)
