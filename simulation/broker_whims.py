"""What a simulated broker, and people at their own terminals, do by themselves: at random moments, whoever calls."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from connectors.back_office import BY_HAND, STOP_OUT
from connectors.base import CloseOrder, Done, OpenOrder, Rejected
from simulation import broker_faults as faults
from simulation.broker_faults import Dice
from simulation.broker_floor import Floor
from trading.market import SECOND, Instant, Side
from trading.settings_commodities import ThreeNights

SWAP_EVERY_SECONDS = 600  # a broker whose nights are short, so that no profit is right without its swap
LARGEST_BY_HAND_STEPS = 5  # the volume of a person's order, in smallest volumes
REVERSING_STEPS = 50  # so many times as much on a netting account now and then, which is more than most of our trades
REVERSING_SHARE = 0.2
LARGEST_JUMP_STEPS = 60
AWAY_SECONDS = (2.0, 30.0)
LARGEST_CORRECTION_CENTS = 500


class Cuttable(Protocol):
    """A process's connection, as far as it can be cut."""

    cut_until: Instant


class Whims:
    """Let happen what nobody asked for."""

    def __init__(self, floor: Floor, dice: Dice) -> None:
        self._floor = floor
        self._dice = dice
        self.connections: list[Cuttable] = []
        self._forever(SWAP_EVERY_SECONDS * SECOND, self._book_swap)
        happenings: dict[str, Callable[[], None]] = {
            faults.CLOSED_BY_HAND: self._close_any,
            faults.OPENED_BY_HAND: self._open_any,
            faults.STOPPED_OUT: self._stop_out,
            faults.CORRECTION: self._correct,
            faults.HISTORY_BEHIND: self._hide_history,
            faults.NETWORK_CUT: self._cut_network,
            faults.RESTART: lambda: self.restart(dice.milliseconds(*AWAY_SECONDS)),
            faults.MARKET_SHUT: self._shut_market,
            faults.STALE_QUOTES: self._freeze_quotes,
            faults.JUMP: self._jump,
        }
        for fault, happen in happenings.items():
            self.again(fault, happen)

    # ------------------------------------------------------------ also at somebody's command

    def restart(self, milliseconds: int) -> None:
        """Cut every connection, be away for so long, and keep or lose each order that waits."""
        self._floor.epoch += 1
        self._floor.down_until = self._floor.at + milliseconds
        self._floor.lose(self._dice.coin)

    def open_by_hand(self, commodity: str, side: Side, volume_lots: float) -> Done | Rejected:
        """Open a position as a person does, without a magic."""
        floor = self._floor
        order = OpenOrder(commodity, side, volume_lots, magic=0, comment="", expected_price=math.nan)
        return floor.office.fill_open(order, floor.book.token, floor.price(order), floor.at, BY_HAND)

    def close_by_hand(self, ticket: int, volume_lots: float | None, reason: str = BY_HAND) -> Done | Rejected:
        """Close a position, or a part of it, as a person does, or, with another reason, the broker."""
        floor = self._floor
        held = floor.book.holdings.get(ticket)
        if held is None:
            return Rejected("no_position", f"no live position has the ticket {ticket}")
        lots = held.volume_lots if volume_lots is None else volume_lots
        order = CloseOrder(ticket, held.commodity, held.side, lots, 0, math.nan)
        return floor.office.fill_close(order, floor.book.token, floor.price(order), floor.at, reason)

    # ------------------------------------------------------------ when

    def _forever(self, every: int, happen: Callable[[], None]) -> None:
        def strike() -> None:
            happen()
            self._floor.later(every, strike)

        self._floor.later(every, strike)

    def again(self, fault: str, happen: Callable[[], None]) -> None:
        """Let it happen at a random moment, and again and again, until the broker behaves."""

        def strike() -> None:
            if self._dice.strikes(fault):
                self._dice.on_strike(fault)
                happen()
                self.again(fault, happen)

        if self._dice.strikes(fault):
            self._floor.later(self._dice.pause(fault), strike)

    # ------------------------------------------------------------ what

    def _book_swap(self) -> None:
        every_night: dict[str, ThreeNights] = dict.fromkeys(self._floor.symbols, "never")
        self._floor.office.charge_nights(self._floor.at, every_night)

    def _close_any(self) -> None:
        held = [
            holding for _, holding in sorted(self._floor.book.holdings.items()) if self._may_close(holding.commodity)
        ]
        if not held:
            return
        holding = self._dice.rng.choice(held)
        step = self._floor.office.instruments[holding.commodity].volume_step_lots
        steps = round(holding.volume_lots / step)
        is_part = steps > 1 and self._dice.coin()
        self.close_by_hand(holding.ticket, round(self._dice.rng.randrange(1, steps) * step, 8) if is_part else None)

    def _open_any(self) -> None:
        """On a netting account it may add to our position, reduce it, or reverse it."""
        floor, commodity = self._floor, self._any_commodity()
        side = Side.BUY if self._dice.coin() else Side.SELL
        lots = floor.office.instruments[commodity].volume_min_lots * self._dice.rng.randint(1, LARGEST_BY_HAND_STEPS)
        if floor.netting and self._dice.rng.random() < REVERSING_SHARE:
            lots *= REVERSING_STEPS
        if not floor.is_down:
            self.open_by_hand(commodity, side, round(lots, 8))

    def _stop_out(self) -> None:
        worst = self._floor.office.worst(self._may_close)
        if worst is not None:
            self.close_by_hand(worst.ticket, None, STOP_OUT)

    def _correct(self) -> None:
        live = {holding.position_id for holding in self._floor.book.holdings.values()}
        gone = sorted({deal.position_id for deal in self._floor.book.deals} - live)
        if not gone:
            return
        position_id, cents = self._dice.rng.choice(gone), LARGEST_CORRECTION_CENTS
        amounts = [0.0, 0.0, 0.0, 0.0]
        amounts[self._dice.rng.randrange(len(amounts))] = self._dice.rng.randint(-cents, cents) / 100
        profit, swap, commission, fee = amounts
        self._floor.office.adjust(position_id, self._floor.at, profit=profit, swap=swap, commission=commission, fee=fee)

    def _hide_history(self) -> None:
        self._floor.hidden_from = self._floor.at
        self._floor.hidden_until = self._floor.at + self._dice.milliseconds(5, 60)

    def _cut_network(self) -> None:
        until = self._floor.at + self._dice.milliseconds(2, 40)
        for connection in self.connections:
            if self._dice.coin():
                connection.cut_until = until

    def _shut_market(self) -> None:
        self._floor.market.shut(self._any_commodity(), self._floor.at, self._floor.at + self._dice.milliseconds(10, 90))

    def _freeze_quotes(self) -> None:
        self._floor.market.stand_still(
            self._any_commodity(), self._floor.at, self._floor.at + self._dice.milliseconds(10, 60)
        )

    def _jump(self) -> None:
        steps = self._dice.rng.randint(-LARGEST_JUMP_STEPS, LARGEST_JUMP_STEPS)
        self._floor.market.jump(self._any_commodity(), self._floor.at, steps)

    def _may_close(self, commodity: str) -> bool:
        """Not while nothing is dealt; nor, on a netting account, while an order is on its way, which would reverse."""
        floor = self._floor
        return (
            not floor.is_down
            and floor.market.deals(commodity, floor.at)
            and not (floor.netting and floor.awaits(commodity))
        )

    def _any_commodity(self) -> str:
        return self._dice.rng.choice(self._floor.symbols)
