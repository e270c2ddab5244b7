"""`run.py adopt` and `run.py disown`: what becomes of a position that a crew opened and the ledger does not know.

A restored backup leaves such positions behind, and so does a second ledger. Until each is decided on, nothing starts:
to trade past positions that nobody guards would be worse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from connectors.account_book import AccountBook, Holding
from console.account_look import book_of
from console.arguments import Adopt, Disown
from console.configuration import Configuration
from console.errors import CommandError
from console.operating import asked_by, ledger_for_writing, market_time
from console.output import Output
from console.overtaken import settle_overtaken
from console.records import Data, trade_data
from console.same_accounts import require_same_accounts
from console.tokens import held, raise_tokens
from persistence.errors import SlotTaken
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from trading.adoption import NotAdoptable, adopted_trade
from trading.market import Instant
from trading.order_numbers import prefix_of
from trading.settings_accounts import AccountSettings
from trading.trade import resource

KIND = "adoption"
"""Of the journal's line about it."""


def run(arguments: Adopt | Disown, configuration: Configuration, output: Output) -> int:
    """Adopt or disown one position; answers the exit code. Raises `CommandError` where that cannot be."""
    account = _account(arguments.platform, configuration)
    with ledger_for_writing(configuration) as ledger:
        book = book_of(account, configuration)
        holding = _holding(book, arguments.magic, account.name)
        if isinstance(arguments, Adopt):
            data = _adopt(arguments, account, configuration, ledger, book, holding)
        else:
            data = _disown(arguments, ledger)
        raise_tokens(ledger, configuration)
    output.show(data, render)
    return 0


def render(data: Mapping[str, Any]) -> Text:
    """What was done, in one sentence."""
    if "trade" in data:
        trade = data["trade"]
        target = "no target" if trade["target_price"] is None else f"target {trade['target_price']:.10g}"
        said = [_settled_words(over) for over in data["settled"]]
        said.append(
            f"adopted as trade {trade['trade_id']}: {trade['resource']} {trade['side']} {trade['volume_lots']:g} lots "
            f"at {trade['entry_price']:.10g}, stop {trade['stop_price']:.10g}, {target}"
        )
        return Text("\n".join(said))
    return Text(f"magic {data['magic']} on {data['platform']} is not ours: it is shown, and never touched")


def _settled_words(over: Mapping[str, Any]) -> str:
    said = f"trade {over['trade_id']} of {over['resource']} was over at the broker, and is {over['state']} now"
    return said if over["profit"] is None else f"{said}: {over['close_reason']}, profit {over['profit']:+.2f}"


def _adopt(
    arguments: Adopt,
    account: AccountSettings,
    configuration: Configuration,
    ledger: Ledger,
    book: AccountBook,
    holding: Holding,
) -> Data:
    known = ledger.trades.by_magic(holding.magic)
    if known is not None:
        raise CommandError(f"magic {holding.magic} on {account.name} is trade {known.trade_id} of the ledger already")
    if not account.enabled or holding.commodity not in account.symbols:
        raise CommandError(
            f"account {account.name!r} is disabled, or has no symbol for {holding.commodity}: nobody would guard the "
            "trade; change that first, or disown the position"
        )
    if holding.magic in ledger.disowned.of(account.name):
        raise CommandError(f"magic {holding.magic} on {account.name} was disowned, and stays a stranger's")
    at = max(holding.open_time, book.last_seen or 0, _newest(ledger))
    strategy = configuration.settings.strategies[arguments.strategy]
    with (
        held(ledger, configuration, account_resource(account.name), above=book.token) as fence,
        held(ledger, configuration, resource(account.name, holding.commodity)) as slot,
    ):
        require_same_accounts(ledger, [account])
        try:
            trade = adopted_trade(
                account.name,
                holding,
                strategy=arguments.strategy,
                settings=strategy,
                stop_price=arguments.stop_price,
                target_price=arguments.target_price,
                adopted_at=at,
                commodity_token=slot.token,
            )
            said = {"by": asked_by(), "magic": trade.magic, "stop_price": trade.stop_price, "after": trade.state.value}
            line = JournalEntry(at, KIND, "adopted", account.name, trade.commodity, detail=said)
            settled = settle_overtaken(ledger, account.name, holding, book, fence, at)
            written = ledger.adoption.adopt(trade, fence, line)
        except NotAdoptable as error:
            raise CommandError(str(error)) from error
        except SlotTaken as error:
            raise CommandError(
                f"{error}, which is not known to be over at the broker; only one can be guarded in a slot: close that "
                "one there, or disown this position"
            ) from error
    return {
        "platform": account.name,
        "magic": holding.magic,
        "trade": trade_data(written),
        "settled": [trade_data(over) for over in settled],
    }


def _disown(arguments: Disown, ledger: Ledger) -> Data:
    platform, magic = arguments.platform, arguments.magic
    is_new = ledger.disowned.add(platform, magic, by=asked_by(), at=market_time(ledger), reason=arguments.reason)
    return {"platform": platform, "magic": magic, "is_new": is_new}


def _newest(ledger: Ledger) -> Instant:
    lines = ledger.journal.list(limit=1)
    return lines[0].last_at if lines else 0


def _account(platform: str, configuration: Configuration) -> AccountSettings:
    try:
        return configuration.settings.account(platform)
    except KeyError:
        known = ", ".join(account.name for account in configuration.settings.accounts)
        raise CommandError(f"PLATFORM is {platform!r}; expected one of {known}") from None


def _holding(book: AccountBook, magic: int, platform: str) -> Holding:
    found = next((holding for holding in book.holdings.values() if holding.magic == magic), None)
    if found is None:
        ours = sorted(holding.magic for holding in book.holdings.values() if prefix_of(holding.magic) != 0)
        raise CommandError(
            f"MAGIC is {magic}; {platform} holds no position of that number, "
            + (f"only {', '.join(map(str, ours))}" if ours else "nor any other that a crew opened")
        )
    if prefix_of(magic) == 0:
        raise CommandError(f"MAGIC is {magic}, which carries no crew's prefix: a stranger's position is never touched")
    return found
