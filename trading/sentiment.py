"""What the sources of sentiment say together, and what it is worth to a side."""

from __future__ import annotations

from dataclasses import dataclass

from trading.market import Side

NEUTRAL_SENTIMENT = 0.5


@dataclass(frozen=True, slots=True)
class SourceReading:
    """What one source of sentiment says of a commodity."""

    name: str
    bullishness: float | None  # 0 to 1; None: it says nothing
    age_seconds: float | None  # of what it says; None: there is nothing
    weight: float = 1.0  # in the mean of all that say something
    why: str = ""  # in words: why it says nothing, or what it adds


@dataclass(frozen=True, slots=True)
class Sentiment:
    """What the configured feeds say now. No feed is no ``Sentiment``: ``None``, scored neutral and marked absent.

    Raises ``ValueError`` for a bullishness outside 0..1, and for one that is not neutral though nobody said anything.
    """

    bullishness: float  # 0 all against a rise, 0.5 undecided, 1 all for it
    event_pending: bool = False  # a high-impact event is due: neither side may open
    sources: tuple[SourceReading, ...] = ()  # every configured one, those that say nothing included
    event: str = ""  # the pending one, in words
    absent: bool = False  # no source says anything

    def __post_init__(self) -> None:
        if not 0 <= self.bullishness <= 1:
            raise ValueError(f"bullishness is {self.bullishness}; expected 0 to 1")
        if self.absent and (self.bullishness != NEUTRAL_SENTIMENT or self.event_pending):
            raise ValueError(f"absent sentiment says {self.bullishness}; expected {NEUTRAL_SENTIMENT} and no event")

    def score(self, side: Side) -> float:
        """Bullishness for a buy, what it leaves of 1 for a sell, 0 for both while an event is pending."""
        if self.event_pending:
            return 0.0
        return self.bullishness if side is Side.BUY else 1 - self.bullishness


def sentiment_score(sentiment: Sentiment | None, side: Side) -> float:
    """The sentiment pillar's score; neutral where there is no feed."""
    return NEUTRAL_SENTIMENT if sentiment is None else sentiment.score(side)
