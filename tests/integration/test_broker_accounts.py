"""A platform stays the account at the broker on which its trades were opened, as long as one of them is under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from made_account_at_terminal import configured
from made_ledger import NOON, Holder, a_ledger, make_with_scripts

from console import serve
from console.arguments import Serve
from console.doctor_metatrader import metatrader_checks
from console.errors import CommandError
from console.output import Output
from console.same_accounts import require_same_accounts
from persistence.backup import back_up, url_of
from persistence.broker_accounts import KIND, BrokerAccount
from persistence.errors import AnotherBrokerAccount
from persistence.ledger import Ledger
from persistence.restore import opened, restore, state_of
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.trade import Trade, TradeState

FIRST, SECOND, THIRD = (BrokerAccount(login, "Sim-Demo") for login in (1001, 1002, 1003))
NAMED = {"alpha": FIRST, "beta": SECOND}
SWAPPED = {"alpha": SECOND, "beta": FIRST}


@pytest.fixture
def ledger(any_ledger: str) -> Iterator[Ledger]:
    """A ledger that knows two accounts."""
    with a_ledger(any_ledger) as ledger:
        ledger.broker_accounts.settle(NAMED, at=NOON)
        yield ledger


def known(ledger: Ledger, *platforms: str) -> dict[str, BrokerAccount | None]:
    return {platform: ledger.broker_accounts.of(platform) for platform in platforms or NAMED}


def late(holder: Holder) -> Trade:
    failed = holder.fail(holder.submit())
    return holder.advance(
        failed, TradeState.LATE, ticket=1, position_id=1, entry_price=1.1, opened_at=failed.submitted_at
    )


def test_what_is_seen_first_is_remembered_without_a_word(ledger: Ledger) -> None:
    assert known(ledger) == NAMED
    assert ledger.broker_accounts.settle(NAMED, at=NOON) == {}
    assert ledger.journal.list(kind=KIND) == []


def test_two_accounts_may_swap_while_nothing_is_under_way(ledger: Ledger) -> None:
    holder = Holder(ledger)
    holder.close(holder.open())
    assert ledger.broker_accounts.settle(SWAPPED, at=NOON) == NAMED
    assert known(ledger) == SWAPPED
    lines = ledger.journal.list(kind=KIND, newest_first=False)
    assert [(line.platform, line.detail["login_before"], line.detail["login_after"]) for line in lines] == [
        ("alpha", 1001, 1002),
        ("beta", 1002, 1001),
    ]


@pytest.mark.parametrize("state", ["submitted", "open", "late"])
def test_an_account_with_a_trade_under_way_becomes_no_other_and_nothing_is_changed(ledger: Ledger, state: str) -> None:
    holder = Holder(ledger)
    trade = {"submitted": holder.submit, "open": holder.open, "late": lambda: late(holder)}[state]()
    with pytest.raises(AnotherBrokerAccount) as refused:
        ledger.broker_accounts.settle({"beta": THIRD, "alpha": SECOND}, at=NOON)
    assert str(refused.value) == (
        f"account 'alpha' was login 1001 at 'Sim-Demo' when trade {trade.trade_id} (EURUSD, {state}) was opened, and "
        "is login 1002 at 'Sim-Demo' in the settings; put the login back until it is closed"
    )
    assert known(ledger) == NAMED
    assert ledger.journal.list(kind=KIND) == []


def test_another_server_is_another_account(ledger: Ledger) -> None:
    Holder(ledger).open()
    with pytest.raises(AnotherBrokerAccount, match="is login 1001 at 'Sim-Real' in the settings"):
        ledger.broker_accounts.settle({"alpha": BrokerAccount(1001, "Sim-Real")}, at=NOON)


def test_the_account_of_a_trade_under_way_gets_no_second_name(ledger: Ledger) -> None:
    trade = Holder(ledger).open()
    with pytest.raises(AnotherBrokerAccount, match=f"was account 'alpha' when trade {trade.trade_id} "):
        ledger.broker_accounts.settle({"gamma": FIRST}, at=NOON)
    ledger.broker_accounts.settle({"gamma": SECOND}, at=NOON)
    assert known(ledger, "alpha", "beta", "gamma") == {"alpha": FIRST, "beta": None, "gamma": SECOND}


def test_a_backup_brings_back_the_accounts_of_its_trades(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "backup.sqlite"
    holder = Holder(ledger)
    trade = holder.open()
    back_up(ledger, file)
    holder.close(trade)
    ledger.broker_accounts.settle({**SWAPPED, "gamma": THIRD}, at=NOON)
    for held in ledger.reservations.all():
        ledger.reservations.release_resource(held.fence)
    with opened(file) as backup:
        restore(backup, ledger, state=state_of(ledger), source=file.name, at=NOON)
    assert known(ledger, "alpha", "beta", "gamma") == {**NAMED, "gamma": THIRD}
    with pytest.raises(AnotherBrokerAccount):
        ledger.broker_accounts.settle(SWAPPED, at=NOON)


def test_an_older_ledger_learns_its_accounts_at_the_next_start(tmp_path: Path) -> None:
    url = url_of(tmp_path / "ledger.sqlite")
    make_with_scripts(url, "0003")
    with a_ledger(url) as ledger:
        assert ledger.broker_accounts.of("alpha") is None
        ledger.broker_accounts.settle(NAMED, at=NOON)
        assert known(ledger) == NAMED


def test_serve_refuses_to_lead_and_the_doctor_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    right, wrong = configured(tmp_path), configured(tmp_path, LOGIN="1002")
    with closing(Ledger.open(right.database_url, writer="test")) as ledger:
        require_same_accounts(ledger, right.settings.accounts)
        holder = Holder(ledger)
        trade = holder.open()
        with pytest.raises(CommandError, match=f"was login 1001 at 'Sim-Demo' when trade {trade.trade_id} "):
            require_same_accounts(ledger, wrong.settings.accounts)
        check = next(check for check in metatrader_checks(wrong) if check.name == "alpha: login")
        assert (check.state, "put the login back" in check.saw) == ("failed", True)
        assert not [check for check in metatrader_checks(right) if check.name == "alpha: login"]
        holder.close(trade)
        require_same_accounts(ledger, wrong.settings.accounts)
        assert "account alpha was login 1001 at 'Sim-Demo', and is login 1002 at 'Sim-Demo' from now on" in caplog.text


def test_nothing_is_begun_with_the_settings_of_another_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_gateway = {"MT5__PACKAGE": "MetaTrader5", "MT5__GATEWAY": "127.0.0.1:1", "MT5__GATEWAY_SECRET": "s" * 32}
    wrong = configured(tmp_path, LOGIN="1002", **at_gateway)

    def went_on(ledger: Ledger, books: object) -> None:
        raise CommandError("it went on")

    monkeypatch.setattr(serve, "require_agreement", went_on)
    with closing(Ledger.open(wrong.database_url, writer="test")) as ledger:
        ledger.broker_accounts.settle({"alpha": FIRST}, at=NOON)
        holder = Holder(ledger)
        trade = holder.open()
        with pytest.raises(CommandError, match="put the login back until it is closed"):
            serve.run(Serve(view=False), wrong, Output())
        holder.close(trade)
        with pytest.raises(CommandError, match="it went on"):
            serve.run(Serve(view=False), wrong, Output())
        assert ledger.broker_accounts.of("alpha") == SECOND


def test_paper_accounts_are_known_by_their_books() -> None:
    paper = AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"}, login=5)
    with a_ledger() as ledger:
        require_same_accounts(ledger, Settings(accounts=(paper,)).accounts)
        assert ledger.broker_accounts.of("alpha") is None
