"""The whole system in virtual time against scripted brokers, with everything filled in that a test does not care about.

    with ScriptedCrew() as crew:
        crew.brokers["alpha"].script(open=[lost_reply(executed=True)])
        crew.analyse(crew.opinion("buy"))
        crew.run_for(60)

`docs/harness.md` explains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from actors.system.runtime_virtual import VirtualWorld
from actors.virtual_crew import IN_MEMORY, Connect, VirtualCrew
from connectors.base import Capabilities, Clock
from connectors.mock import HEDGING, MockConnector
from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from feeds.reading import FeedReader
from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.commodities import Commodity
from trading.market import Instant, Side, instant
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

A_WEDNESDAY_NOON: Instant = instant(datetime(2026, 3, 4, 12, tzinfo=UTC))
PRICES = {"EURUSD": (1.10000, 1.10010)}
SCORE = 0.9  # of every pillar, so that confidence is 90 by any strategy's weights


class ScriptedCrew(VirtualCrew):
    """A crew of which every account is at a `MockConnector`, with the terms of its paper settings."""

    def __init__(
        self,
        settings: Settings | None = None,
        origin: Instant = A_WEDNESDAY_NOON,
        *,
        prices: Mapping[str, tuple[float, float]] = PRICES,
        database_url: str = IN_MEMORY,
        seed: int = 0,
        world: VirtualWorld | None = None,
        brokers: Mapping[str, MockConnector] | None = None,
        tracing: bool = False,
        capabilities: Capabilities = HEDGING,
        feeds: Mapping[str, FeedReader] | None = None,
        calendars: CalendarStore | None = None,
        takes_commands: bool = False,
    ) -> None:
        """Without ``settings``: the defaults, two equal accounts that trade EURUSD. ``prices``: bid and ask to begin
        with. ``brokers``: those of an earlier crew in the same ``world``, to go on with. ``capabilities``: what every
        broker can do; `connectors.mock.NETTING` for accounts that net. ``feeds``, ``calendars`` and
        ``takes_commands``: as of `VirtualCrew`.
        """
        self._capabilities = capabilities
        settings = Settings() if settings is None else settings
        commodities = read_catalogue(settings.commodities)
        self.brokers: dict[str, MockConnector] = dict(brokers or {})
        connect = {a.name: self._connect(a, commodities, prices) for a in settings.accounts if a.enabled}
        super().__init__(
            settings,
            commodities,
            connect,
            origin,
            database_url=database_url,
            seed=seed,
            world=world,
            tracing=tracing,
            feeds=feeds,
            calendars=calendars,
            takes_commands=takes_commands,
        )

    def opinion(self, side: Side | str = Side.BUY, commodity: str = "EURUSD", **changes: Any) -> Analysis:
        """An analysis of this moment that passes the gate; ``changes`` replace any of its fields.

        Its stop lies one daily volatility of 0.5 % away and its target one and a half (strategy ``day``).
        """
        pillar = Pillar(score=SCORE)
        made: dict[str, Any] = {
            "id": self.runtime.identifier("opinion"),
            "commodity": commodity,
            "side": side,
            "strategy": Strategy.DAY,
            "regime": Regime.RANGE,
            "pillars": Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
            "confidence": 100 * SCORE,
            "daily_volatility": 0.005,
            "made_at": self.now,
        }
        return Analysis.model_validate({**made, **changes})

    def _connect(
        self, account: AccountSettings, commodities: Mapping[str, Commodity], prices: Mapping[str, tuple[float, float]]
    ) -> Connect:
        def connect(clock: Clock) -> MockConnector:
            known = self.brokers.get(account.name)
            if known is not None:
                return known
            broker = MockConnector(
                account.name,
                commodities,
                clock,
                symbols=account.symbols,
                settings=account.paper,
                capabilities=self._capabilities,
            )
            for commodity, (bid, ask) in prices.items():
                broker.price(commodity, bid, ask)
            self.brokers[account.name] = broker
            return broker

        return connect
