"""The newest moment as the running crew sees it, or that nobody here sees one: then the ledger alone has to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from actors.messages import AccountSnapshot
from actors.system.errors import ActorError
from console.api.window import Window
from console.live_figures import AccountFigures, Figures
from console.observer import OBSERVER, Look
from console.reading import market_time
from console.records import Data, digits_of
from trading.market import SECOND, Instant, iso

ASK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Present:
    """What the platforms showed last. While this process does not lead, or the observer is silent, it is empty."""

    window: Window
    live: bool
    now: Instant | None  # market time; None: nothing has happened yet
    snapshots: Mapping[str, AccountSnapshot]
    figures: Figures | None

    def figures_of(self, snapshot: AccountSnapshot) -> AccountFigures | None:
        """What the account comes to at this moment."""
        if self.figures is None or self.now is None:
            return None
        return self.figures.account(snapshot, self.now)

    def head(self) -> Data:
        """What every answer about it begins with."""
        return {"market_time": None if self.now is None else iso(self.now), "live": self.live}

    def account(self, name: str) -> Data | None:
        """The account in the shape of `LiveAccount`."""
        snapshot = self.snapshots.get(name)
        if snapshot is None:
            return None
        shown, figures = snapshot.account, self.figures_of(snapshot)
        return {
            "at": iso(snapshot.at),
            "ready": snapshot.ready,
            "reason": snapshot.reason,
            "netting": snapshot.netting,
            "currency": None if shown is None else shown.currency,
            "balance": None if shown is None else shown.balance,
            "equity": None if shown is None else shown.equity,
            "margin_used": None if shown is None else shown.margin_used,
            "margin_free": None if shown is None else shown.margin_free,
            "open_risk": None if figures is None else figures.open_risk,
            "unaccounted": snapshot.unaccounted,
            "external": len(snapshot.external),
        }

    def quotes(self, platform: str | None = None) -> list[Data]:
        """The prices in the shape of `QuoteRow`."""
        if self.figures is None or self.now is None:
            return []
        rows = []
        for name, snapshot in sorted(self.snapshots.items()):
            for commodity, quote in sorted(snapshot.quotes.items()) if platform in (None, name) else ():
                rows.append(
                    {
                        "platform": name,
                        "commodity": commodity,
                        "bid": quote.bid,
                        "ask": quote.ask,
                        "spread": quote.spread,
                        "at": iso(quote.time),
                        "age_seconds": max(self.now - quote.time, 0) / SECOND,
                        "digits": digits_of(commodity, self.window.configuration.commodities),
                        "is_open": self.figures.is_open(name, commodity, self.now),
                    }
                )
        return rows


def present(window: Window) -> Present:
    """How things stand now. Raises `LedgerError` while nobody here leads and the ledger is away, too."""
    try:
        moment = window.leading()
        snapshots: dict[str, AccountSnapshot] = moment.system.ask(OBSERVER, Look(), ASK_SECONDS)
    except ActorError:
        return Present(window, False, market_time(window.configuration.settings, window.ledger), {}, None)
    return Present(window, True, moment.runtime.now(), snapshots, Figures(moment.market, moment.venue))
