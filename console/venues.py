"""Which venue `serve` trades at: the settings say it."""

from __future__ import annotations

from console.arguments import Serve
from console.broker_venue import BrokerVenue
from console.configuration import Configuration
from console.own_venue import OwnVenue
from console.venue import Venue


def venue_of(arguments: Serve, configuration: Configuration) -> Venue:
    """The one that the settings name. Raises `CommandError` when it cannot be."""
    package = configuration.settings.metatrader_package
    if package == "simulator":
        from console.terminal_venue import TerminalVenue  # with what only MetaTrader 5 accounts need

        return TerminalVenue(arguments, configuration)
    if package == "MetaTrader5":
        from console.metatrader_venue import MetaTraderVenue

        return MetaTraderVenue(arguments, configuration)
    if configuration.settings.is_remote:
        return BrokerVenue(arguments, configuration)
    return OwnVenue(arguments, configuration)
