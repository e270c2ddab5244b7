"""What a worker does with a call: a whitelist over the package; orders go by the order floor (`worker_orders.py`).

It is the same in a process of its own and in a simulated world. It knows one account (`WorkerTerms`), and takes nothing
from a call that could lead it to another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from connectors import wire
from connectors.base import ConnectorError
from connectors.mt5.call_arguments import read_arguments
from connectors.mt5.calls import Given, Look, SymbolLook, WorkerTerms
from connectors.mt5.channel import AnswerLost, NotSent, NotUnderstood
from connectors.mt5.facts import ORDER_TYPE_BUY, RES_E_FAIL, RES_S_OK
from connectors.mt5.order_floor import OrderFloor
from connectors.mt5.package_face import Answer, Package, ask, first_failure
from connectors.mt5.package_records import identity_shown, packed_rates, record
from connectors.mt5.worker_orders import WorkerOrders
from connectors.wire import BadMessage, Json

log = logging.getLogger("watchbill.mt5")


class WorkerCore:
    """The calls of `calls.py` on one account. One call at a time."""

    def __init__(self, package: Package, terms: WorkerTerms, floor: OrderFloor, elapsed: Callable[[], float]) -> None:
        """``floor``: that of the account in ``terms``. ``elapsed``: the scale of every call's expiry."""
        self._package = package
        self._terms = terms
        self._floor = floor
        self._elapsed = elapsed
        self._orders = WorkerOrders(package, terms, floor, elapsed)

    def do(self, call: str, arguments: dict[str, Json], expires: float) -> Json:
        """Carry out one call, unless it is too late for it, and answer as it travels.

        Raises what `Channel.call` raises: `NotUnderstood`, `NotSent`, `StaleToken`; and `AnswerLost` for a defect after
        which nobody can say how far the call came.
        """
        try:
            given = read_arguments(call, arguments, self._terms.symbols)
        except BadMessage as error:
            raise NotUnderstood(str(error)) from error
        try:
            return wire.encode(self._carried_out(call, given, expires))
        except ConnectorError:
            raise
        except Exception as error:
            log.exception("%s failed", call)
            raise AnswerLost(f"{call} failed in the worker: {type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Let go of the terminal. Never raises."""
        try:
            self._package.shutdown()
        except Exception:
            log.exception("the package did not let go of the terminal")

    def _carried_out(self, call: str, given: dict[str, Any], expires: float) -> Any:
        if call == "send":
            return self._orders.send(given["order"], given["token"], given["magic"], expires)
        if self._elapsed() >= expires:
            raise NotSent(f"{call} came too late to the worker, and nothing was done")
        match call:
            case "token":
                return self._orders.asked(self._floor.token_seen, expires)
            case "try_floor":
                return self._orders.asked(self._floor.try_write, expires)
            case "fence":
                return self._orders.fence(given["token"], expires)
            case "initialize":
                return self._initialize(expires)
            case "look":
                return self._look()
            case _:
                return self._given(call, given)

    # ------------------------------------------------------------ questions

    def _initialize(self, expires: float) -> Look:
        # A connection that has once lost its step answers questions with the answers to others until it is made anew.
        ask(self._package, "shutdown")
        terms = self._terms
        seconds = max(0.001, min(terms.initialize_seconds, expires - self._elapsed()))
        named: dict[str, Any] = {"login": terms.login, "server": terms.server, "timeout": int(seconds * 1000)}
        if terms.password is not None:
            named["password"] = terms.password
        if terms.portable:
            named["portable"] = True
        begun = ask(self._package, "initialize", terms.terminal, **named)
        if not begun.value:
            return Look(None, None, self._package.__version__, begun.code, begun.message)
        return self._look()

    def _look(self) -> Look:
        terminal = ask(self._package, "terminal_info")
        account = ask(self._package, "account_info")
        said = first_failure(terminal, account)
        return Look(
            terminal=None if terminal.value is None else record(terminal.value),
            account=None if account.value is None else record(account.value),
            version=self._package.__version__,
            code=said.code,
            message=said.message,
        )

    def _given(self, call: str, given: dict[str, Any]) -> Given:
        terminal, account = ask(self._package, "terminal_info"), ask(self._package, "account_info")
        if terminal.value is None or account.value is None:
            said = first_failure(terminal, account)
            return Given(None, None, said.code, said.message)
        value, said = self._asked(call, given)
        # Once more: who logs in to another account by hand between the two would have its positions taken for ours.
        after = ask(self._package, "account_info")
        if after.value is None:
            return Given(None, None, after.code, after.message)
        identity = identity_shown(terminal.value, after.value)
        if identity != identity_shown(terminal.value, account.value):
            return Given(identity, None, RES_E_FAIL, "the terminal went to another account meanwhile")
        return Given(identity, value, said.code, said.message)

    def _asked(self, call: str, given: dict[str, Any]) -> tuple[Json, Answer]:
        """The value as it travels, and the error that goes with it."""
        match call:
            case "symbols":
                looks = [self._symbol(name) for name in given["names"]]
                return wire.encode(looks), next(
                    (Answer(None, each.code, each.message) for each in looks if each.info is None),
                    Answer(None, RES_S_OK, "Success"),
                )
            case "ticks":
                ticks = [ask(self._package, "symbol_info_tick", name) for name in given["names"]]
                return [None if tick.value is None else record(tick.value) for tick in ticks], first_failure(*ticks)
            case "rates":
                bars = ask(
                    self._package,
                    "copy_rates_from_pos",
                    *(given[name] for name in ("symbol", "timeframe", "start", "count")),
                )
                return None if bars.value is None else packed_rates(bars.value), bars
            case "positions":
                return _records(ask(self._package, "positions_get"))
            case "orders":
                return _records(ask(self._package, "orders_get"))
            case "history_orders":
                return _records(ask(self._package, "history_orders_get", given["since"], given["until"]))
            case "history_deals":
                return _records(ask(self._package, "history_deals_get", given["since"], given["until"]))
            case _:
                raise NotUnderstood(f"call is {call!r}, which is not carried out")

    def _symbol(self, name: str) -> SymbolLook:
        selected = ask(self._package, "symbol_select", name, True)
        if not selected.value:
            return SymbolLook(name, None, None, selected.code, selected.message)
        info = ask(self._package, "symbol_info", name)
        if info.value is None:
            return SymbolLook(name, None, None, info.code, info.message)
        return SymbolLook(name, record(info.value), self._margin_per_lot(name), info.code, info.message)

    def _margin_per_lot(self, name: str) -> float | None:
        tick = ask(self._package, "symbol_info_tick", name)
        if tick.value is None or tick.value.ask == 0:  # 0 is what stands there before the first tick
            return None
        margin = ask(self._package, "order_calc_margin", ORDER_TYPE_BUY, name, 1.0, float(tick.value.ask))
        return None if margin.value is None else float(margin.value)


def _records(answer: Answer) -> tuple[Json, Answer]:
    return (None if answer.value is None else [record(each) for each in answer.value]), answer
