"""Which trading times hold where: those of each commodity, and those of the accounts whose brokers differ from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trading.attention import NEVER
from trading.calendars import TradingTimes
from trading.market import Instant


class Timetable(Mapping[str, TradingTimes]):
    """The trading times of every commodity, by its id; `of` answers for one account.

    The times that it holds can be replaced as a whole by later ones (`take`), while others read it: whoever asks anew
    sees them. Nothing that was looked up before is changed.
    """

    def __init__(
        self, times: Mapping[str, TradingTimes], of_accounts: Mapping[tuple[str, str], TradingTimes] | None = None
    ) -> None:
        """``of_accounts``: by (account, commodity), only where an account's own times differ."""
        self._held = (dict(times), dict(of_accounts or {}))

    def of(self, account: str, commodity: str) -> TradingTimes:
        """When the commodity trades on that account. Raises ``KeyError`` for a commodity that is not there."""
        times, of_accounts = self._held
        own = of_accounts.get((account, commodity))
        return times[commodity] if own is None else own

    @property
    def last(self) -> Instant:
        """Up to when all of them are good."""
        times, of_accounts = self._held
        return min((held.last for held in (*times.values(), *of_accounts.values())), default=NEVER)

    def take(self, other: Timetable) -> None:
        """Hold what ``other`` holds, from now on."""
        self._held = other._held  # one assignment: a reader sees the old pair or the new one

    def __getitem__(self, commodity: str) -> TradingTimes:
        return self._held[0][commodity]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held[0])

    def __len__(self) -> int:
        return len(self._held[0])
