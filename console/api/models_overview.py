"""What the overview shows, as the API answers it. Instants are ISO 8601 in UTC, money is in the account's currency."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class OverviewPart(BaseModel):
    """What all of them have in common: nothing is there that is not written here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OverviewModeCause(OverviewPart):
    """What one cause wants of the crew, who set it, and what lifts it."""

    crew: str
    mode: str
    opens: bool  # whether trades may be opened
    guards: bool  # whether stops, targets and rules close
    cause: str | None
    reason: str | None
    by: str | None
    since: str | None
    lifted_by: str | None


class OverviewPause(OverviewPart):
    """A scope in which nothing is opened; None stands for all."""

    platform: str | None
    commodity: str | None
    reason: str
    by: str
    since: str


class OverviewMode(OverviewModeCause):
    """What the crew may do: the strictest of its causes, all of them, and the scopes that are paused."""

    causes: list[OverviewModeCause]
    paused: list[OverviewPause]


class OverviewCounts(OverviewPart):
    """How many trades and refusals there are, over the whole ledger; positions of others as they stand now."""

    open: int
    opened: int
    closed: int
    refused: int
    external: int


class CommodityExposure(OverviewPart):
    """What an account holds of one commodity, its own and that of others together."""

    commodity: str
    group: str
    volume_lots: float  # bought less sold
    value: float | None  # the same at the present price; None without a price
    risk: float | None  # of our own trades, to their stops


class GroupExposure(OverviewPart):
    """What trades that move together lose at their stops when the group's common factor falls, or rises."""

    group: str
    risk_if_it_falls: float | None
    risk_if_it_rises: float | None


class Exposure(OverviewPart):
    """An account's exposure."""

    commodities: list[CommodityExposure]
    groups: list[GroupExposure]


class OverviewHeldBack(OverviewPart):
    """What an account's own results hold it back from."""

    kind: str
    since: str
    until: str | None
    said: str


class OverviewAccount(OverviewPart):
    """One account. Figures are None while nobody leads, or before the broker has answered."""

    name: str
    currency: str
    balance: float | None
    equity: float | None
    open_risk: float | None
    exposure: Exposure
    external: int  # positions of other programs and of people
    ready: bool
    reason: str  # why it is not ready
    paused: bool  # all opens on it
    held_back: list[OverviewHeldBack]
    stale_seconds: int | None  # for how long nothing new has come of it; None: it does as it should


class Distance(OverviewPart):
    """How far the closing price is from a level; 0 or below: the level is reached."""

    distance: float  # in price units
    fraction: float | None  # of the price


class OverviewTrade(OverviewPart):
    """One open trade."""

    trade_id: int
    platform: str
    commodity: str
    side: str
    volume_lots: float
    strategy: str
    state: str
    digits: int | None  # decimals of its prices
    currency: str  # of its money
    entry_price: float | None
    price: float | None  # at which it would close now
    stop_price: float
    target_price: float | None
    profit: float | None  # of closing now, with the commission of both sides
    risk: float | None  # what is lost against the entry at the stop
    probability_of_profit: float | None
    expected_value: float | None  # of holding on, in sigmas
    expected_gain: float | None  # the same in money: what holding on is expected to bring beside closing now
    one_sigma: float | None  # what a move by one sigma is worth in money
    valued_at: str | None  # when probability, expected value and sigma were computed
    closes_at: str  # when a rule or the longest hold closes it at the latest
    closes_in_seconds: int
    to_stop: Distance | None
    to_target: Distance | None
    progress: float | None  # 0: at the stop; 1: at the target
    opened_at: str | None
    checked_seconds_ago: int | None  # since it was last judged on a usable quote
    is_stale: bool  # nothing new comes of its account: price and profit are old


class OverviewEvent(OverviewPart):
    """A line of the journal in words."""

    id: int
    at: str
    kind: str
    about: str  # <platform>:<commodity>, or either of them
    text: str
    repeated: int
    trade_id: int | None


class OverviewAlert(OverviewPart):
    """Something that is wrong now."""

    key: str
    at: str | None
    about: str
    said: str


class Overview(OverviewPart):
    """Everything that is to be seen at a glance."""

    crew: str
    market_time: str | None  # None: nothing has happened yet
    speed: float | None  # market seconds in one second; None while nobody leads here
    source: str | None  # what the prices are
    position: int | None  # bars of the recording that have begun
    length: int | None  # bars in all
    market_open: bool | None
    leads: bool
    said: str  # "leading crew default on paper_a", "standing by: ..."
    mode: OverviewMode
    counts: OverviewCounts
    realised_profit: dict[str, float]  # by currency
    realised_today: dict[str, float]  # the same of what has closed since midnight UTC, in market time
    accounts: list[OverviewAccount]
    trades: list[OverviewTrade]
    events: list[OverviewEvent]  # the newest, oldest first
    alerts: list[OverviewAlert]
