"""An account that its drawdown holds back can be pardoned from the overview, by who may trade."""

from __future__ import annotations

import pytest
from test_page_rendering import drawn, overview

from console.web.callers import Access

SHOWN, HIDDEN = "<span data-forgive><button", "<span data-forgive hidden><button"


@pytest.mark.parametrize(
    ("kind", "access", "found"),
    [
        ("drawdown", Access.TRADE, SHOWN),
        ("daily_loss", Access.TRADE, HIDDEN),
        ("drawdown", Access.READ, None),
    ],
)
def test_the_drawdown_can_be_forgotten_where_it_holds_an_account_back(
    kind: str, access: Access, found: str | None
) -> None:
    shown = overview()
    held = {"kind": kind, "since": "2017-08-09T14:20:00Z", "until": None, "said": "nothing is opened"}
    shown["accounts"][0]["held_back"] = [held]
    page = drawn(shown, access)
    assert [words for words in (SHOWN, HIDDEN) if words in page] == ([] if found is None else [found])
    assert ('data-command="forgive-drawdown" data-platform="alpha"' in page) is (found is not None)
