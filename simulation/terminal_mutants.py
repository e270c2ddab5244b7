"""Deliberate faults of the MetaTrader 5 connector and its worker, each of which the simulation must catch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from connectors.base import Done, Outcome
from connectors.mt5 import orders, outcomes, worker_orders
from connectors.mt5.calls import SendOrder
from connectors.mt5.order_request import order_request
from connectors.mt5.outcomes import Executing, Fate, Meaning
from simulation.broker_faults import LATE_EXECUTION, LOST_REPLY, PARTIAL_FILL
from simulation.mutant import mutant, replaced
from simulation.terminal_faults import OTHER_ACCOUNT


@mutant("no result means not sent", LOST_REPLY, caught_by="I1 I2 I3 I4", connector="mt5")
def no_result_means_not_sent() -> Iterator[None]:
    """An order to which the package gave nothing, or a code that says nothing, is taken for refused."""
    with (
        replaced(outcomes, "LAST_ERRORS", _refused(outcomes.LAST_ERRORS)),
        replaced(outcomes, "RETURN_CODES", _refused(outcomes.RETURN_CODES)),
    ):
        yield


@mutant("taken means filled", LATE_EXECUTION, PARTIAL_FILL, caught_by="I4", connector="mt5")
def taken_means_filled() -> Iterator[None]:
    """An order that the broker took is called filled, at the volume and the price that were asked for."""

    def at_once(of: orders.Orders, executing: Executing, sent: orders.Prepared, deadline: float) -> Outcome:
        held, order = sent.held, sent.order
        position_id = executing.order if held is None else held.position_id
        ticket = executing.order if held is None else held.ticket
        return Done(executing.order, position_id, ticket, order.volume_lots, order.price, of.session.clock.now())

    with replaced(orders.Orders, "_wait", at_once):
        yield


@mutant("whoever is logged in", OTHER_ACCOUNT, caught_by="defect", connector="mt5")
def whoever_is_logged_in() -> Iterator[None]:
    """The worker does not look whose account the terminal shows before it sends an order."""
    with replaced(worker_orders, "_unfit", lambda *_: None):
        yield


@mutant("a close that names no position", LOST_REPLY, caught_by="I1 I2 I4", connector="mt5")
def a_close_that_names_no_position() -> Iterator[None]:
    """The worker leaves the position out of a request to close: a hedging account opens the opposite one."""

    def request(order: SendOrder, magic: int, filling: int) -> dict[str, Any]:
        return {name: value for name, value in order_request(order, magic, filling).items() if name != "position"}

    with replaced(worker_orders, "order_request", request):
        yield


def _refused(codes: Mapping[int, Meaning]) -> dict[int, Meaning]:
    doubtful = {code: meaning for code, meaning in codes.items() if meaning.fate is Fate.UNKNOWN}
    refused = {code: replace(meaning, fate=Fate.REFUSED, code="refused") for code, meaning in doubtful.items()}
    return {**codes, **refused}
