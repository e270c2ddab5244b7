"""The orders of one account on their way from a worker to its terminal, each with the order floor in its hands.

What may be sent is decided here, by the token, by the magics that were sent before, and by the account that the
terminal shows at that moment.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from connectors.base import StaleToken
from connectors.mt5.calls import Identity, SendOrder, Sent, WorkerTerms
from connectors.mt5.channel import NotSent
from connectors.mt5.facts import ACCOUNT_MARGIN_MODE_RETAIL_HEDGING, RES_S_OK, TRADE_RETCODE_INVALID_FILL
from connectors.mt5.order_floor import FloorBusy, FloorUnusable, HeldFloor, OrderFloor
from connectors.mt5.order_request import order_request
from connectors.mt5.package_face import Answer, Package, ask, first_failure
from connectors.mt5.package_records import identity_shown, record
from trading.order_numbers import prefix_of

log = logging.getLogger("watchbill.mt5")

LOCK_SHARE = 0.9  # of a call's time may pass in waiting for the floor; the rest is for saying that it was in vain


class WorkerOrders:
    """Sends orders, one at a time."""

    def __init__(self, package: Package, terms: WorkerTerms, floor: OrderFloor, elapsed: Callable[[], float]) -> None:
        """As for `WorkerCore`."""
        self._package = package
        self._login, self._server = terms.login, terms.server
        self._floor = floor
        self._elapsed = elapsed
        self._highest_token = 0  # that this worker has seen on the floor

    def asked(self, question: Callable[[float], int], expires: float) -> int:
        """The answer of the floor to a question for its token. Raises `NotSent`."""
        try:
            return self._seen(question((expires - self._elapsed()) * LOCK_SHARE))
        except (FloorBusy, FloorUnusable) as error:
            raise NotSent(str(error)) from error

    def fence(self, token: int, expires: float) -> None:
        """Have the floor at this token at least. Raises `StaleToken` where it is above, and `NotSent`."""
        with self._held(expires) as floor:
            highest = self._seen(floor.token)
            if token < highest:
                raise StaleToken(_stale(token, highest))
            if token > highest:
                floor.write(token, None)
                self._seen(token)

    def send(self, order: SendOrder, token: int, magic: int, expires: float) -> Sent:
        """Send the order, or say why not. The floor is held from the first look at the token until it is sent.

        Once the package was called, or the order refused, nothing that the floor does makes another answer of it.
        """
        left = expires - self._elapsed()
        if left <= 0:
            return _refused("deadline_passed", "the order came too late to the worker")
        sent: Sent | None = None
        try:
            with self._floor.hold(left * LOCK_SHARE) as floor:
                sent = self._refusal(order, token, magic, floor)
                if sent is None:
                    self._write(order, token, magic, floor)
                    sent = self._sent(order, magic, expires)
        except FloorBusy as error:
            return sent or _refused("deadline_passed", str(error))
        except FloorUnusable as error:
            return sent or self._sent_without_floor(order, token, magic, expires, error)
        return sent

    @contextmanager
    def _held(self, expires: float) -> Iterator[HeldFloor]:
        """The floor, for whoever sends nothing while holding it. Raises `NotSent`."""
        try:
            with self._floor.hold((expires - self._elapsed()) * LOCK_SHARE) as floor:
                yield floor
        except (FloorBusy, FloorUnusable) as error:
            raise NotSent(str(error)) from error

    def _seen(self, token: int) -> int:
        self._highest_token = max(self._highest_token, token)
        return token

    def _sent_without_floor(
        self, order: SendOrder, token: int, magic: int, expires: float, trouble: FloorUnusable
    ) -> Sent:
        """Only a close of one position on an account that hedges: sent twice, the second one finds it gone.

        A position that nobody may close is worse than a close by a leader that was overtaken, of its own trade.
        """
        unusable = _refused("floor_unusable", str(trouble))
        if order.position is None:
            return unusable
        if token < self._highest_token:
            return _refused("stale_token", _stale(token, self._highest_token))
        shown = self._fit(order)
        if isinstance(shown, Sent):
            return shown
        if shown.margin_mode != ACCOUNT_MARGIN_MODE_RETAIL_HEDGING:
            return unusable
        log.warning("the position %d is closed without the order floor: %s", order.position, trouble)
        return self._sent(order, magic, expires)

    def _refusal(self, order: SendOrder, token: int, magic: int, floor: HeldFloor) -> Sent | None:
        """Why the order is not sent; None: it may be."""
        highest = self._seen(floor.token)
        if token < highest:
            return _refused("stale_token", _stale(token, highest))
        if order.position is None:
            if floor.was_sent(magic):
                return _refused("repeated", f"an order with the magic {magic} was sent before")
            other = floor.sent_by_another(token, prefix_of(magic))
            if other is not None:
                return _refused("another_ledger", _another(other, magic, token))
        shown = self._fit(order)
        return shown if isinstance(shown, Sent) else None

    def _fit(self, order: SendOrder) -> Identity | Sent:
        """The account that the terminal shows, where the order may go to it; otherwise why not."""
        if (order.login, order.server) != (self._login, self._server):
            return _refused(
                "wrong_account",
                f"the order is for {order.login} at {order.server!r}; this worker is for {self._login} at "
                f"{self._server!r}",
            )
        terminal, account = ask(self._package, "terminal_info"), ask(self._package, "account_info")
        if terminal.value is None or account.value is None:
            said = first_failure(terminal, account)
            return _refused("not_connected", f"the terminal does not say whose account it shows: {said.message}", said)
        return _unfit(order, terminal.value, account.value) or identity_shown(terminal.value, account.value)

    def _write(self, order: SendOrder, token: int, magic: int, floor: HeldFloor) -> None:
        """Have on disk what is about to be sent. A close that is sent twice meets a position that is gone."""
        if order.position is None:
            floor.write(token, magic)
        elif token > floor.token:
            floor.write(token, None)
        self._seen(token)

    def _sent(self, order: SendOrder, magic: int, expires: float) -> Sent:
        """Call the package: once, and once more only for each way of filling that it provably did not take."""
        if self._elapsed() >= expires:
            return _refused("deadline_passed", "the order's time passed before it was sent")
        for filling in order.fillings:
            answer = ask(self._package, "order_send", order_request(order, magic, filling))
            not_taken = answer.value is not None and answer.value.retcode == TRADE_RETCODE_INVALID_FILL
            if not not_taken or self._elapsed() >= expires:
                break
        return Sent(
            refused=None,
            reason="",
            result=None if answer.value is None else record(answer.value, without="request"),
            code=answer.code,
            message=answer.message,
            filling=filling,
        )


def _unfit(order: SendOrder, terminal: Any, account: Any) -> Sent | None:
    """Why the order may not go to the account that the terminal shows."""
    shown = (int(account.login), str(account.server), int(account.trade_mode))
    if shown != (order.login, order.server, order.trade_mode):
        return _refused(
            "wrong_account",
            "the terminal shows login {}, server {!r}, trade mode {}; expected login {}, server {!r}, trade mode "
            "{}".format(*shown, order.login, order.server, order.trade_mode),
        )
    if not terminal.connected:
        return _refused("not_connected", "the terminal has no connection to its trade server")
    for allowed, what in (
        (not terminal.tradeapi_disabled, "the terminal does not let Python programs trade"),
        (terminal.trade_allowed, "algorithmic trading is switched off in the terminal"),
        (account.trade_allowed, "the account may not trade: is it logged in with the investor password?"),
        (account.trade_expert, "the broker does not let programs trade on this account"),
    ):
        if not allowed:
            return _refused("trade_disabled", what)
    return None


def _stale(token: int, highest: int) -> str:
    return f"token {token} is below {highest}: another process of this ledger, or another ledger, leads this account"


def _another(theirs: int, ours: int, token: int) -> str:
    return (
        f"another ledger trades this account: under the token {token} or a higher one it has sent {theirs}, of the "
        f"prefix {prefix_of(theirs)}; the prefix of this ledger is {prefix_of(ours)}; one account, one ledger: stop "
        "one of the two"
    )


def _refused(code: str, reason: str, said: Answer | None = None) -> Sent:
    """Nothing was sent."""
    return Sent(
        refused=code,
        reason=reason,
        result=None,
        code=RES_S_OK if said is None else said.code,
        message="" if said is None else said.message,
        filling=None,
    )
