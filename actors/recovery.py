"""Taking up an account: what is on disk and at the broker decides, and nothing is trusted from memory.

Every step may be repeated, and dying anywhere in here changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actors.closing import rest_after_restart
from actors.desk import Desk
from actors.externals import last_externals
from actors.system.context import Context
from trading.market import Position
from trading.order_numbers import prefix_of, sequence_of
from trading.trade import TradeState


class Unexplained(Exception):
    """The account holds positions of its own prefix that the ledger does not know."""


def recover(desk: Desk, context: Context) -> None:
    """Forget what was believed, and see to it that no number is given twice. The trades are to be read after this.

    Raises `Unexplained`, `ConnectorError`, and whatever the ledger raises.
    """
    desk.absences.clear()
    desk.attempts.clear()
    for sent in desk.unwritten.values():
        sent.stands = False
    desk.prefix = desk.ledger.trades.register_account(desk.platform)
    desk.disowned = desk.ledger.disowned.of(desk.platform)
    desk.external_seen = last_externals(desk)
    positions = desk.connector.positions(desk.deadline)
    refuse_unknown(desk, positions)
    ours = [p.magic for p in positions if prefix_of(p.magic) == desk.prefix]
    ours += [o.magic for o in desk.connector.orders(0, desk.deadline) if prefix_of(o.magic) == desk.prefix]
    if ours:
        # A restored backup would hand out numbers that the broker has seen.
        desk.ledger.trades.raise_sequence(desk.platform, max(map(sequence_of, ours)))


def refuse_unknown(desk: Desk, positions: Sequence[Position]) -> None:
    """Raise `Unexplained` for positions of our prefix that the ledger has no row for.

    It was restored from an old copy, or there is a second one: nothing it says of this account can be relied upon.
    """
    unknown = sorted(
        {p.magic for p in positions if desk.is_ours(p.magic) and desk.ledger.trades.by_magic(p.magic) is None}
    )
    if unknown:
        commands = "; ".join(
            f"`run.py adopt {desk.platform} {magic} --stop-price P` or `run.py disown {desk.platform} {magic}`"
            for magic in unknown
        )
        raise Unexplained(
            f"the ledger has no trade for the positions with the magics {unknown}, which carry this account's "
            f"prefix: {commands}"
        )


def settle_what_was_left(desk: Desk, context: Context) -> None:
    """Of what was under way when the process before ended, nothing is known: it is looked up from here on."""
    for trade in list(desk.trades.values()):
        if trade.state is TradeState.SUBMITTED:
            unknown = replace(trade, state=TradeState.UNKNOWN, detail="found after a restart")
            desk.advance(trade, unknown, context)
    rest_after_restart(desk, context)
