"""A market that is another process's: what is said while it is away."""

from __future__ import annotations

from typing import cast

import pytest

from connectors.base import NotConnected
from connectors.gateway_protocol import MarketFacts
from connectors.remote_market import RemoteMarket
from console.market_follower import MarketFollower
from trading.market import MINUTE, Instant

NOON = 1_772_625_600_000  # 2026-03-04T12:00Z
PLACE = "the simulated terminal of the accounts alpha, beta"


class Market:
    """One that stands at each of some instants in turn; None: it is away."""

    def __init__(self, *stands: Instant | None) -> None:
        self._stands = list(stands)

    def beyond(self, seen: Instant) -> MarketFacts:
        at = self._stands.pop(0)
        if at is None:
            raise NotConnected("127.0.0.1:4000 has closed the connection")
        return MarketFacts(at, NOON, NOON + 100 * MINUTE, "recorded prices", 60.0, ("alpha", "beta"))

    def is_over(self, seconds: float) -> bool:
        """Once it has stood everywhere."""
        return not self._stands

    def close(self) -> None:
        """Nothing to let go of."""


def alerts_of(*stands: Instant | None) -> list[tuple[str, str, str]]:
    """What is told of a market that stands so."""
    told: list[tuple[str, str, str]] = []
    market = Market(*stands)
    follower = MarketFollower(PLACE, lambda: cast("RemoteMarket", market), ("alpha", "beta"))
    follower.follow(NOON, lambda at: None, market.is_over, lambda *alert: told.append(alert))
    return told


def test_a_market_that_goes_on_is_nothing_to_tell_of() -> None:
    assert alerts_of(NOON + MINUTE, NOON + 2 * MINUTE) == []


def test_each_account_that_follows_a_market_is_told_once_that_it_is_away_and_once_that_it_is_back() -> None:
    away = f"{PLACE} does not answer: 127.0.0.1:4000 has closed the connection; market time stands still until"
    told = alerts_of(NOON + MINUTE, None, None, NOON + 2 * MINUTE, NOON + 3 * MINUTE)
    assert [(actor, reason) for actor, reason, _ in told] == [
        ("platform:alpha", "market"),
        ("platform:beta", "market"),
        ("platform:alpha", "market_back"),
        ("platform:beta", "market_back"),
    ]
    assert told[0][2].startswith(f"alpha: {away}")
    assert told[3][2] == f"beta: {PLACE} answers again, market time 2026-03-04T12:02:00Z"


@pytest.mark.parametrize("is_away_before", [True, False])
def test_a_market_that_stands_before_what_was_seen_is_away_until_it_is_there_again(is_away_before: bool) -> None:
    stands = [NOON + 5 * MINUTE, *([None] * is_away_before), NOON + MINUTE, NOON + 2 * MINUTE, NOON + 6 * MINUTE]
    told = [(reason, said) for actor, reason, said in alerts_of(*stands) if actor == "platform:alpha"]
    assert [reason for reason, _ in told] == [*["market"] * is_away_before, "market", "market_back"]
    assert f"{PLACE} stands at 2026-03-04T12:01:00Z, before 2026-03-04T12:05:00Z, which was seen" in told[-2][1]
