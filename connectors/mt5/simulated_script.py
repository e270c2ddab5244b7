"""What a simulated trade server can be told to do with one call, whatever the call would have come to.

    server.script.next("order_send", code=10004)                      a requote
    server.script.next("order_send", code=-10002, is_done=True)       executed, and the answer lost
    server.script.next("order_send", blocks_seconds=math.inf)         never answers; holds the interpreter
    server.script.next("order_send", code=10008, fills_after_seconds=5)
    server.script.next("positions", code=-10005, times=3)

A code above zero is that of an answer (TRADE_RETCODE_*), and 0 an answer that says nothing; one below zero is the
package's last error, and the call gives None. Nothing is executed with a code unless it says so: 10008 (placed), 10009
(done) and 10010 (done in part, one half where no fraction is told) do, every other one only with ``is_done``.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from connectors.mt5 import facts

ORDER_SEND = "order_send"
EXECUTED = (facts.TRADE_RETCODE_PLACED, facts.TRADE_RETCODE_DONE, facts.TRADE_RETCODE_DONE_PARTIAL)
HALF = 0.5
CALLS = (
    "log_in",
    "terminal_info",
    "account_info",
    "symbols",
    "symbol_info",
    "symbol_select",
    "symbol_info_tick",
    "rates",
    "positions",
    "orders",
    "history_orders",
    "history_deals",
    "order_calc_margin",
    "order_calc_profit",
    "order_check",
    ORDER_SEND,
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What becomes of one call."""

    code: int | None = None  # instead of the one that it would have had
    is_done: bool = False  # with a code: the call is carried out all the same, before it is answered so
    in_history: bool = False  # with a code, and not done: the order stands in the history as rejected
    fraction: float = 1.0  # of the volume, that is executed; the rest is cancelled, whatever the filling says
    fills_after_seconds: float | None = None  # placed at once, and executed so much later, in market time
    pieces: int = 1  # deals that the execution is made of
    repeats: int = 0  # how many times more the broker executes the same order
    comment: str | None = None  # instead of the order's own
    renumbers: bool = False  # the position's ticket is another once the order is done
    blocks_seconds: float = 0.0  # before the answer comes; infinite: it never does

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for what cannot be."""
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction is {self.fraction}; expected more than 0 and at most 1")
        if self.pieces < 1:
            raise ValueError(f"pieces is {self.pieces}; expected 1 or more")
        if self.repeats < 0:
            raise ValueError(f"repeats is {self.repeats}; expected 0 or more")
        for name in ("blocks_seconds", "fills_after_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds >= 0:
                raise ValueError(f"{name} is {seconds}; expected 0 or more")
        if self.fills_after_seconds is not None and not math.isfinite(self.fills_after_seconds):
            raise ValueError(f"fills_after_seconds is {self.fills_after_seconds}; expected a finite number")

    @property
    def is_carried_out(self) -> bool:
        """Whether the order is executed, now or later, unless there is something against it."""
        return self.code is None or self.is_done or self.code in EXECUTED

    @property
    def share(self) -> float:
        """The fraction of the volume that is executed."""
        return HALF if self.code == facts.TRADE_RETCODE_DONE_PARTIAL and self.fraction == 1 else self.fraction

    @property
    def is_of_orders(self) -> bool:
        """Whether only an order can meet it."""
        plain = Trouble(code=self.code, is_done=self.is_done, blocks_seconds=self.blocks_seconds)
        return self != plain or (self.code is not None and self.code >= 0)


NO_TROUBLE = Trouble()


class Script:
    """The troubles that are still to come, by call."""

    def __init__(self) -> None:
        self._troubles: dict[str, deque[Trouble]] = {call: deque() for call in CALLS}

    def next(
        self,
        call: str,
        *,
        times: int = 1,
        code: int | None = None,
        is_done: bool = False,
        in_history: bool = False,
        fraction: float = 1.0,
        fills_after_seconds: float | None = None,
        pieces: int = 1,
        repeats: int = 0,
        comment: str | None = None,
        renumbers: bool = False,
        blocks_seconds: float = 0.0,
    ) -> None:
        """Let the next ``times`` calls of this name meet a `Trouble` of these fields; later ones queue behind.

        Raises ``ValueError`` for a call that there is not, and for a trouble that it cannot meet.
        """
        trouble = Trouble(
            code=code,
            is_done=is_done,
            in_history=in_history,
            fraction=fraction,
            fills_after_seconds=fills_after_seconds,
            pieces=pieces,
            repeats=repeats,
            comment=comment,
            renumbers=renumbers,
            blocks_seconds=blocks_seconds,
        )
        self.add(call, trouble, times)

    def as_usual(self, call: str, times: int = 1) -> None:
        """Let the next ones through untouched."""
        self.add(call, NO_TROUBLE, times)

    def add(self, call: str, trouble: Trouble, times: int = 1) -> None:
        """As `next`, with a trouble that is there."""
        if call not in self._troubles:
            raise ValueError(f"there is no call {call!r}; expected one of {', '.join(CALLS)}")
        if call != ORDER_SEND and trouble.is_of_orders:
            raise ValueError(f"{call} cannot meet {trouble}; expected a code below zero, or a block")
        self._troubles[call].extend([trouble] * times)

    def clear(self) -> None:
        """Forget what is still to come."""
        for troubles in self._troubles.values():
            troubles.clear()

    def taken(self, call: str) -> Trouble | None:
        """The next one of this call; None where none is left."""
        troubles = self._troubles[call]
        return troubles.popleft() if troubles else None
