"""Asks a MetaTrader5 package what it is and what it refuses, without any terminal, and prints one line of JSON.

Sent to a Python on its standard input, behind `mt5_argument_table` and before a call of `main`; so it uses the standard
library, NumPy and the package, and nothing of the project. That Python may be a Windows one under Wine with the real
package, or this one with the double in its place.

It never connects. Before each call it makes sure that the package has no terminal, and stops when it has one, for then
a call could be an order.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import mt5_argument_table

ANSWER = "mt5-probe: "  # before the JSON, for a Wine has much to say of its own


class Connected(Exception):
    """The package has a terminal, and the probe must not go on."""


def main(calls: Sequence[str]) -> None:
    """Probe the package of this Python, and print what was found."""
    print(ANSWER + json.dumps(probe(import_module("MetaTrader5"), calls)), flush=True)


def probe(package: Any, calls: Sequence[str]) -> dict[str, Any]:
    """What the package consists of, and its answer to each of the calls, which are Python expressions.

    Raises `Connected`.
    """
    public = {name: getattr(package, name) for name in dir(package) if not name.startswith("_")}
    package.shutdown()
    return {
        "version": package.__version__,
        "constants": {name: value for name, value in public.items() if name.isupper() and type(value) is int},
        "structures": {name: behaviour(value) for name, value in public.items() if is_structure(value)},
        "functions": sorted(name for name, value in public.items() if callable(value) and not is_structure(value)),
        "answers": [answer(package, call) for call in calls],
    }


def is_structure(value: object) -> bool:
    """Whether it is one of the types of results, which have fields."""
    return isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "__match_args__")


def behaviour(structure: Any) -> dict[str, Any]:
    """How one of the types of results behaves."""
    fields = list(structure.__match_args__)
    values = tuple(range(len(fields)))
    made = structure(values)
    return {
        "fields": fields,
        "counts": [structure.n_fields, structure.n_sequence_fields, structure.n_unnamed_fields],
        "document": structure.__doc__,
        "representation": repr(made),
        "by_name": [getattr(made, name) for name in fields],
        "as_dictionary": made._asdict(),
        "equals_the_tuple": made == values and hash(made) == hash(values),
        "has_the_methods_of_named_tuples": [hasattr(made, name) for name in ("_fields", "_replace", "_make")],
        "made_of_too_few": raised(lambda: structure(values[1:])),
        "made_of_arguments": raised(lambda: structure(*values)),
        "changed": raised(lambda: setattr(made, fields[0], 1)),
        "pickled": raised(lambda: pickle.dumps(made)),
        "within_itself": repr(structure((made, *values[1:]))._asdict()[fields[0]]),
    }


def raised(attempt: Callable[[], object]) -> str | None:
    """The type of what it raises; None when it does not."""
    try:
        attempt()
    except Exception as error:
        return type(error).__name__
    return None


def answer(package: Any, call: str) -> str:
    """What the call gives or raises, and the package's last error. Raises `Connected`."""
    if package.terminal_info() is not None:
        raise Connected(f"the package has a terminal, so {call} was not called")
    try:
        return mt5_argument_table.answer(package, call)
    except Exception as error:
        return f"{type(error).__name__} {package.last_error()!r}"
