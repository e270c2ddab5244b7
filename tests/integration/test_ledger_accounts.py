"""What the ledger promises of accounts: their prefixes and the numbers of their orders."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from made_ledger import Holder, a_ledger

from persistence.errors import (
    NumbersUsedUp,
    UnknownAccount,
)
from persistence.ledger import Ledger
from trading.order_numbers import sequence_of


@pytest.fixture
def ledger(any_ledger: str) -> Iterator[Ledger]:
    """A ledger of either kind."""
    with a_ledger(any_ledger) as opened:
        yield opened


@pytest.fixture
def me(ledger: Ledger) -> Holder:
    """The process that holds what it needs."""
    return Holder(ledger)


def test_an_account_keeps_its_prefix_across_restarts(any_url: str) -> None:
    with a_ledger(any_url) as ledger:
        prefix = ledger.trades.register_account("alpha")
        assert 0 < prefix < 1 << 16
    with a_ledger(any_url) as ledger:
        assert ledger.trades.register_account("alpha") == prefix


def test_no_two_accounts_share_a_prefix(ledger: Ledger) -> None:
    class Unlucky(random.Random):
        """Draws every number twice."""

        def choice(self, seq: Any) -> Any:
            drawn.append(len(drawn))
            return seq[drawn[-1] // 2]

    drawn: list[int] = []
    with a_ledger(rng=Unlucky()) as unlucky:
        assert [unlucky.trades.register_account(name) for name in ("a", "b", "c")] == [1, 2, 3]


def test_virtual_runs_draw_the_same_prefixes() -> None:
    def drawn(seed: int) -> list[int]:
        with a_ledger(rng=random.Random(seed)) as ledger:
            return [ledger.trades.register_account(name) for name in ("a", "b", "c")]

    assert drawn(1) == drawn(1) != drawn(2)


@pytest.mark.parametrize("platform", ["", "a:b", "crew", "account", "ü", "a b", "x" * 65])
def test_a_platform_needs_a_name_that_a_reservation_can_carry(ledger: Ledger, platform: str) -> None:
    with pytest.raises(ValueError, match="platform is"):
        ledger.trades.register_account(platform)


def test_the_sequence_is_raised_above_what_the_broker_has_seen_and_never_lowered(me: Holder) -> None:
    me.account()
    me.ledger.trades.raise_sequence("alpha", 500)
    me.ledger.trades.raise_sequence("alpha", 20)
    assert sequence_of(me.submit().magic) == 501


def test_a_sequence_out_of_range_or_of_nobody_is_refused(me: Holder) -> None:
    me.account()
    for sequence in (-1, 1 << 32):
        with pytest.raises(ValueError, match=f"at_least is {sequence}"):
            me.ledger.trades.raise_sequence("alpha", sequence)
    with pytest.raises(UnknownAccount, match="beta"):
        me.ledger.trades.raise_sequence("beta", 1)


def test_an_account_that_has_used_up_its_numbers_submits_nothing(me: Holder) -> None:
    me.account()
    me.ledger.trades.raise_sequence("alpha", (1 << 32) - 1)
    with pytest.raises(NumbersUsedUp, match="4294967295 was the highest"):
        me.submit()
    assert me.ledger.trades.list() == []
