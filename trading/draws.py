"""Numbers that look drawn by chance and are the same on every machine, with every release of every package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats

GOLDEN = 0x9E3779B97F4A7C15
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
WORD = 2**64
BITS_OF_A_DOUBLE = 53


def uniforms(seed: int, stream: int, count: int) -> Floats:
    """``count`` numbers of [0, 1), shape (count,). Each (seed, stream) has its own; a longer draw begins as a shorter.

    Only whole numbers are computed with, so there is nothing that could round differently elsewhere.
    """
    start = int(splitmix64(seed, 1)[0]) ^ (stream * GOLDEN % WORD)
    bits = splitmix64(int(splitmix64(start, 1)[0]), count)
    return (bits >> np.uint64(64 - BITS_OF_A_DOUBLE)).astype(np.float64) * 2.0**-BITS_OF_A_DOUBLE


def splitmix64(start: int, count: int) -> NDArray[np.uint64]:
    """The first ``count`` words of the generator that starts here.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    bits = np.uint64(start % WORD) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN)
    bits = (bits ^ (bits >> np.uint64(30))) * MIX_1
    bits = (bits ^ (bits >> np.uint64(27))) * MIX_2
    return bits ^ (bits >> np.uint64(31))
