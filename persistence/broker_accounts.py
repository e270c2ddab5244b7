"""Which account at which broker each platform is, so that a trade's position is never looked for at another.

What numbers an order, a position or a token means something on its own account alone. A platform may become another
account only while it has no trade under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from persistence import trade_rows
from persistence.database import Database
from persistence.errors import AnotherBrokerAccount
from persistence.journal import Journal, JournalEntry
from persistence.tables import broker_account, trade
from trading.market import Instant
from trading.trade import ACTIVE, HELD, Trade

KIND = "broker_account"
"""Of the journal's lines about platforms that have become another account."""

ALL = select(broker_account.c.platform, broker_account.c.login, broker_account.c.server)
REMEMBER = insert(broker_account)
FORGET = delete(broker_account).where(broker_account.c.platform == bindparam("the_platform"))
OLDEST_LIVE = (
    trade_rows.SELECT.where(trade.c.platform == bindparam("the_platform"), trade.c.state.in_(sorted(ACTIVE | HELD)))
    .order_by(trade.c.trade_id)
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """An account, as its broker knows it."""

    login: int
    server: str

    def __str__(self) -> str:
        return f"login {self.login} at {self.server!r}"


class BrokerAccounts:
    """The table of broker accounts."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    def of(self, platform: str) -> BrokerAccount | None:
        """Which account the platform is; None: it was never settled."""
        with self._database.reading() as connection:
            return _known(connection).get(platform)

    def check(self, wanted: Mapping[str, BrokerAccount]) -> None:
        """Raise `AnotherBrokerAccount` as `settle` would, and change nothing."""
        with self._database.reading() as connection:
            _require_permitted(connection, _known(connection), wanted)

    def settle(self, wanted: Mapping[str, BrokerAccount], *, at: Instant) -> dict[str, BrokerAccount]:
        """From now on each platform is the account that is ``wanted``; answers what those were that have changed.

        All or nothing, so two platforms may also swap theirs. A platform that is seen for the first time is what is
        said of it; one that is not wanted any more and whose account another platform becomes is forgotten. Each change
        leaves a journal line at ``at``, which is market time. Raises `AnotherBrokerAccount` where a platform that
        would change, or lose its account, has a trade under way.
        """
        with self._database.writing() as connection:
            known = _known(connection)
            _require_permitted(connection, known, wanted)
            changing = {platform: account for platform, account in wanted.items() if known.get(platform) != account}
            taken = set(changing.values())
            for platform, account in known.items():
                if platform in changing or account in taken:
                    connection.execute(FORGET, {"the_platform": platform})
            for platform, account in changing.items():
                values = {"platform": platform, "login": account.login, "server": account.server}
                connection.execute(REMEMBER, values)
            changed = {platform: known[platform] for platform in changing if platform in known}
            self._journal.write(connection, [_line(name, changed[name], wanted[name], at) for name in changed])
        return changed


def _known(connection: Connection) -> dict[str, BrokerAccount]:
    return {row.platform: BrokerAccount(row.login, row.server) for row in connection.execute(ALL)}


def _require_permitted(
    connection: Connection, known: Mapping[str, BrokerAccount], wanted: Mapping[str, BrokerAccount]
) -> None:
    """Raise `AnotherBrokerAccount` for the first platform that may not become what is wanted."""
    for platform, account in wanted.items():
        before = known.get(platform)
        if before == account:
            continue
        if before is not None and (live := _live(connection, platform)) is not None:
            raise AnotherBrokerAccount(
                f"account {platform!r} was {before} when {_said(live)} was opened, and is {account} in the settings; "
                "put the login back until it is closed"
            )
        for other, its in known.items():
            if its == account and other != platform and (live := _live(connection, other)) is not None:
                raise AnotherBrokerAccount(
                    f"account {platform!r} is {account} in the settings, which was account {other!r} when "
                    f"{_said(live)} was opened; put the login back until it is closed"
                )


def _live(connection: Connection, platform: str) -> Trade | None:
    row = connection.execute(OLDEST_LIVE, {"the_platform": platform}).first()
    return None if row is None else Trade(*row)


def _said(live: Trade) -> str:
    return f"trade {live.trade_id} ({live.commodity}, {live.state})"


def _line(platform: str, before: BrokerAccount, after: BrokerAccount, at: Instant) -> JournalEntry:
    said = {
        "login_before": before.login,
        "server_before": before.server,
        "login_after": after.login,
        "server_after": after.server,
    }
    return JournalEntry(at, KIND, "the settings name another account", platform=platform, detail=said)
