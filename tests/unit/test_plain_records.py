"""Records as plain mappings, and records with a change."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from made_trades import a_trade

from trading.records import altered, flat
from trading.trade import CloseReason, TradeState


def test_a_flat_record_has_every_field_by_name() -> None:
    trade = a_trade()
    assert flat(trade) == asdict(trade)


def test_an_altered_record_is_what_replace_makes_of_it() -> None:
    trade = a_trade()
    changes: dict[str, Any] = {"state": TradeState.CLOSING, "close_reason": CloseReason.STOP, "detail": "why"}
    assert altered(trade, **changes) == replace(trade, **changes)
    assert trade == a_trade(), "the record itself stays as it was"


def test_a_field_that_is_not_there_cannot_be_altered() -> None:
    with pytest.raises(KeyError, match="colour"):
        altered(a_trade(), colour="red")
