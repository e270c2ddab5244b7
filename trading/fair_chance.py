"""How likely a fair choice is to be as far from its expectation as what was counted: an exact two-sided test."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

REACH = 40.0  # standard deviations: outside, nothing that a double could show is left
SAME_PROBABILITY = 1 + 1e-7  # two outcomes that are equally likely, but for rounding


def two_sided_probability(wins: int, ties: Mapping[int, int]) -> float:
    """The probability of all outcomes that are no likelier than ``wins``, when each tie among k falls on one in k.

    ``ties``: how many ties there were, by how many accounts were equal. With one size of tie it is the exact two-sided
    binomial test, by the method of small p-values (that of SciPy's ``binomtest``); with
    several the number of wins follows the Poisson binomial distribution, here by convolution of one binomial for each
    size (Hong, 2013, Computational Statistics and Data Analysis 59, 41-51). What lies beyond `REACH` is taken as
    impossible. Raises ``ValueError`` for a tie of fewer than one, and for more wins than ties.
    """
    if any(size < 1 or number < 0 for size, number in ties.items()):
        raise ValueError(f"ties is {dict(ties)!r}; expected counts by a size of at least 1")
    total = sum(ties.values())
    if not 0 <= wins <= total:
        raise ValueError(f"wins is {wins}; expected 0 to {total}, the number of ties")
    first, chances = 0, np.ones(1)
    for size, number in sorted(ties.items()):
        begin, pmf = _binomial(number, 1 / size)
        first, chances = first + begin, np.convolve(chances, pmf)
    place = wins - first
    if not 0 <= place < len(chances):
        return 0.0
    return min(1.0, float(chances[chances <= chances[place] * SAME_PROBABILITY].sum()))


def _binomial(number: int, chance: float) -> tuple[int, NDArray[np.float64]]:
    """The probabilities of so many successes from the first that matters on, and which that is."""
    if chance >= 1:
        return number, np.ones(1)
    mean, deviation = number * chance, math.sqrt(number * chance * (1 - chance))
    reach = REACH * deviation + REACH
    first, last = max(0, math.floor(mean - reach)), min(number, math.ceil(mean + reach))
    whole = math.lgamma(number + 1)
    logarithms = [
        whole
        - math.lgamma(count + 1)
        - math.lgamma(number - count + 1)
        + count * math.log(chance)
        + (number - count) * math.log1p(-chance)
        for count in range(first, last + 1)
    ]
    return first, np.exp(np.array(logarithms))
