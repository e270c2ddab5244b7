"""Whether the terminal has the account's history yet, and what may be learnt from it.

After a log-in a terminal fetches the account's figures at once and its history bit by bit, and does not say when it has
it all. A look-up in a part of it would call an order absent that was executed. So nothing of an account is answered
until one of two things is seen:

- **the sum over all deals is the balance.** The balance comes from the trade server with the log-in, and every deal
  changes it, so a history that explains it lacks nothing but deals that cancel out to the cent;
- **the number of deals has stood still** for ten seconds, since the line was last found broken. Some brokers move old
  deals to an archive, and then no sum will ever be right; but a terminal that has begun to fetch goes on until it is
  done, and that nothing came in ten seconds means that it is, or that its line is broken, which it says. Whether it
  has begun shows in the first deal; without any, it is a minute.
"""

from __future__ import annotations

import logging
from collections import defaultdict

from connectors import wire
from connectors.base import ConnectorError
from connectors.mt5.session import Session
from connectors.mt5.terms import commissions
from connectors.mt5.translation import SIDES, Fields, booked, records
from connectors.wire import BadMessage

log = logging.getLogger("watchbill.mt5")

FAR_FUTURE = 2**31 - 1  # in seconds: the last date that the package takes
STILL_SECONDS = 10.0
EMPTY_SECONDS = 60.0  # where there is no deal at all: the terminal may not have begun
SAME_MONEY = 0.005  # half a cent: no deal moves less
RECENT_DEALS = 100  # of a symbol, from which its commission is told


class History:
    """Watches the history of one account until it is whole."""

    def __init__(self, platform: str, session: Session) -> None:
        self._platform = platform
        self._session = session
        self._whole_at_cut: int | None = None  # it is whole, as long as the line holds
        self._count = -1
        self._cuts = -1  # when the count was taken
        self._still_since = 0.0
        self.commissions: dict[str, float] = {}  # per lot and side, in account currency, by symbol

    def require_whole(self, deadline: float) -> None:
        """Raise `ConnectorError` while the terminal may lack a part of the history."""
        if self._whole_at_cut != self._session.cuts and not self.look(deadline):
            raise ConnectorError(
                f"account {self._platform!r}: the terminal is still fetching the history: {self._count} deals so far"
            )

    def look(self, deadline: float) -> bool:
        """Look at all deals; True when they are all that there are."""
        session = self._session
        try:
            deals = records(session.ask("history_deals", {"since": 0, "until": FAR_FUTURE}, deadline), "deals")
            balance = wire.read(float, session.look(deadline).get("balance"), "account.balance")
            is_explained = abs(sum(map(booked, deals)) - balance) < SAME_MONEY
            self.commissions = commissions(_recent_trades(deals))
        except BadMessage as error:
            raise ConnectorError(f"account {self._platform!r}: the history cannot be used: {error}") from error
        now = session.clock.elapsed()
        if (len(deals), session.cuts) != (self._count, self._cuts):
            self._count, self._cuts, self._still_since = len(deals), session.cuts, now
        stands_still = now - self._still_since >= (STILL_SECONDS if deals else EMPTY_SECONDS)
        if not (is_explained or stands_still):
            return False
        if not is_explained:
            log.warning(
                "%s: %d deals do not sum up to the balance, and no more have come for %.0f s: the broker keeps older "
                "ones elsewhere",
                self._platform,
                len(deals),
                now - self._still_since,
            )
        self._whole_at_cut = session.cuts
        return True


def _recent_trades(deals: list[Fields]) -> dict[str, list[Fields]]:
    """The newest trades of each symbol."""
    trades: dict[str, list[Fields]] = defaultdict(list)
    for deal in deals:
        if deal.whole("type") in SIDES and deal.number("volume") > 0:
            trades[deal.text("symbol")].append(deal)
    return {symbol: some[-RECENT_DEALS:] for symbol, some in trades.items()}
