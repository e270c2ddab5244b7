"""The table of return codes, through the whole crew: what each answer to an order makes of the trade."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from crew_helpers import alerts, must_agree, now, opened, states, told
from made_terminal_crews import POLL_SECONDS, TerminalCrew

import trading
from actors.lookup import QUARANTINE_SECONDS
from connectors.mt5.outcomes import LAST_ERRORS, RETURN_CODES, Fate, Meaning
from trading.trade import Trade, TradeState

GIVEN_UP_SECONDS = QUARANTINE_SECONDS + 60
DONE, UNLISTED = 10009, 10_999
CLOSED = TradeState.CLOSED

# What is known of each return code: N nothing came of it, A the broker took it, U nobody knows. Those of MQL5's
# reference and of the package's constants, and what a client may conclude; `connectors/mt5/outcomes.py` must agree.
KNOWN = {
    10004: "N", 10006: "N", 10007: "N", 10008: "A", 10009: "A", 10010: "A", 10011: "U", 10012: "U", 10013: "N",
    10014: "N", 10015: "N", 10016: "N", 10017: "N", 10018: "N", 10019: "N", 10020: "N", 10021: "N", 10022: "N",
    10023: "U", 10024: "N", 10025: "N", 10026: "N", 10027: "N", 10028: "U", 10029: "N", 10030: "N", 10031: "U",
    10032: "N", 10033: "N", 10034: "N", 10035: "N", 10036: "N", 10038: "N", 10039: "U", 10040: "N", 10041: "N",
    10042: "N", 10043: "N", 10044: "N", 10045: "N", 10046: "N", 0: "U", UNLISTED: "U",
    -1: "U", -2: "N", -3: "U", -8: "N", -10000: "U", -10001: "U", -10002: "U", -10004: "N", -10005: "U",
}  # fmt: skip
REQUOTES = (10004, 10020)
NOT_EXECUTED = sorted(code for code, fate in KNOWN.items() if fate == "N")
UNKNOWN = sorted(code for code, fate in KNOWN.items() if fate == "U")
TAKEN = sorted(code for code, fate in KNOWN.items() if fate == "A")
OF_CLOSES_ALONE = 10036  # of an open it says nothing
FILLINGS = 2  # of the symbol: after 10030 the other one is tried


@pytest.fixture
def crew() -> Iterator[TerminalCrew]:
    with TerminalCrew() as made:
        yield made


def answer(crew: TerminalCrew, code: int, *, is_done: bool = False, times: int = 1) -> None:
    """Let the next orders be answered by this code."""
    crew.broker.script.next("order_send", code=code, is_done=is_done, times=times)


def stopped(crew: TerminalCrew, trade: Trade) -> None:
    """Let the price fall through the stop, and be seen."""
    crew.price(round(trade.stop_price - 0.0010, 5))
    crew.run_for(1.5 * POLL_SECONDS)


# ------------------------------------------------------------ the table


def test_the_table_of_the_code_is_the_one_above() -> None:
    fates = {
        code: {"N": (Fate.REFUSED, Fate.REQUOTED), "A": (Fate.EXECUTING,), "U": (Fate.UNKNOWN,)}[letter]
        for code, letter in KNOWN.items()
    }
    table = {**RETURN_CODES, **LAST_ERRORS}
    for code, meaning in table.items():
        if code in KNOWN:
            assert meaning.fate in fates[code], code
        else:
            assert meaning.fate is Fate.UNKNOWN, f"{code} is no answer to an order"
    assert set(RETURN_CODES) <= set(KNOWN)
    assert {code for code, meaning in table.items() if meaning.fate is Fate.REQUOTED} == set(REQUOTES)


def test_the_page_about_metatrader_has_the_table() -> None:
    page = (Path(trading.__file__).parents[1] / "docs" / "metatrader.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (-?\d+) \| (\w+) \| ([^|]+) \| ([^|]+) \|$", page, flags=re.MULTILINE)
    said = {int(code): (name, opens.strip(), closes.strip()) for code, name, opens, closes in rows}
    table = {**RETURN_CODES, **LAST_ERRORS}
    assert said == {
        code: (meaning.name, words(meaning, False), words(meaning, True)) for code, meaning in table.items()
    }


def words(meaning: Meaning, closes: bool) -> str:
    """What the page says of a code."""
    match meaning.of(closes=closes):
        case Fate.EXECUTING:
            return "filled as its deals say"
        case Fate.UNKNOWN:
            return "unknown: looked up"
        case Fate.REFUSED:
            return f"refused: `{meaning.code}`"
        case Fate.REQUOTED:
            return f"refused: `{meaning.code}`, a new order may be tried"


# ------------------------------------------------------------ opens


@pytest.mark.parametrize("code", [code for code in NOT_EXECUTED if code not in (*REQUOTES, OF_CLOSES_ALONE)])
def test_an_open_that_is_refused_has_failed_at_once_and_is_not_repeated(crew: TerminalCrew, code: int) -> None:
    answer(crew, code, times=FILLINGS if code == 10030 else 1)
    trade = told(crew)
    assert trade is not None
    assert trade.state is TradeState.FAILED
    assert str(code) in trade.detail
    crew.run_for(60)
    assert len(crew.sent) == (0 if code in (-2, -8, -10004) else FILLINGS if code == 10030 else 1)
    assert crew.executed == []
    must_agree(crew)


@pytest.mark.parametrize("code", REQUOTES)
def test_a_requote_is_tried_again_with_a_new_number(crew: TerminalCrew, code: int) -> None:
    answer(crew, code)
    opened(crew)
    assert states(crew) == ["failed", "open"]
    assert len({event.request.magic for event in crew.sent}) == 2
    must_agree(crew)


@pytest.mark.parametrize("code", TAKEN)
def test_an_open_that_the_broker_took_is_open_with_what_its_deals_say(crew: TerminalCrew, code: int) -> None:
    answer(crew, code)
    trade = opened(crew)
    assert [deal.volume_lots for deal in crew.executed] == [trade.volume_lots]
    assert trade.volume_lots == crew.sent[0].request.volume * (0.5 if code == 10010 else 1)
    must_agree(crew)


@pytest.mark.parametrize("code", [*UNKNOWN, OF_CLOSES_ALONE])
def test_an_open_of_which_nobody_knows_and_nothing_came_has_failed_after_the_quarantine(
    crew: TerminalCrew, code: int
) -> None:
    answer(crew, code)
    trade = told(crew)
    assert trade is not None
    assert trade.state is TradeState.UNKNOWN
    assert len(alerts(crew, "unknown_outcome")) == 1
    crew.run_for(QUARANTINE_SECONDS - 1)
    assert now(crew, trade).state is TradeState.UNKNOWN
    crew.run_for(60)
    assert now(crew, trade).state is TradeState.FAILED
    assert len(crew.sent) <= 1, "it is never sent again"
    must_agree(crew)


@pytest.mark.parametrize("code", [*UNKNOWN, OF_CLOSES_ALONE])
def test_an_open_of_which_nobody_knows_and_that_was_executed_is_found(crew: TerminalCrew, code: int) -> None:
    answer(crew, code, is_done=True)
    trade = told(crew)
    assert trade is not None
    assert trade.state is TradeState.UNKNOWN
    crew.run_for(10)
    assert now(crew, trade).state is TradeState.OPEN
    assert len(crew.sent) == 1
    must_agree(crew)


# ------------------------------------------------------------ closes


@pytest.mark.parametrize("code", NOT_EXECUTED)
def test_a_close_that_is_refused_stays_and_is_sent_again(crew: TerminalCrew, code: int) -> None:
    trade = opened(crew)
    answer(crew, code, times=FILLINGS if code == 10030 else 1)
    crew.price(round(trade.stop_price - 0.0010, 5))
    crew.run_for(1.5 * POLL_SECONDS)
    assert now(crew, trade).state in (TradeState.CLOSING, CLOSED)
    crew.run_for(15)
    assert now(crew, trade).state is CLOSED
    assert [line.reason for line in crew.ledger.journal.list(kind="close_put_off")] != []
    assert len(crew.executed) == 2
    must_agree(crew)


@pytest.mark.parametrize("code", TAKEN)
def test_a_close_that_the_broker_took_is_over_when_all_of_it_is_closed(crew: TerminalCrew, code: int) -> None:
    trade = opened(crew)
    answer(crew, code)
    stopped(crew, trade)
    crew.run_for(15)
    assert now(crew, trade).state is CLOSED
    out = [deal.volume_lots for deal in crew.executed[1:]]
    assert math.isclose(sum(out), trade.volume_lots)
    assert len(out) == (2 if code == 10010 else 1)
    must_agree(crew)


@pytest.mark.parametrize("code", UNKNOWN)
@pytest.mark.parametrize("is_done", [True, False])
def test_a_close_of_which_nobody_knows_is_looked_up_before_anything_is_sent_again(
    crew: TerminalCrew, code: int, is_done: bool
) -> None:
    trade = opened(crew)
    answer(crew, code, is_done=is_done)
    stopped(crew, trade)
    crew.run_for(15)
    assert now(crew, trade).state is CLOSED
    closes = [event for event in crew.sent if event.request.position]
    assert len(closes) <= (1 if is_done else 2)
    assert len(crew.executed) == 2
    must_agree(crew)


def test_a_position_that_a_person_closed_meanwhile_is_closed_by_its_deals(crew: TerminalCrew) -> None:
    trade = opened(crew)
    assert trade.ticket is not None
    crew.broker.hands.close(trade.ticket)
    answer(crew, OF_CLOSES_ALONE)
    stopped(crew, trade)
    crew.run_for(60)
    assert now(crew, trade).state is CLOSED
    must_agree(crew)


# ------------------------------------------------------------ netting


@pytest.fixture
def netting() -> Iterator[TerminalCrew]:
    with TerminalCrew(netting=True) as made:
        yield made


@pytest.mark.parametrize("code", [0, 10012, -10002])
@pytest.mark.parametrize("is_done", [True, False])
def test_on_a_netting_account_a_close_of_which_nobody_knows_is_not_sent_again_before_the_quarantine(
    netting: TerminalCrew, code: int, is_done: bool
) -> None:
    trade = opened(netting)
    answer(netting, code, is_done=is_done)
    stopped(netting, trade)
    netting.run_for(QUARANTINE_SECONDS - 5)
    assert len(netting.sent) <= 2
    netting.run_for(60)
    assert now(netting, trade).state is CLOSED
    assert len(netting.executed) == 2
    assert [deal.volume_lots for deal in netting.executed] == [trade.volume_lots] * 2
    must_agree(netting)


@pytest.mark.parametrize("code", [10006, 10018, 10030, -10004])
def test_on_a_netting_account_a_close_that_is_refused_is_sent_again(netting: TerminalCrew, code: int) -> None:
    trade = opened(netting)
    answer(netting, code, times=FILLINGS if code == 10030 else 1)
    stopped(netting, trade)
    netting.run_for(15)
    assert now(netting, trade).state is CLOSED
    assert len(netting.executed) == 2
    must_agree(netting)
