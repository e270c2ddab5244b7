"""Routes of accounts, prices, positions and equity."""

from __future__ import annotations

from fastapi import APIRouter

from console.api import models_accounts as models
from console.api.asked import Name, NameInPath, documented, known_platform
from console.api.present import Present, present
from console.api.problems import ProblemError
from console.api.window import Window
from console.externals import external_data
from console.figures import number
from console.records import Data, digits_of
from console.status import accounts_data
from trading.market import iso
from trading.trade import HELD, Trade

MOST_POINTS = 500


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["accounts"], responses=documented(503))

    @routes.get(
        "/api/accounts",
        response_model=models.Accounts,
        operation_id="accounts",
        summary="Every account: by the ledger, and as its broker shows it now",
    )
    def accounts() -> Data:
        now = present(window)
        return {**now.head(), "accounts": _accounts(window, now)}

    @routes.get(
        "/api/accounts/{platform}",
        response_model=models.AccountView,
        operation_id="account",
        summary="One account with its prices and positions",
        responses=documented(404, 422),
    )
    def account(platform: NameInPath) -> Data:
        now = present(window)
        found = next((row for row in _accounts(window, now) if row["name"] == platform), None)
        if found is None:
            raise ProblemError(404, "no_such_account", f"there is no account {platform!r} in the settings", "platform")
        return {
            **found,
            "market_time": now.head()["market_time"],
            "quotes": now.quotes(platform),
            "positions": own_positions(window, now, platform),
            "external_positions": [row for row in external_positions(window, now) if row["platform"] == platform],
        }

    @routes.get(
        "/api/quotes", response_model=models.Quotes, operation_id="quotes", summary="The newest price of everything"
    )
    def quotes() -> Data:
        now = present(window)
        return {**now.head(), "quotes": now.quotes()}

    @routes.get(
        "/api/positions",
        response_model=models.Positions,
        operation_id="positions",
        summary="Our positions, and those of other programs and of people",
    )
    def positions() -> Data:
        now = present(window)
        return {**now.head(), "ours": own_positions(window, now), "external": external_positions(window, now)}

    @routes.get(
        "/api/equity",
        response_model=models.Equity,
        operation_id="equity",
        summary="What the closed trades of each account have brought over time",
        responses=documented(404, 422),
    )
    def equity(platform: Name = None) -> Data:
        known_platform(platform, window)
        now = present(window)
        names = [one.name for one in window.configuration.settings.accounts] if platform is None else [platform]
        return {**now.head(), "accounts": [_equity(window, now, name) for name in names]}

    return routes


def _accounts(window: Window, now: Present) -> list[Data]:
    rows = accounts_data(window.configuration.settings, window.ledger, now.now)
    return [{**row, "live": now.account(row["name"])} for row in rows]


def own_positions(window: Window, now: Present, platform: str | None = None) -> list[Data]:
    """The trades whose positions are live, in the shape of `OwnPosition`, by number."""
    held = window.ledger.trades.list(platform=platform, states=HELD, newest_first=False)
    return [_position(window, now, trade) for trade in held]


def _position(window: Window, now: Present, trade: Trade) -> Data:
    snapshot = now.snapshots.get(trade.platform)
    figures = None if snapshot is None else now.figures_of(snapshot)
    found = None if figures is None else figures.trades.get(trade.trade_id)
    return {
        "trade_id": trade.trade_id,
        "platform": trade.platform,
        "commodity": trade.commodity,
        "side": trade.side.value,
        "state": trade.state.value,
        "volume_lots": trade.volume_lots,
        "position_id": trade.position_id,
        "entry_price": trade.entry_price,
        "stop_price": trade.stop_price,
        "target_price": trade.target_price,
        "digits": digits_of(trade.commodity, window.configuration.commodities),
        "price": None if found is None else found.price,
        "profit": None if found is None else found.profit,
        "risk": None if found is None else found.risk,
        "closes_at": None if found is None else iso(found.closes_at),
    }


def external_positions(window: Window, now: Present) -> list[Data]:
    """As the broker shows them now where this process leads, otherwise as the journal said last."""
    if not now.live:
        return [known_external(row) for row in external_data(window.ledger, window.configuration.settings)]
    return [
        {
            "platform": name,
            "seen_at": iso(snapshot.at),
            "position_id": position.position_id,
            "magic": position.magic,
            "commodity": position.commodity,
            "side": position.side.value,
            "volume_lots": position.volume_lots,
            "open_price": position.open_price,
            "profit": position.profit,
        }
        for name, snapshot in sorted(now.snapshots.items())
        for position in snapshot.external
    ]


def known_external(row: Data) -> Data:
    """A position of the journal; what an older program did not write of it is null."""
    return {
        **{name: row[name] for name in ("platform", "seen_at", "position_id", "commodity", "side", "volume_lots")},
        "magic": row.get("magic"),
        "open_price": number(row.get("open_price")),
        "profit": number(row.get("profit")),
    }


def _equity(window: Window, now: Present, platform: str) -> Data:
    points, total = [], 0.0
    results = window.ledger.trades.closed_results(platform)
    keep_every = -(-len(results) // MOST_POINTS) or 1
    for place, result in enumerate(results, 1):
        total += result.profit
        if place == len(results) or place % keep_every == 0:
            points.append({"at": iso(result.closed_at), "profit": round(total, 2), "trades": place})
    live = now.account(platform) or {}
    return {
        "platform": platform,
        **{name: live.get(name) for name in ("currency", "balance", "equity")},
        "realised_profit": round(total, 2),
        "closed_trades": len(results),
        "points": points,
    }
