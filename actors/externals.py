"""The positions of strangers on an account, other programs' and people's: told of, shown, and never touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from actors.desk import Desk
from actors.system.context import Context
from persistence.journal import JournalEntry
from trading.market import Position
from trading.order_numbers import is_tagged, prefix_of

EXTERNALS = "externals"  # the kind of the journal's lines about them


def show_externals(desk: Desk, external: dict[int, Position], context: Context) -> None:
    """Note those that a clean scan saw: they use margin of the account.

    Their coming is told; their coming and going is journalled, each time with all that are there.
    """
    came, went = sorted(external.keys() - desk.external_seen), sorted(desk.external_seen - external.keys())
    if came:
        context.alert(
            "external",
            f"{desk.platform}: the account holds {len(external)} position{'s' * (len(external) > 1)} of others, "
            f"never touched: {sorted(external)}",
        )
    _tell_of_another_ledger(desk, external, context)
    desk.external = external
    desk.external_seen = frozenset(external)
    if came or went:
        desk.write_line(_line(desk, came, went, external.values(), context))


def last_externals(desk: Desk) -> frozenset[int]:
    """Those that the journal says are there."""
    newest = desk.ledger.journal.list(kind=EXTERNALS, platform=desk.platform, limit=1)
    return frozenset(shown["position_id"] for line in newest for shown in line.detail["positions"])


def _tell_of_another_ledger(desk: Desk, external: Mapping[int, Position], context: Context) -> None:
    """Say once when some bear this program's mark and another ledger's prefix, until there are none any more.

    A ledger that was begun anew leaves such positions behind, and so does a second one that trades beside ours.
    """
    theirs = sorted(
        position_id
        for position_id, position in external.items()
        if is_tagged(position.comment) and prefix_of(position.magic) not in (0, desk.prefix)
    )
    if theirs and not desk.told_of_another_ledger:
        context.alert(
            "positions_of_another_ledger",
            f"{desk.platform}: two programs with two ledgers may be trading this account: the positions {theirs} were "
            "opened by this program under another ledger; if it still runs, stop one of the two",
        )
    desk.told_of_another_ledger = bool(theirs)


def _line(
    desk: Desk, came: Sequence[int], went: Sequence[int], positions: Iterable[Position], context: Context
) -> JournalEntry:
    """The journal's line about them, as they are from now on."""
    shown = [
        {
            "position_id": position.position_id,
            "magic": position.magic,
            "commodity": position.commodity,
            "side": position.side.value,
            "volume_lots": position.volume_lots,
            "open_price": position.open_price,
            "profit": position.profit,
        }
        for position in positions
    ]
    reason = "came" if came else "went"
    return desk.entry(EXTERNALS, reason, context, detail={"came": came, "went": went, "positions": shown})
