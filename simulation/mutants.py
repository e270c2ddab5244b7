"""Deliberate faults of the protocol, each of which the simulation must catch; and all mutants, for those who hunt them.

What a mutant is, is told in `mutant.py`; those of the way to a terminal are in `terminal_mutants.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from actors import auditing, closing, late, lookup, opening, settling
from actors.changes import as_open
from actors.desk import Desk
from actors.messages import Lease, Open, OpenResult
from actors.reservation import ReservationActor
from actors.seeing_through import SeeingThrough
from actors.system.context import Context
from connectors.base import ConnectorError, OpenOrder, Outcome, Rejected, Unknown
from persistence.modes import ModeRecord, Modes
from persistence.pauses import Pauses
from persistence.requests import Request, Requests
from persistence.reservations import Reservation, Reservations
from persistence.schedule import Schedule
from persistence.tables import account, operator_request, reservation
from persistence.trades import NewTrade
from simulation import run, terminal_mutants
from simulation.broker import SimulatedBroker
from simulation.broker_faults import (
    CLOSED_BY_HAND,
    DUPLICATE_DELIVERY,
    LATE_EXECUTION,
    LOST_REPLY,
    LOST_REQUEST,
    OPENED_BY_HAND,
    PARTIAL_FILL,
)
from simulation.kinds import ACTOR, COMMANDS, COMMIT_DOUBTFUL, CRASH, FREEZE, KILL, OPERATOR
from simulation.mutant import MUTANTS, Caught, Mutant, hunt, mutant, replaced
from simulation.terminal_broker import MetaTraderBroker
from trading import adjustment
from trading.market import Position
from trading.modes import Mode
from trading.order_numbers import magic_number
from trading.sizing import Sizing
from trading.trade import Trade, TradeState

__all__ = ["MUTANTS", "Caught", "Mutant", "hunt", "terminal_mutants"]  # the last one registers its own in MUTANTS


# ---------------------------------------------------------------- opening


@mutant("order before SUBMITTED", CRASH, LOST_REPLY, caught_by="I9")
def order_before_submitted() -> Iterator[None]:
    """The order leaves first, and its row is written when the answer is there."""

    def send_first(lease: Lease, desk: Desk, message: Open, sizing: Sizing, context: Context) -> OpenResult:
        new = opening.new_trade(desk, message, sizing, context)
        outcome = _sent(desk, new, _next_magic(desk), context)
        submitted = opening._submit(desk, message, lease, sizing, context)
        if isinstance(submitted, str):
            return opening.refused(desk, message, submitted)
        trade = opening.settle_open(desk, submitted, outcome, context)
        return OpenResult(desk.platform, message.analysis.id, trade.commodity, trade, trade.state.value)

    with replaced(opening, "_open_under", send_first):
        yield


def _next_magic(desk: Desk) -> int:
    with desk.ledger.reading() as connection:
        query = select(account.c.prefix, account.c.sequence).where(account.c.platform == desk.platform)
        row = connection.execute(query).one()
    return magic_number(row.prefix, row.sequence + 1)


def _sent(desk: Desk, new: NewTrade | Trade, magic: int, context: Context) -> Outcome:
    order = OpenOrder(new.commodity, new.side, new.volume_lots, magic, "mutant", new.expected_price)
    try:
        return desk.connector.open(order, desk.token, desk.deadline)
    except ConnectorError as error:
        return Unknown(str(error))


@mutant("time-out means failed", LOST_REPLY, LATE_EXECUTION, caught_by="I1 I3")
def time_out_means_failed() -> Iterator[None]:
    """No answer to an order is taken for a no."""
    real = opening._send

    def send(*arguments: Any) -> Outcome:
        outcome = real(*arguments)
        return Rejected("timeout", "no answer") if isinstance(outcome, Unknown) else outcome

    with replaced(opening, "_send", send):
        yield


@mutant("resend on time-out", LOST_REPLY, LOST_REQUEST, caught_by="I1 I11")
def resend_on_time_out() -> Iterator[None]:
    """An order without an answer is sent again."""
    real = opening._send

    def send(desk: Desk, trade: Trade, lease: Lease, context: Context) -> Outcome:
        outcome = real(desk, trade, lease, context)
        return _sent(desk, trade, trade.magic, context) if isinstance(outcome, Unknown) else outcome

    with replaced(opening, "_send", send):
        yield


@mutant("assumed full fill", PARTIAL_FILL, caught_by="I2 I4")
def assumed_full_fill() -> Iterator[None]:
    """The ledger keeps the volume that was asked for, whatever the broker filled."""

    def as_asked(trade: Trade, **facts: Any) -> Trade:
        return as_open(trade, **{**facts, "volume_lots": trade.volume_lots})

    with replaced(opening, "as_open", as_asked):
        yield


@mutant("pause ignored", OPERATOR, caught_by="I13")
def pause_ignored() -> Iterator[None]:
    """Whether the crew may open is not asked when the order's row is written, nor before."""
    with replaced(Modes, "require_opens", lambda *_: None), replaced(Modes, "of", lambda *_: ModeRecord(Mode.TRADING)):
        yield


# ---------------------------------------------------------------- looking up


@mutant("no look-up", LOST_REPLY, caught_by="I1 I3")
def no_look_up() -> Iterator[None]:
    """An order whose fate is not known is given up without looking for it."""

    def give_up(desk: Desk, trade: Trade, found: Any, context: Context) -> Trade:
        return desk.advance(trade, replace(trade, state=TradeState.FAILED, detail="given up"), context)

    with replaced(settling, "resolve_unknown", give_up):
        yield


@mutant("quarantine of zero", LATE_EXECUTION, caught_by="I1 I3")
def quarantine_of_zero() -> Iterator[None]:
    """An order that one scan does not find is given up."""
    with replaced(lookup, "QUARANTINE_SECONDS", 0.0), replaced(lookup, "CLEAN_SCANS_TO_FAIL", 1):
        yield


@mutant("recovery skips UNKNOWN", CRASH, LOST_REPLY, caught_by="I3 I7")
def recovery_skips_unknown() -> Iterator[None]:
    """A process that takes over does not look for orders whose fate its predecessor did not know."""
    real = Desk.reload

    def reload(desk: Desk, context: Context) -> None:
        real(desk, context)
        doubtful = (TradeState.SUBMITTED, TradeState.UNKNOWN)
        desk.trades = {name: trade for name, trade in desk.trades.items() if trade.state not in doubtful}

    with replaced(Desk, "reload", reload):
        yield


@mutant("profit without costs", CLOSED_BY_HAND, caught_by="I5")
def profit_without_costs() -> Iterator[None]:
    """Swap and commission are left out of the profit."""

    def without_costs(deals: Any) -> float:
        return float(round(sum(deal.profit for deal in deals), 2))

    with _in_all((lookup, auditing), "profit_of", without_costs):
        yield


@mutant("somebody else's position", OPENED_BY_HAND, caught_by="I2 I3 I4 I10")
def somebody_elses_position() -> Iterator[None]:
    """A trade's position is whichever there is in its commodity."""

    def position_of(trade: Trade, positions: Any) -> Position | None:
        return next((p for p in reversed(positions) if p.commodity == trade.commodity and p.side is trade.side), None)

    with replaced(lookup, "position_of", position_of):
        yield


# ---------------------------------------------------------------- closing


@mutant("forgotten close", CRASH, caught_by="I7 I8")
def forgotten_close() -> Iterator[None]:
    """A close is written down, and never sent."""

    def send(desk: Desk, trade: Trade, *_: Any, **__: Any) -> Trade:
        return trade

    with _in_all((closing, late), "send_close", send):
        yield


@mutant("close repeated at once", LOST_REPLY, LATE_EXECUTION, caught_by="I2")
def close_repeated_at_once() -> Iterator[None]:
    """On a netting account a close without an answer is repeated at once."""
    with replaced(closing, "rest_seconds", lambda desk: 0.0):
        yield


@mutant("rule judged twice", KILL, ACTOR, caught_by="I14")
def rule_judged_twice() -> Iterator[None]:
    """The key of a scheduled job is neither used up nor looked for."""
    with (
        replaced(Schedule, "has_fired", lambda *_: False),
        replaced(Schedule, "claim", lambda *_: None),
    ):
        yield


@mutant("stop widens", ACTOR, caught_by="I15")
def stop_widens() -> Iterator[None]:
    """An adjustment moves the stop away from the price."""

    def widened(trade: Trade, stop_price: float) -> float:
        return trade.stop_price - trade.side.sign * 0.1 * trade.stop_distance

    with replaced(adjustment, "tightened", widened):
        yield


# ---------------------------------------------------------------- what a person asks for


@mutant("pause of a part ignored", COMMANDS, caught_by="I13")
def pause_of_a_part_ignored() -> Iterator[None]:
    """Whether opens of a part are paused is not asked when the order's row is written, nor before."""
    with replaced(Pauses, "require_opens", lambda *_: None), replaced(Pauses, "of", lambda *_: []):
        yield


@mutant("request forgotten", COMMANDS, CRASH, caught_by="I7")
def request_forgotten() -> Iterator[None]:
    """Who leads next does not look for what the one before was asked for."""

    def look_back(closings: SeeingThrough, _: Context) -> None:
        closings._has_looked_back, closings._looks_back_again = True, False

    with replaced(SeeingThrough, "_look_back", look_back):
        yield


@mutant("request of an unheard commit forgotten", COMMANDS, COMMIT_DOUBTFUL, caught_by="I7")
def request_of_an_unheard_commit_forgotten() -> Iterator[None]:
    """A request is given up that could not be written down, or so it was said."""
    with replaced(SeeingThrough, "look_back_again", lambda *_: None):
        yield


@mutant("request carried out again", COMMANDS, caught_by="I11")
def request_carried_out_again() -> Iterator[None]:
    """What is asked for again under the same id is done again, in a new row."""
    real = Requests.begin

    def begin(requests: Requests, connection: Connection, request: Request, *entries: Any) -> bool:
        same = operator_request.c.request_id == bindparam("the_request")
        connection.execute(delete(operator_request).where(same), {"the_request": request.request_id})
        return real(requests, connection, request, *entries)

    with replaced(Requests, "known", lambda *_: None), replaced(Requests, "begin", begin):
        yield


# ---------------------------------------------------------------- leases


@mutant("release by a non-owner", KILL, caught_by="I6")
def release_by_a_non_owner() -> Iterator[None]:
    """A process that starts frees every lease that it finds, whoever holds it."""
    real = ReservationActor.start

    def start(actor: ReservationActor, context: Context) -> None:
        free = update(reservation).values(owner=None, expires_at=0)
        with actor._reservations._database.writing() as connection:
            connection.execute(free)
        real(actor, context)

    with replaced(ReservationActor, "start", start):
        yield


@mutant("two takers of an expired lease", KILL, caught_by="I6")
def two_takers_of_an_expired_lease() -> Iterator[None]:
    """Whether a lease has expired is judged by what was read at the attempt before."""
    real = Reservations.reserve_resource
    read: dict[tuple[str, str], int] = {}  # by owner and resource, when it would expire

    def reserve(table: Reservations, resource: str, owner: str, ttl_seconds: float) -> Reservation | None:
        clock = table._clock
        if clock is not None and read.get((owner, resource), clock() + 1) <= clock():
            free = update(reservation).where(reservation.c.resource == bindparam("the_resource")).values(expires_at=0)
            with table._database.writing() as connection:
                connection.execute(free, {"the_resource": resource})
        taken = real(table, resource, owner, ttl_seconds)
        holder = table.holder(resource)
        if taken is None and holder is not None and holder.owner != owner:
            read[owner, resource] = holder.expires_at
        else:
            read.pop((owner, resource), None)
        return taken

    with replaced(Reservations, "reserve_resource", reserve):
        yield


@mutant("takeover keeps the token", FREEZE, KILL, caught_by="I6")
def takeover_keeps_the_token() -> Iterator[None]:
    """Who takes over gets the token of the one before."""
    real = Reservations.reserve_resource

    def reserve(table: Reservations, resource: str, owner: str, ttl_seconds: float) -> Reservation | None:
        taken = real(table, resource, owner, ttl_seconds)
        if taken is None or taken.token == 1:
            return taken
        same = update(reservation).where(reservation.c.resource == bindparam("the_resource"))
        with table._database.writing() as connection:
            connection.execute(same.values(token=taken.token - 1), {"the_resource": resource})
        return replace(taken, token=taken.token - 1)

    with replaced(Reservations, "reserve_resource", reserve):
        yield


@mutant("stale token accepted", FREEZE, caught_by="I6")
def stale_token_accepted() -> Iterator[None]:
    """The ledger does not look at the token of who writes."""
    with replaced(Reservations, "require", lambda *_: None):
        yield


@mutant("stale token accepted by the broker", FREEZE, caught_by="I6")
def stale_token_accepted_by_the_broker() -> Iterator[None]:
    """The broker's side does not look at the token of who sends."""
    with (
        replaced(run, "SimulatedBroker", functools.partial(SimulatedBroker, is_fenced=False)),
        replaced(run, "MetaTraderBroker", functools.partial(MetaTraderBroker, is_fenced=False)),
    ):
        yield


@mutant("repeated number accepted by the broker", DUPLICATE_DELIVERY, caught_by="I1 I2 I11")
def repeated_number_accepted_by_the_broker() -> Iterator[None]:
    """The broker's side does not look whether an order was sent before."""
    with (
        replaced(run, "SimulatedBroker", functools.partial(SimulatedBroker, dedupes_open=False)),
        replaced(run, "MetaTraderBroker", functools.partial(MetaTraderBroker, dedupes_open=False)),
    ):
        yield


@contextmanager
def _in_all(modules: tuple[object, ...], name: str, by: object) -> Iterator[None]:
    """Replace a function wherever it was imported."""
    with ExitStack() as stack:
        for module in modules:
            if hasattr(module, name):
                stack.enter_context(replaced(module, name, by))
        yield
