"""How the sources of sentiment are read: by processes beside us live, at once in a replay."""

from __future__ import annotations

from collections.abc import Mapping

from feeds.reading import FeedReader
from trading.commodities import Commodity
from trading.settings import Settings


def readers(
    settings: Settings, commodities: Mapping[str, Commodity], *, recorded: bool = False
) -> dict[str, FeedReader]:
    """A reader for each enabled source, by its name. ``recorded``: files only, as they are now, for virtual time."""
    if not settings.feeds.enabled:
        return {}
    from feeds.readers import readers_of  # with what only a crew that has feeds needs

    traded = dict.fromkeys(name for account in settings.accounts if account.enabled for name in account.symbols)
    return readers_of(settings.feeds, commodities, tuple(traded), recorded=recorded)
