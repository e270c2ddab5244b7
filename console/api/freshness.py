"""How fresh it is what is shown: whether each account still tells of itself, and the observer of all of them.

What hangs says nothing, so nobody else would notice that its prices stand still. The seconds are those of this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from actors.messages import AccountSnapshot
from console.observer import OBSERVER
from console.records import Data, time_text
from trading.settings import Settings

QUIET_SECONDS = 10.0  # without news, however often an account looks at its prices
QUIET_POLLS = 3.0  # an account tells of itself each time that it looks at its prices


@dataclass(slots=True)
class Freshness:
    """Of what this process has seen while it leads."""

    settings: Settings
    elapsed: Callable[[], float]
    _heard: dict[str, tuple[AccountSnapshot, float]] = field(default_factory=dict)  # the newest, and since when
    _silent_since: float | None = None  # the observer; None: it answers

    def heard(self, snapshots: Mapping[str, AccountSnapshot]) -> None:
        """The observer has answered with these. A snapshot that was made anew is news, though nothing changed in it."""
        now, before = self.elapsed(), self._heard
        self._silent_since = None
        self._heard = {
            name: before[name] if name in before and before[name][0] is one else (one, now)
            for name, one in snapshots.items()
        }

    def not_heard(self) -> None:
        """The observer did not answer."""
        if self._silent_since is None:
            self._silent_since = self.elapsed()

    def stale(self, speed: float) -> dict[str, int]:
        """For how many seconds nothing new has come of each account that should have told something. ``speed``: of the
        market, in whose time prices are looked at.
        """
        now, found = self.elapsed(), {}
        for name, (snapshot, since) in self._heard.items():
            allowed = max(QUIET_SECONDS, QUIET_POLLS * self.settings.price_poll_seconds / max(speed, 1e-9))
            if not snapshot.ready:  # then it looks for its lease, and rarely
                allowed = max(allowed, self.settings.ai_db_reservation_ttl_seconds)
            if now - since > allowed:
                found[name] = int(now - since)
        return found

    def alerts(self, stale: Mapping[str, int]) -> list[Data]:
        """What is to be said of it: the observer alone where it is silent, since then all accounts seem to be."""
        if self._silent_since is not None and self.elapsed() - self._silent_since > QUIET_SECONDS:
            return [_alert(OBSERVER, None, "it does not answer: prices, profits and accounts are old")]
        said = "nothing new comes of it: its prices, profits and positions are old, and may not be guarded"
        return [_alert(name, time_text(self._heard[name][0].at), said) for name in sorted(stale)]


def _alert(about: str, at: str | None, said: str) -> Data:
    return {"key": f"stale:{about}", "at": at, "about": about, "said": said}
