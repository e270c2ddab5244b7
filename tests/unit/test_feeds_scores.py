"""Scores that another program pushes: what is taken, and what is refused by name."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_feeds import PAIRS

from feeds.errors import FeedError
from feeds.scores import parse_scores
from trading.market import iso
from trading.moods import Scores
from trading.settings_feeds import ScoreFeed

SCORE = {"commodity": "EURUSD", "bullishness": 0.7, "at": "2026-03-02T09:30:00Z", "source": "my-model"}


def parsed(value: object) -> Scores:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse_scores(data, ScoreFeed(name="model", source="score.json"), PAIRS)


def test_one_score_or_a_list_of_them_is_taken_oldest_first() -> None:
    assert [score.source for score in parsed(SCORE).items] == ["my-model"]
    older = {"commodity": "USDJPY", "bullishness": 0, "at": 1772440200000}
    assert [(score.commodity, iso(score.at)) for score in parsed([SCORE, older]).items] == [
        ("USDJPY", "2026-03-02T08:30:00Z"),
        ("EURUSD", "2026-03-02T09:30:00Z"),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bullishness": 1.01}, "bullishness is '1.01'; expected 0 to 1"),
        ({"bullishness": float("nan")}, "bullishness is 'nan'; expected 0 to 1"),
        ({"bullishness": True}, "bullishness is 'True'; expected 0 to 1"),
        ({"bullishness": "0.7"}, "bullishness is '0.7'; expected 0 to 1"),
        ({"commodity": "EURSUD"}, "commodity is 'EURSUD'; expected one of EURUSD, USDJPY"),
        ({"commodity": ["EURUSD"]}, "commodity is "),
        ({"at": "yesterday"}, "at is 'yesterday'; expected an ISO 8601 time"),
        ({"at": 1e300}, "at is '1e+300'; expected an ISO 8601 time"),
        ({"at": 10**30}, "expected an ISO 8601 time"),
        ({"source": "x" * 65}, "expected a text of at most 64 letters"),
        ({"bulishness": 1}, "has 'bulishness'; expected only at, bullishness, commodity, source"),
    ],
)
def test_a_score_with_a_fault_is_refused_by_its_name(change: dict[str, object], said: str) -> None:
    with pytest.raises(FeedError) as caught:
        parsed([SCORE, {**SCORE, **change}])
    assert "score.json: score 1" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["commodity", "bullishness", "at"])
def test_a_score_that_says_too_little_is_refused(name: str) -> None:
    with pytest.raises(FeedError, match=f"score 0 has no {name}"):
        parsed({key: value for key, value in SCORE.items() if key != name})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SCORE, "x"]), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(JSON | st.binary(max_size=40))
def test_nothing_but_a_feed_error_ever_comes_out_of_what_was_pushed(value: object) -> None:
    with suppress(FeedError):
        parsed(value)
