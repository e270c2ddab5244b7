"""The overview says of each trade how long ago it was checked, and of one that nobody checks just that."""

from __future__ import annotations

import re
from typing import Any

import pytest
from test_page_rendering import drawn, overview

from console.web.static_files import file_named


def words_of(**values: Any) -> str:
    """What stands below the state of the first trade."""
    shown = overview(1)
    shown["trades"][0].update(values)
    found = re.search(r'data-k="checked">([^<]*)<', drawn(shown))
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("checked_seconds_ago", "is_stale", "words"),
    [(3, False, "checked 3 s ago"), (None, False, "not checked"), (None, True, "prices are old")],
)
def test_a_trade_that_nobody_checks_is_said_to_be_not_checked(
    checked_seconds_ago: int | None, is_stale: bool, words: str
) -> None:
    assert words_of(checked_seconds_ago=checked_seconds_ago, is_stale=is_stale) == words


def test_the_script_that_keeps_the_page_says_it_in_the_same_words() -> None:
    script = file_named("overview.js")
    assert script is not None
    drawn_by_script = re.search(r"write\(cells\.checked, (.*?)\);", script.plain.decode(), re.DOTALL)
    assert drawn_by_script is not None
    assert re.findall(r'"([^"]*)"', drawn_by_script[1]) == [
        words_of(checked_seconds_ago=3, is_stale=True),
        words_of(checked_seconds_ago=None),
    ]
