"""How an order of this program is told at a broker: by its magic number, and by the tag in its comment.

Apart from the trades, because a worker beside a terminal needs it, and shall load nothing heavy.
"""

from __future__ import annotations

TAG = "watchbill"
"""How the comment of every order begins: a second witness that nothing depends on, for brokers may rewrite it."""

SEQUENCE_BITS = 32


def magic_number(prefix: int, sequence: int) -> int:
    """``prefix << 32 | sequence``: the order's own number at the broker, always below 2**53.

    ``prefix`` is the account's (1..65535), ``sequence`` the order's (1..2**32 - 1). Raises ``ValueError`` outside.
    A prefix of 16 bits gives at most 2**48, which MT5's unsigned 64 bits and a double both hold exactly.
    """
    if not 0 < prefix < 1 << 16:
        raise ValueError(f"account prefix is {prefix}; expected 1 to 65535")
    if not 0 < sequence < 1 << SEQUENCE_BITS:
        raise ValueError(f"order sequence is {sequence}; expected 1 to {(1 << SEQUENCE_BITS) - 1}")
    return prefix << SEQUENCE_BITS | sequence


def is_tagged(comment: str) -> bool:
    """Whether a comment at a broker is that of an order of this program, whichever ledger it has."""
    return comment.startswith(f"{TAG} ")


def prefix_of(magic: int) -> int:
    """The account prefix that a magic number carries (0 for a stranger's small number)."""
    return magic >> SEQUENCE_BITS


def sequence_of(magic: int) -> int:
    """The order's sequence within its account."""
    return magic & (1 << SEQUENCE_BITS) - 1
