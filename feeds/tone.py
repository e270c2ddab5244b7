"""How a headline sounds: VADER's lexicon and rules, with the words of markets added, clause by clause.

The lexicon and the rules for negations and boosters are those of Hutto & Gilbert, "VADER: A Parsimonious Rule-based
Model for Sentiment Analysis of Social Media Text" (ICWSM 2014). It was made for the speech of everybody; in markets
prices rise and fall, central banks are hawks and doves, and crude is a kind of oil.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vader import SentimentIntensityAnalyzer

_RISES = (
    "rally rallies rallied rallying surge surges surged surging soar soars soared soaring jump jumps jumped jumping"
)
_GAINS = (
    "climb climbs climbed climbing rise rises rose rising gain gains gained gaining advance advances advanced rebound "
    "rebounds rebounded recover recovers recovered recovery firm firms firmer strengthen strengthens strengthened "
    "higher up upbeat uptrend upside outperform outperforms bid supported buoyed lifted lifts boosted boosts beat "
    "beats tops topped bullish bull bulls hawkish tighten tightens tightening hike hikes hiked upgrade "
    "upgrades upgraded"
)
_CRASHES = (
    "plunge plunges plunged plunging crash crashes crashed crashing collapse collapses collapsed slump slumps slumped "
    "slumping tumble tumbles tumbled tumbling sell-off selloff rout meltdown plummet plummets plummeted"
)
_FALLS = (
    "fall falls fell falling drop drops dropped dropping slide slides slid sliding sink sinks sank sinking decline "
    "declines declined declining retreat retreats retreated slip slips slipped dip dips dipped ease eases eased easing "
    "weaken weakens weakened weaker soften softens softer lower down downtrend downside drag drags dragged pressured "
    "bearish bear bears dovish cut cuts cutting downgrade downgrades downgraded miss misses missed default defaults "
    "recession contraction contracts stagnation"
)
_NEUTRAL = (
    "crude gross tank tanks share shares interest trust united natural gold golden treasury treasuries bond bonds "
    "security securities like please party dear well play kind resolve number reserve reserves vice yield yields"
)

MARKET_WORDS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(_NEUTRAL.split(), 0.0),
        **dict.fromkeys(_RISES.split(), 2.6),
        **dict.fromkeys(_GAINS.split(), 1.8),
        **dict.fromkeys(_FALLS.split(), -1.8),
        **dict.fromkeys(_CRASHES.split(), -2.8),
    }
)
"""Valences from -4 to 4 as in the lexicon; 0 takes a word out of it."""

LONGEST_TITLE = 400
CLAUSE_ENDS = re.compile(
    r"[;:,!?\u2026]|\.(?:\s|$)|\s[-\u2013\u2014|]\s"
    r"|\s(?:as|after|while|but|despite|amid|ahead of|before|because|when|although)\s",
    re.IGNORECASE,
)


@cache
def analyzer() -> SentimentIntensityAnalyzer:
    """The lexicon with the words of markets; loaded at the first use."""
    from vader import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer(extra_lexicon=MARKET_WORDS)


def tone(text: str) -> float:
    """From -1, all bad, to 1, all good; 0 where no word tells."""
    return float(analyzer().polarity_scores(text)["compound"])


class Subjects:
    """The words of one commodity, and whether what is good for each is good for its price."""

    def __init__(self, signs: Mapping[str, float]) -> None:
        """``signs``: by word or phrase, from -1 to 1; 0 is a word that speaks of something else."""
        self._signs = {word.casefold(): sign for word, sign in signs.items()}
        longest_first = sorted(self._signs, key=lambda word: (-len(word), word))
        words = "|".join(re.escape(word) for word in longest_first)
        self._pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def sign_of(self, clause: str) -> float:
        """The sign of the clause's first word that is known, for that is whom it is about; 0: it is not about us."""
        found = self._pattern.search(clause) if self._pattern is not None else None
        return 0.0 if found is None else self._signs[found[0].casefold()]


def tones(title: str, subjects: Mapping[str, Subjects]) -> dict[str, float]:
    """The tone of a headline by commodity, -1 to 1: the mean of its clauses about it. Only those it speaks of."""
    clauses = clauses_of(title)
    told = [tone(clause) for clause in clauses]
    found = {}
    for commodity, words in subjects.items():
        about = [sign * value for clause, value in zip(clauses, told, strict=True) if (sign := words.sign_of(clause))]
        heard = [value for value in about if value]
        if heard:
            found[commodity] = sum(heard) / len(heard)
    return found


def clauses_of(title: str) -> list[str]:
    """The parts of a headline that each say one thing, in their order."""
    parts: Iterable[str | None] = CLAUSE_ENDS.split(title[:LONGEST_TITLE])
    return [part.strip() for part in parts if part is not None and part.strip()]
