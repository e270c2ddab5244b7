"""Whether the ledger and the paper accounts' books are of one history: asked by whoever leads, before anything is done.

A crash at any instant leaves the two in agreement: a row is committed before its order leaves, a fill is in the book
before it is in the row, and a token is in the ledger before the book sees it. Where they disagree, somebody deleted,
restored or exchanged a file, and going on would trade past positions that nobody guards.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.account_book import AccountBook
from connectors.base import ConnectorError, DeadlinePassed, NotConnected
from connectors.paper_book import BookUnavailable
from console.errors import CommandError
from console.venue import OnTheBooks
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from trading.order_numbers import prefix_of
from trading.trade import HELD, Trade


def require_agreement(ledger: Ledger, books: Mapping[str, OnTheBooks]) -> None:
    """Raise `CommandError` for the first paper account whose book and ledger contradict each other.

    ``books``: by account, those that are ours to read. What other brokers hold is compared when an account is taken up
    (`actors/recovery.py`), and a ledger that is older than its tokens is refused beside the broker. Raises
    `BookUnavailable` while a book cannot be used, and `NotConnected` or `DeadlinePassed` while a broker process is
    away.
    """
    for account, connector in books.items():
        # The order matters while an older leader still finishes a write: what the ledger says is held was in the book
        # before, and what the book has seen was in the ledger before.
        held = ledger.trades.list(platform=account, states=HELD)
        try:
            book = connector.book_as_written()
        except (BookUnavailable, NotConnected, DeadlinePassed):
            raise
        except ConnectorError as error:
            raise CommandError(str(error)) from error
        _require_known_positions(ledger, account, book)  # first: deciding on them also raises the token
        _require_known_token(ledger, account, book)
        _require_known_trades(account, book, held)


def _require_known_token(ledger: Ledger, account: str, book: AccountBook) -> None:
    token = ledger.reservations.last_token(account_resource(account))
    if book.token > token:
        raise CommandError(
            f"the book of {account} has seen token {book.token} of a newer ledger, and {ledger.name} gave out no more "
            f"than {token}; restore the ledger that belongs to the book, or begin anew with --fresh"
        )


def _require_known_positions(ledger: Ledger, account: str, book: AccountBook) -> None:
    disowned = ledger.disowned.of(account)
    unknown = [
        f"{holding.commodity} {holding.side} {holding.volume_lots:g} lots at {holding.open_price:g} "
        f"(magic {holding.magic})"
        for _, holding in sorted(book.holdings.items())
        if prefix_of(holding.magic) != 0
        and holding.magic not in disowned
        and ledger.trades.by_magic(holding.magic) is None
    ]
    if unknown:
        raise CommandError(
            f"the book of {account} holds what a crew opened and {ledger.name} does not know: {', '.join(unknown)}; "
            "restore the ledger that belongs to the book, or decide on each: "
            f"run.py adopt {account} MAGIC --stop-price P, or run.py disown {account} MAGIC; "
            "or begin anew with --fresh"
        )


def _require_known_trades(account: str, book: AccountBook, held: list[Trade]) -> None:
    known = {*book.holdings, *(deal.position_id for deal in book.deals)}
    for trade in held:
        if trade.position_id is not None and trade.position_id not in known:
            raise CommandError(
                f"the book of {account} does not know position {trade.position_id} of trade {trade.trade_id}, which "
                f"is {trade.state}; restore the book that belongs to the ledger, or begin anew with --fresh"
            )
