"""Signed analyses: what is proved before anything in them is believed."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.errors import AnalysisRefused
from feeds.signed_analyses import LONGEST_TEXT, TYPE, opened, signed
from trading.analysis import Analysis

KEY = "0123456789abcdef" * 4
PUBLIC_KEY = f"-----BEGIN PUBLIC KEY-----\n{'A' * 64}\n-----END PUBLIC KEY-----"
HEADER = {"kid": "model", "typ": TYPE}
PILLAR = {"score": 0.8}
SAID: dict[str, Any] = {
    "id": "1",
    "commodity": "EURUSD",
    "side": "buy",
    "strategy": "day",
    "regime": "trend",
    "pillars": {
        "base": {"score": 0.9, "readings": {"probability": 0.71, "absent": None}},
        "trend": PILLAR,
        "volatility": PILLAR,
        "sentiment": {"score": 0.5, "absent": True},
    },
    "confidence": 77.5,
    "daily_volatility": 0.005,
    "made_at": 1_772_625_600_000,
}


def key_of(source: str) -> str:
    """The one key there is."""
    if source == "model":
        return KEY
    raise AnalysisRefused("source", f"there is no {source}")


def encoded(payload: bytes, key: str = KEY, **header: object) -> str:
    """Any payload, signed as a program outside would."""
    return jwt.PyJWS().encode(payload, key, "HS256", {**HEADER, **header})


def refusal(text: str) -> AnalysisRefused:
    """Why this is not taken."""
    with pytest.raises(AnalysisRefused) as caught:
        opened(text, key_of)
    return caught.value


def test_what_a_source_signs_is_opened_as_its_own() -> None:
    analysis = opened(signed(json.dumps(SAID), "model", KEY), key_of)
    assert analysis == Analysis.model_validate_json(json.dumps({**SAID, "id": "model/1", "made_by": "model"}))


def test_a_program_outside_needs_nothing_but_a_library_for_such_signatures() -> None:
    assert opened(encoded(json.dumps(SAID).encode()), key_of).commodity == "EURUSD"


def test_one_changed_letter_is_enough_to_be_refused() -> None:
    header, payload, signature = encoded(json.dumps(SAID).encode()).split(".")
    other = encoded(json.dumps({**SAID, "side": "sell"}).encode()).split(".")[1]
    for text in (f"{header}.{other}.{signature}", f"{header}.{payload}.{signature[:-4]}AAAA"):
        assert refusal(text).reason == "signature"


def test_another_key_than_the_sources_is_refused() -> None:
    assert refusal(encoded(json.dumps(SAID).encode(), "f" * 64)).reason == "signature"


@pytest.mark.parametrize("algorithm", ["none", "HS512"])
def test_no_other_algorithm_is_believed(algorithm: str) -> None:
    key = None if algorithm == "none" else KEY
    text = jwt.PyJWS().encode(json.dumps(SAID).encode(), key, algorithm, HEADER)
    assert refusal(text).reason == "signature"


def test_a_token_that_was_signed_for_something_else_is_none() -> None:
    assert refusal(encoded(json.dumps(SAID).encode(), typ="JWT")).reason == "not_signed"
    assert refusal(encoded(json.dumps(SAID).encode(), kid="nobody")).reason == "source"


def test_nobody_speaks_in_the_name_of_another() -> None:
    error = refusal(encoded(json.dumps({**SAID, "made_by": "analyst"}).encode()))
    assert (error.reason, error.source) == ("schema", "model")
    assert "made_by is 'analyst'" in str(error)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"confidence": 177.5}, "confidence"),
        ({"side": "long"}, "side"),
        ({"volume_lots": 5}, "volume_lots"),
        ({"daily_volatility": 0}, "daily_volatility"),
        ({"id": "x" * 125}, "id has 125 characters"),
        ({"pillars": {**SAID["pillars"], "trend": {"score": 1.5}}}, "pillars.trend.score"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_value(change: dict[str, object], named: str) -> None:
    error = refusal(encoded(json.dumps({**SAID, **change}).encode()))
    assert error.reason == "schema"
    assert named in str(error)


@pytest.mark.parametrize("payload", [b"", b"[]", b"\xff", b"{", b"NaN", b"[" * 40_000])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    assert refusal(encoded(payload)).reason == "schema"


@pytest.mark.parametrize("key", [PUBLIC_KEY, "ssh-rsa " + "A" * 40, "short", ""])
def test_what_is_no_key_for_such_signatures_is_refused_and_named(key: str) -> None:
    text = encoded(json.dumps(SAID).encode())
    with pytest.raises(AnalysisRefused, match="the key of model") as caught:
        opened(text, lambda source: key)
    assert caught.value.reason == "key"
    with pytest.raises(AnalysisRefused, match="the key of model"):
        signed(json.dumps(SAID), "model", key)


def test_a_text_that_is_too_long_is_not_looked_at() -> None:
    assert refusal("x" * (LONGEST_TEXT + 1)).reason == "too_long"


def test_nothing_is_signed_that_would_not_be_taken() -> None:
    with pytest.raises(AnalysisRefused, match="confidence"):
        signed(json.dumps({**SAID, "confidence": -1}), "model", KEY)
    with pytest.raises(AnalysisRefused, match="the key of model has 5 characters"):
        signed(json.dumps(SAID), "model", "short")


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=300), st.from_regex(r"[A-Za-z0-9_-]{0,80}(\.[A-Za-z0-9_-]{0,80}){0,4}")))
def test_whatever_is_no_signed_analysis_is_refused_and_nothing_else_happens(text: str) -> None:
    refusal(text)
