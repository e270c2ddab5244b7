"""What `status` says of an account that cannot trade at the moment, by the alerts in the journal."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from actors.system.alerts import Alert
from actors.wiring import journal_alert
from console.account_trouble import lines, troubles
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from trading.market import MINUTE

NOON = 1_772_625_600_000  # 2026-03-04T12:00Z
AWAY = "alpha: NotConnected: the terminal has no link to its trade server"
LINE = JournalLine(
    id=1,
    at=NOON,
    last_at=NOON,
    repeated=1,
    kind="alert",
    reason="standing_by",
    platform=None,
    commodity=None,
    trade_id=None,
    analysis_id=None,
    writer="host:1:abc",
    detail={},
)


def alert(reason: str, said: str, minutes: int = 0, platform: str | None = "alpha") -> JournalLine:
    return replace(LINE, at=NOON + minutes * MINUTE, reason=reason, platform=platform, detail={"said": said})


def test_an_account_that_stands_by_is_named_with_its_reason_and_its_time() -> None:
    found = troubles([alert("standing_by", AWAY)])
    since, said = "2026-03-04T12:00:00Z", "NotConnected: the terminal has no link to its trade server"
    assert found == {"alpha": {"since": since, "said": said}}
    assert [text.plain for text in lines([{"name": "alpha", "enabled": True, "trouble": found["alpha"]}])] == [
        f"alpha since 2026-03-04 12:00: {said}"
    ]
    assert not lines([{"name": "alpha", "enabled": False, "trouble": found["alpha"]}])
    assert not lines([{"name": "alpha", "enabled": True, "trouble": None}])


OUT_AND_IN = [
    ("standing_by", "took_post"),
    ("broker", "broker_back"),
    ("floor_unusable", "orders_taken"),
    ("market", "market_back"),
    ("unjudged", "judged_again"),
]


@pytest.mark.parametrize(("out", "back"), OUT_AND_IN)
def test_an_account_that_is_back_is_in_no_trouble(out: str, back: str) -> None:
    gone, there = alert(out, AWAY), alert(back, "alpha: as before", minutes=1)
    assert "alpha" in troubles([gone])
    assert not troubles([there, gone])
    assert "alpha" in troubles([alert(out, AWAY, minutes=2), there, gone])


def test_each_kind_of_trouble_lasts_until_its_own_end_or_until_the_post_is_taken_anew() -> None:
    unjudged = alert("unjudged", "alpha: nobody guards alpha:EURUSD", minutes=3)
    still = alert("market", "alpha: time stands still")
    assert troubles([alert("broker_back", "alpha: as before", minutes=4), unjudged, still]) == {
        "alpha": {"since": "2026-03-04T12:00:00Z", "said": "time stands still; nobody guards alpha:EURUSD"}
    }
    assert not troubles([alert("judged_again", "", 5), alert("market_back", "", 5), unjudged, still])
    assert not troubles([alert("took_post", "", 5), unjudged, still])


def test_other_alerts_say_nothing_of_it() -> None:
    others = [
        alert("unclean_scan", "alpha: ConnectorError: positions; no opens until a clean scan"),
        alert("stuck", "alpha:EURUSD: not closed after 5 attempts"),
        alert("standing_by", "who knows", platform=None),
    ]
    assert not troubles(others)


def test_the_alerts_of_an_account_are_kept_as_the_accounts_each_change_on_a_line_of_its_own() -> None:
    with closing(Ledger.open("sqlite://", writer="test")) as ledger:
        for minute, reason in enumerate(("broker", "broker", "broker_back", "broker")):
            for actor in ("platform:alpha", "platform:beta", "trader"):
                journal_alert(ledger, Alert(NOON + minute * MINUTE, actor, reason, f"{actor} {reason}"))
        kept = ledger.journal.list(kind="alert", platform="alpha")
        found = troubles(ledger.journal.list(kind="alert"))
    assert [line.reason for line in kept] == ["broker", "broker_back", "broker"]
    assert sorted(found) == ["alpha", "beta"]
    assert found["alpha"]["since"] == "2026-03-04T12:03:00Z"
