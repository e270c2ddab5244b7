"""Whoever hangs says nothing: that it does not is noticed, and said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from actors.messages import AccountSnapshot
from console.api.freshness import QUIET_SECONDS, Freshness
from trading.settings import Settings

SETTINGS = Settings()


@dataclass
class Clock:
    """Seconds that pass when they are told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def a_snapshot(platform: str, *, ready: bool = True) -> AccountSnapshot:
    return AccountSnapshot(
        platform=platform, at=0, ready=ready, reason="", netting=False, account=None, quotes={}, instruments={},
        trades={}, cooldown_until={}, unaccounted=0, external=(),
    )  # fmt: skip


def test_of_two_accounts_the_one_that_hangs_is_named() -> None:
    clock = Clock()
    fresh = Freshness(SETTINGS, clock)
    hangs, lives = a_snapshot("alpha"), a_snapshot("beta")
    for _ in range(3):
        fresh.heard({"alpha": hangs, "beta": lives})
        clock.now += QUIET_SECONDS / 2 + 0.1
        lives = replace(lives)  # told anew, though nothing has changed
    fresh.heard({"alpha": hangs, "beta": lives})
    stale = fresh.stale(speed=1.0)
    assert stale == {"alpha": 15}
    (alert,) = fresh.alerts(stale)
    assert (alert["about"], "are old" in cast(str, alert["said"])) == ("alpha", True)
    fresh.heard({"alpha": replace(hangs), "beta": lives})
    assert fresh.stale(speed=1.0) == {}


def test_an_observer_that_does_not_answer_is_one_alert_and_every_account_is_old() -> None:
    clock = Clock()
    fresh = Freshness(SETTINGS, clock)
    fresh.heard({"alpha": a_snapshot("alpha"), "beta": a_snapshot("beta")})
    fresh.not_heard()
    assert fresh.alerts(fresh.stale(speed=1.0)) == []
    clock.now += QUIET_SECONDS + 1
    fresh.not_heard()
    stale = fresh.stale(speed=1.0)
    assert set(stale) == {"alpha", "beta"}
    assert [alert["about"] for alert in fresh.alerts(stale)] == ["observer"]


def test_an_account_that_looks_at_its_prices_rarely_is_given_longer() -> None:
    clock = Clock()
    fresh = Freshness(SETTINGS, clock)
    waits = a_snapshot("beta", ready=False)  # for its lease
    fresh.heard({"alpha": a_snapshot("alpha"), "beta": waits})
    clock.now += QUIET_SECONDS + 1
    slow = SETTINGS.price_poll_seconds / QUIET_SECONDS  # of a market that goes ten times slower than a clock
    assert fresh.stale(speed=slow) == {}
    assert set(fresh.stale(speed=1.0)) == {"alpha"}
    clock.now += SETTINGS.ai_db_reservation_ttl_seconds
    assert set(fresh.stale(speed=1.0)) == {"alpha", "beta"}
