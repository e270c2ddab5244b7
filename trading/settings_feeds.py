"""Where sentiment comes from: headlines, speculators' positions, the calendar of events, and scores that are pushed.

Every source is optional and has a name of its own. None is configured by default, and the pillar is then absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from trading.analysis import Name
from trading.settings_model import Model
from trading.settings_types import AgeSeconds, CommodityId

SCHEMES = ("http", "https")
NOT_IN_AN_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f]")


def is_address(location: str) -> bool:
    """True for what is fetched over a network, False for a file."""
    return "://" in location


def _location(value: str) -> str:
    """Refuse what can neither be fetched nor opened, and an address that tells a password."""
    if not is_address(value):
        if "\x00" in value:
            raise ValueError("has a zero byte in it; expected the path of a file")
        return value
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # the port raises where it is no number
    except ValueError as error:
        raise ValueError(f"is not an address: {error}") from error
    if parts.scheme.lower() not in SCHEMES:
        raise ValueError(f"begins with {parts.scheme}://; expected http://, https:// or the path of a file")
    if not host or NOT_IN_AN_ADDRESS.search(value):
        raise ValueError("is not an address; expected such as https://example.org/news.xml")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or a password in it; expected an address that is open to all")
    return value


Location: TypeAlias = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_location)]
SourceWeight: TypeAlias = Annotated[float, Field(gt=0, le=100)]
PollSeconds: TypeAlias = Annotated[float, Field(ge=1, le=7 * 86_400)]
Keyword: TypeAlias = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+( \S+)*$")]
KeywordSign: TypeAlias = Annotated[float, Field(ge=-1, le=1)]
ContractCode: TypeAlias = Annotated[str, Field(pattern=r"^[0-9A-Z+]{6}$")]
ContractSign: TypeAlias = Literal[-1, 1]
Minutes: TypeAlias = Annotated[int, Field(ge=0, le=7 * 24 * 60)]
Impact: TypeAlias = Literal["low", "medium", "high"]


class HeadlineFeed(Model):
    """Headlines of an RSS or Atom feed, scored word by word."""

    kind: ClassVar[str] = "headlines"

    name: Name
    source: Location
    enabled: bool = True
    weight: SourceWeight = 1.0
    every_seconds: PollSeconds = 300.0
    max_age_seconds: AgeSeconds = 86_400.0
    half_life_seconds: AgeSeconds = 14_400.0
    keywords: dict[CommodityId, dict[Keyword, KeywordSign]] = Field(default={})

    @property
    def sources(self) -> tuple[str, ...]:
        """All that it reads."""
        return (self.source,)


class PositionFeed(Model):
    """The CFTC's commitments of traders: how large speculators stand, against their own last years."""

    kind: ClassVar[str] = "positions"

    name: Name
    sources: Annotated[tuple[Location, ...], Field(min_length=1, max_length=40)]
    enabled: bool = True
    weight: SourceWeight = 1.0
    every_seconds: PollSeconds = 3_600.0
    max_age_seconds: AgeSeconds = 12 * 86_400.0
    years: Annotated[float, Field(ge=1, le=20)] = 3.0
    contracts: dict[CommodityId, dict[ContractCode, ContractSign]] = Field(default={})


class CalendarFeed(Model):
    """A calendar of economic events: around one that matters, the pillar vetoes."""

    kind: ClassVar[str] = "calendars"

    name: Name
    source: Location
    enabled: bool = True
    every_seconds: PollSeconds = 300.0
    max_age_seconds: AgeSeconds = 7 * 86_400.0
    time_zone: str = "UTC"
    minutes_before: Minutes = 30
    minutes_after: Minutes = 30
    least_impact: Impact = "high"
    bars_opens: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """All that it reads."""
        return (self.source,)

    @field_validator("time_zone")
    @classmethod
    def zone_exists(cls, zone: str) -> str:
        """Refuse a zone that the time zone database does not have."""
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is not a time zone; expected such as America/New_York") from error
        return zone


class ScoreFeed(Model):
    """Scores that another program writes into a file."""

    kind: ClassVar[str] = "scores"

    name: Name
    source: Location
    enabled: bool = True
    weight: SourceWeight = 1.0
    every_seconds: PollSeconds = 30.0
    max_age_seconds: AgeSeconds = 14_400.0

    @property
    def sources(self) -> tuple[str, ...]:
        """All that it reads."""
        return (self.source,)


FeedSettings: TypeAlias = HeadlineFeed | PositionFeed | CalendarFeed | ScoreFeed


class Feeds(Model):
    """Every source of sentiment."""

    headlines: tuple[HeadlineFeed, ...] = ()
    positions: tuple[PositionFeed, ...] = ()
    calendars: tuple[CalendarFeed, ...] = ()
    scores: tuple[ScoreFeed, ...] = ()

    @model_validator(mode="after")
    def names_are_unique(self) -> Feeds:
        """Refuse two sources of one name, in capitals or not: an alert and a line of the journal name them."""
        seen: set[str] = set()
        for feed in self._all():
            name = feed.name.casefold()
            if name in seen:
                raise ValueError(f"two sources are named {feed.name!r}; expected one name each")
            seen.add(name)
        return self

    def _all(self) -> Iterator[FeedSettings]:
        yield from self.headlines
        yield from self.positions
        yield from self.calendars
        yield from self.scores

    @property
    def enabled(self) -> tuple[FeedSettings, ...]:
        """The sources that are read."""
        return tuple(feed for feed in self._all() if feed.enabled)
