"""Trades of ours that nobody can judge, because the broker shows no price or no terms of their commodity.

A broker may take a symbol away, or rename it, while something is held of it. Such a trade stays as it is: nothing can
be said of its stop, and no close of it can be priced. All else of the account goes on, and a person is told, again and
again until it is over.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from actors.desk import Desk
from actors.names import JUDGED_AGAIN, UNJUDGED
from actors.system.context import Context
from trading.trade import HELD

BLIND_SECONDS = 60.0  # of elapsed time, before it is told: a symbol that somebody hides is shown again sooner
REMINDER_SECONDS = 600.0  # of elapsed time
READ_AGAIN_SECONDS = 60.0  # of elapsed time, while the broker's prices and terms are not of the same commodities


class BlindSpots:
    """What of one account the broker does not show."""

    def __init__(self) -> None:
        self._blind_since: dict[int, float] = {}  # elapsed, by trade
        self._told: tuple[str, ...] = ()
        self._remind_at = 0.0  # elapsed
        self._read_at = 0.0  # elapsed

    @property
    def are_there(self) -> bool:
        """Whether some trade is not judged."""
        return bool(self._blind_since)

    def look(self, desk: Desk, quoted: Collection[str], context: Context) -> None:
        """Read the terms again where they do not fit the prices, and tell of trades without either.

        ``quoted``: the commodities of the broker's newest answer. Raises ``ConnectorError``.
        """
        self._read_terms_again(desk, quoted, context)
        self._tell(desk, quoted, context)

    def _read_terms_again(self, desk: Desk, quoted: Collection[str], context: Context) -> None:
        elapsed = context.elapsed()
        # Some pairs are quoted only to convert money: those have no terms, and none are missed.
        traded = desk.settings.account(desk.platform).symbols.keys() & quoted
        if traded == desk.instruments.keys() or elapsed < self._read_at:
            return
        self._read_at = elapsed + READ_AGAIN_SECONDS
        desk.instruments = desk.connector.instruments(desk.deadline)

    def _tell(self, desk: Desk, quoted: Collection[str], context: Context) -> None:
        elapsed = context.elapsed()
        blind = {
            trade.trade_id: trade
            for trade in chain(desk.trades.values(), desk.late.values())
            if trade.state in HELD and _is_blind(desk, trade.commodity, quoted, context)
        }
        self._blind_since = {number: self._blind_since.get(number, elapsed) for number in blind}
        told = tuple(
            f"{trade.resource} ({trade.state}, position {trade.position_id})"
            for number, trade in sorted(blind.items())
            if elapsed - self._blind_since[number] >= BLIND_SECONDS
        )
        if told and (told != self._told or elapsed >= self._remind_at):
            self._remind_at = elapsed + REMINDER_SECONDS
            context.alert(
                UNJUDGED,
                f"{desk.platform}: the broker shows no price or no terms of {', '.join(told)}: nobody guards its stop; "
                "close it at the broker, or put the symbol right in accounts and start again",
            )
        elif self._told and not told:
            context.alert(JUDGED_AGAIN, f"{desk.platform}: its trades are judged again")
        self._told = told


def _is_blind(desk: Desk, commodity: str, quoted: Collection[str], context: Context) -> bool:
    """While a market is shut, that it has no price is nothing to tell of; that the broker does not have it is."""
    if commodity not in desk.instruments:
        return True
    return commodity not in quoted and desk.market.times.of(desk.platform, commodity).is_open(context.now())
