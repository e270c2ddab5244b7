"""A process that is told to end opens nothing more, and still settles what it has begun."""

from __future__ import annotations

import pytest
from made_ledger import Holder, a_ledger

from persistence.errors import OpensForbidden
from persistence.modes import STOPPING
from trading.trade import TradeState


def test_a_process_that_stops_opens_nothing_more_and_goes_on_closing(ledger_url: str) -> None:
    with a_ledger(ledger_url) as ledger:
        me = Holder(ledger)
        trade = me.open()
        ledger.modes.stop_opening()
        with pytest.raises(OpensForbidden, match="it is stopping") as caught:
            me.submit(commodity="GBPUSD", analysis_id="another")
        assert caught.value.mode == STOPPING
        assert me.close(trade).state is TradeState.CLOSED
        assert [left.trade_id for left in ledger.trades.list()] == [trade.trade_id]


def test_another_process_on_the_same_ledger_is_not_concerned(ledger_url: str) -> None:
    with a_ledger(ledger_url) as stopping, a_ledger(ledger_url) as heir:
        stopping.modes.stop_opening()
        assert Holder(heir, "heir").submit().state is TradeState.SUBMITTED
