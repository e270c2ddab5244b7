"""A worker answers every line that it is sent, whatever stands in it, and goes on."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_terminal_package import ORDER, ScriptedPackage, terms

import connectors
from connectors import wire
from connectors.mt5 import worker


def conversation(*lines: bytes) -> list[dict[str, Any]]:
    """What a worker answers, its package being scripted."""
    answers = io.BytesIO()
    begin = wire.line({"terms": wire.encode(terms())})
    with patch.dict(sys.modules, {"MetaTrader5": ScriptedPackage()}):
        worker.serve(io.BytesIO(begin + b"".join(lines)), answers)
    first, *others = map(json.loads, answers.getvalue().splitlines())
    assert first == {"id": 0, "answer": {"process": os.getpid()}}
    return others


def asking(call: str, number: object = 1, expires: object = None, **arguments: object) -> bytes:
    """A request that is in time unless told otherwise."""
    expires = time.monotonic() + 20 if expires is None else expires
    return wire.line({"id": number, "call": call, "arguments": arguments, "expires": expires})


def test_a_request_that_is_read_too_late_is_dropped() -> None:
    late = time.monotonic()
    order = wire.encode(ORDER)

    question, sent = conversation(asking("positions", 1, late), asking("send", 2, late, order=order, token=1, magic=1))

    assert (question["id"], question["error"]["kind"]) == (1, "not_sent")
    assert (sent["id"], sent["answer"]["refused"]) == (2, "deadline_passed")


@pytest.mark.parametrize(
    ("line", "number", "named"),
    [
        (b"\n", None, "expected one JSON object"),
        (b"[1]\n", None, "expected one JSON object"),
        (b"\xff\x00\n", None, "expected one JSON object"),
        (b'{"id": 4}\n', 4, "call is None"),
        (b'{"id": "4", "call": "look"}\n', None, "id is '4'"),
        (b"[" * (1 << 20) + b"]" * (1 << 20) + b"\n", None, "expected one JSON object"),
        (b'{"id": 1, "call": "' + b"x" * (3 << 20) + b'"}\n', None, "expected one JSON object"),
        (asking("look", 5, "nan"), 5, "expires is nan"),
        (asking("look", 6, True), 6, "expires is True"),
        (asking("look", 7, path="other"), 7, "look has no 'path'"),
    ],
    ids=[
        "an empty line",
        "a list",
        "no text",
        "no call",
        "a number that is text",
        "a very deep list",
        "a very long call",
        "no time limit",
        "a time limit that is no number",
        "an argument too many",
    ],
)
def test_a_line_that_is_not_understood_is_answered_and_the_next_one_too(
    line: bytes, number: int | None, named: str
) -> None:
    refusal, answer = conversation(line, asking("look", 9))

    assert (refusal["id"], refusal["error"]["kind"]) == (number, "not_understood")
    assert named in refusal["error"]["message"]
    assert (answer["id"], answer["answer"]["code"]) == (9, 1)


@given(st.lists(st.binary(max_size=60).map(lambda noise: noise.replace(b"\n", b"") + b"\n"), max_size=5))
def test_every_line_of_noise_gets_one_answer(lines: list[bytes]) -> None:
    *refusals, answer = conversation(*lines, asking("look", 9))

    assert [refusal["error"]["kind"] for refusal in refusals] == ["not_understood"] * len(lines)
    assert answer["answer"]["code"] == 1


def test_a_line_without_an_end_is_not_carried_out() -> None:
    assert conversation(asking("look", 1).rstrip(b"\n")) == []


@pytest.mark.parametrize(
    ("first", "named"),
    [
        (b"{}\n", "terms is None"),
        (wire.line({"terms": {**wire.encode(terms()), "package": "os"}}), "terms.package is 'os'"),
        (wire.line({"terms": {**wire.encode(terms()), "symbols": "EURUSD"}}), "terms.symbols is 'EURUSD'"),
    ],
    ids=["no terms", "another package", "one symbol that is not a list"],
)
def test_terms_that_make_no_sense_are_refused_by_name(first: bytes, named: str) -> None:
    answers = io.BytesIO()
    worker.serve(io.BytesIO(first), answers)

    (refusal,) = map(json.loads, answers.getvalue().splitlines())
    assert refusal["error"]["kind"] == "not_understood"
    assert named in refusal["error"]["message"]


def test_a_worker_loads_nothing_that_a_bare_windows_python_with_the_package_lacks() -> None:
    code = (
        "import sys; import connectors.mt5.worker, connectors.mt5.worker_core, connectors.mt5.order_floor; "
        "print([name for name in ('pydantic', 'sqlalchemy', 'pykka', 'pyarrow') if name in sys.modules])"
    )
    root = Path(connectors.__file__).parents[1]
    ended = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)

    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")
