"""Services that are told, made to order: scripted ones in virtual time, and crews that tell them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import SecretStr

from actors.names import NOTIFIER
from actors.notices import Alerted, Delivery, NotificationCounts, Parcel
from actors.notifier import NotifierActor
from actors.scripted_crew import ScriptedCrew
from actors.system.alerts import Alert
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.settings_notifications import NotificationSettings


@dataclass
class ScriptedServices:
    """A sender whose services do as told: ``refuses`` answers why one does not take a parcel, or nothing."""

    refuses: Callable[[Parcel, int], str] = lambda parcel, service: ""
    answers: bool = True  # False: what is begun goes on for ever
    batches: list[tuple[Parcel, ...]] = field(default_factory=list)
    taken: list[tuple[int, str, str]] = field(default_factory=list)  # service, title, text
    cancelled: int = 0
    _under_way: tuple[Parcel, ...] | None = None

    def begin(self, parcels: Sequence[Parcel]) -> None:
        self._under_way = tuple(parcels)
        self.batches.append(self._under_way)

    def result(self) -> Sequence[Delivery] | None:
        if self._under_way is None or not self.answers:
            return None
        found = []
        for place, parcel in enumerate(self._under_way):
            for service in parcel.services:
                error = self.refuses(parcel, service)
                if not error:
                    self.taken.append((service, parcel.notice.title, parcel.notice.text))
                found.append(Delivery(place, service, "made", error))
        self._under_way = None
        return found

    def cancel(self) -> None:
        self.cancelled += 1
        self._under_way = None

    def titles(self, service: int = 0) -> list[str]:
        """What one service was told, the oldest first."""
        return [title for taker, title, _ in self.taken if taker == service]


def told_settings(services: int = 1, accounts: tuple[AccountSettings, ...] = (), **changes: Any) -> Settings:
    """One account, or those given, and so many services."""
    urls = tuple(SecretStr(f"json://127.0.0.1:1/secret-{number}") for number in range(services))
    own = accounts or (AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"}),)
    return Settings(accounts=own, notifications=NotificationSettings(urls=urls, **changes))


class TellingCrew(ScriptedCrew):
    """A crew that tells services what happens."""

    def __init__(self, services: ScriptedServices, settings: Settings, **named: Any) -> None:
        super().__init__(settings, **named)
        self.counts = NotificationCounts()
        self._parts = replace(self._parts, notifier=lambda: NotifierActor(settings, self.ledger, services, self.counts))

    def _keep_alert(self, alert: Alert) -> None:
        super()._keep_alert(alert)
        if alert.actor != NOTIFIER:
            self.system.tell(NOTIFIER, Alerted(alert))
