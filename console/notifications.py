"""Who tells people what happens, in a process that serves: nobody, unless a service is named and apprise is there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec

from actors.names import NOTIFIER
from actors.notices import Alerted, NotificationCounts
from actors.system.alerts import Alert
from actors.system.context import Behaviour
from actors.system.system import System
from console.configuration import Configuration
from persistence.ledger import Ledger

ABSENT = "notifications.urls is set, and apprise is not installed: nobody is told; pip install 'watchbill[notify]'"

log = logging.getLogger("watchbill.notifier")


class Notifications:
    """Of one process, over all its terms of office."""

    def __init__(self, configuration: Configuration) -> None:
        self._settings = configuration.settings
        self.counts: NotificationCounts | None = None  # None: nobody is told
        self._system: System | None = None  # that has a notifier now
        if self._settings.notifications.urls:
            if find_spec("apprise") is None:
                log.warning(ABSENT)
            else:
                self.counts = NotificationCounts()

    def notifier(self, ledger: Ledger) -> Callable[[], Behaviour] | None:
        """What makes the actor; None where nobody is to be told."""
        counts = self.counts
        if counts is None:
            return None
        from actors.notifier import NotifierActor  # both here: most starts need neither
        from console.notification_sender import ChildSender

        sender = ChildSender(self._settings.notifications.addresses)
        return lambda: NotifierActor(self._settings, ledger, sender, counts)

    def begins(self, system: System) -> None:
        """The term's notifier is about to begin: what is alerted from now on waits for it."""
        self._system = system if self.counts is not None else None

    def ended(self) -> None:
        """The term is over."""
        self._system = None

    def hear(self, alert: Alert) -> None:
        """Pass an alert on, unless it is the notifier's own: there would be no end of it."""
        if self._system is not None and alert.actor != NOTIFIER:
            self._system.tell(NOTIFIER, Alerted(alert))
