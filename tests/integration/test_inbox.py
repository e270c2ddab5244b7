"""The folder of analyses from outside, with the whole crew behind it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import jwt
import pytest
from crew_helpers import StartCrew, account, ledger_away, trade_of

from actors.inbox import Inbox, InboxActor
from actors.messages import AccountSnapshot, MarketRead
from actors.names import INBOX, UPPER_LEVEL
from actors.outside import proved, use_up
from actors.scripted_crew import ScriptedCrew
from actors.system.spec import Spec
from feeds import analysis_folder
from feeds.analysis_folder import AnalysisFolder, WaitingFile, leave
from feeds.errors import AnalysisRefused
from feeds.signed_analyses import TYPE, signed
from trading.analysis import Analysis
from trading.market import Quote
from trading.reading import MarketReading
from trading.settings import Settings
from trading.settings_analyses import AnalysesSettings, AnalysisSource
from trading.trade import TradeState

KEY = "k" * 64
SOURCES = (AnalysisSource(name="model"), AnalysisSource(name="golden", commodities=("GOLD",)))


def key_of(source: str) -> str:
    """Every source has the same one here."""
    return KEY


def payload(crew: ScriptedCrew, **changes: object) -> str:
    """An opinion of this moment that passes the gate, as JSON and without its author."""
    said = crew.opinion().model_dump(mode="json")
    del said["made_by"]
    return json.dumps({**said, **changes})


@pytest.fixture
def crew(start_crew: StartCrew) -> ScriptedCrew:
    return start_crew(
        Settings(accounts=(account("alpha", "EURUSD", "GOLD"),), analyses=AnalysesSettings(sources=SOURCES))
    )


@pytest.fixture
def folder(crew: ScriptedCrew, tmp_path: Path) -> Path:
    """A folder that the crew looks into."""
    path = tmp_path / "analyses"
    begin(crew, path)
    know(crew)
    return path


def begin(crew: ScriptedCrew, path: Path) -> None:
    """Have the crew look into this folder."""
    inbox = Inbox(AnalysisFolder(path), key_of)
    actor = Spec(INBOX, lambda: InboxActor(crew.market.settings, crew.ledger, inbox), UPPER_LEVEL)
    crew.system.start([actor])
    crew.run_for(0)


def know(crew: ScriptedCrew) -> None:
    """Let the inbox know what the analyst and the accounts tell it."""
    for commodity in ("EURUSD", "GOLD"):
        own = MarketReading(commodity, crew.now, 3600, None, None, daily_volatility=0.005, mean_price=None)
        crew.tell(INBOX, MarketRead(own))
    quote = Quote("EURUSD", 1.1, 1.1001, crew.now)
    gold = Quote("GOLD", 3_000.0, 3_000.5, crew.now)
    crew.tell(INBOX, snapshot(crew, {"EURUSD": quote, "GOLD": gold}))
    crew.run_for(0)


def snapshot(crew: ScriptedCrew, quotes: dict[str, Quote]) -> AccountSnapshot:
    """What an account that is ready tells."""
    return AccountSnapshot("alpha", crew.now, True, "", False, None, quotes, {}, {}, {}, 0, ())


def why(folder: Path) -> list[str]:
    """What stands beside those that were refused."""
    return sorted(path.read_text().strip() for path in (folder / "refused").glob("*.why"))


def test_a_signed_analysis_in_the_folder_becomes_a_trade(crew: ScriptedCrew, folder: Path) -> None:
    leave(folder, "one", signed(payload(crew, id="1"), "model", KEY))
    crew.run_for(1)
    trade = trade_of(crew, "model/1")
    assert trade is not None
    assert trade.state is TradeState.OPEN
    assert [path.name for path in (folder / "taken").iterdir()] == ["one.jws"]
    (decision,) = crew.ledger.journal.list(kind="decision")
    assert decision.detail["analysis"]["made_by"] == "model"


def test_the_same_gate_is_for_all(crew: ScriptedCrew, folder: Path) -> None:
    weak = {"score": 0.4, "absent": False, "readings": {}}
    pillars = dict.fromkeys(("base", "trend", "volatility", "sentiment"), weak)
    leave(folder, "weak", signed(payload(crew, id="1", pillars=pillars, confidence=40.0), "model", KEY))
    crew.run_for(1)
    assert [line.reason for line in crew.ledger.journal.list(kind="decision")] == ["refused:confidence"]
    assert trade_of(crew, "model/1") is None


def test_an_id_is_taken_once_also_by_the_next_process(crew: ScriptedCrew, folder: Path) -> None:
    text = signed(payload(crew, id="1"), "model", KEY)
    leave(folder, "one", text)
    crew.run_for(1)
    leave(folder, "two", text)
    crew.run_for(1)
    assert why(folder) == ["seen: the id model/1 was used before"]
    with pytest.raises(AnalysisRefused, match="was used before"):
        admit(text, crew)
    assert len(crew.ledger.trades.list()) == 1


def admit(text: str, crew: ScriptedCrew) -> Analysis:
    """As the inbox does it."""
    analysis = proved(text, key_of, crew.market.settings, crew.now)
    use_up(analysis, crew.market.settings.crew, crew.ledger, crew.now)
    return analysis


def test_each_source_has_ids_of_its_own(crew: ScriptedCrew) -> None:
    one = admit(signed(payload(crew, id="1"), "model", KEY), crew)
    other = admit(signed(payload(crew, id="1", commodity="GOLD"), "golden", KEY), crew)
    assert one.id != other.id


def test_an_instant_beyond_all_calendars_is_refused_and_ends_nothing(crew: ScriptedCrew, folder: Path) -> None:
    said = payload(crew, made_at=10**30).encode()
    text = jwt.PyJWS().encode(said, KEY, "HS256", {"kid": "model", "typ": TYPE})
    leave(folder, "one", text)
    crew.run_for(1)
    assert why(folder)[0].startswith("schema: made_at: ")
    assert not crew.escalated


@pytest.mark.parametrize(
    ("source", "changes", "reason"),
    [
        ("model", {"made_at": 0}, "stale"),
        ("model", {"made_at": 4_000_000_000_000}, "from the future"),
        ("model", {"commodity": "USDJPY"}, "commodity"),
        ("golden", {}, "commodity"),
        ("stranger", {}, "source"),
    ],
)
def test_what_may_not_be_taken_is_refused_with_the_reason(
    crew: ScriptedCrew, folder: Path, source: str, changes: dict[str, object], reason: str
) -> None:
    leave(folder, "one", signed(payload(crew, **changes), source, KEY))
    crew.run_for(1)
    (line,) = crew.ledger.journal.list(kind="outside")
    assert (line.reason, line.detail["file"]) == (f"refused:{reason}", "one.jws")
    assert why(folder)[0].startswith(f"{reason}: ")
    assert crew.ledger.trades.list() == []


def test_what_is_half_written_is_waited_for(crew: ScriptedCrew, folder: Path) -> None:
    text = signed(payload(crew, id="1"), "model", KEY)
    (folder / "slow.jws").write_text(text[:200])
    crew.run_for(1.5)
    assert why(folder) == []
    (folder / "slow.jws").write_text(text)
    crew.run_for(1)
    assert trade_of(crew, "model/1") is not None


def test_what_stays_nonsense_is_refused(crew: ScriptedCrew, folder: Path) -> None:
    (folder / "noise.jws").write_bytes(b"\x00\xff nonsense")
    (folder / "text.jws").write_text("not signed at all")
    crew.run_for(5)
    assert [reason.partition(":")[0] for reason in why(folder)] == ["not_signed", "not_signed"]


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of this kind are of POSIX")
def test_only_plain_files_are_read(crew: ScriptedCrew, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere.jws"
    secret.write_text(signed(payload(crew, id="1"), "model", KEY))
    (folder / "link.jws").symlink_to(secret)
    (folder / "directory.jws").mkdir()
    os.mkfifo(folder / "pipe.jws")
    crew.run_for(5)
    assert [reason.partition(":")[0] for reason in why(folder)] == ["not_a_file"] * 3
    assert crew.ledger.trades.list() == []
    assert secret.exists()


def test_a_file_of_another_kind_is_left_alone(crew: ScriptedCrew, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    crew.run_for(5)
    assert (folder / "notes.txt").read_text() == "mine"


def test_while_the_ledger_is_away_files_wait(crew: ScriptedCrew, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(folder, "one", signed(payload(crew, id="1"), "model", KEY))
    with monkeypatch.context() as patch:
        patch.setattr(crew.ledger.schedule, "fire", ledger_away)
        crew.run_for(1)
    assert (folder / "one.jws").exists()
    crew.run_for(1)
    assert trade_of(crew, "model/1") is not None
    (line,) = crew.ledger.journal.list(kind="alert")
    assert (line.reason, line.repeated) == ("inbox", 2)  # that nothing is taken, and that it is again


def test_a_folder_that_is_gone_is_made_again(crew: ScriptedCrew, folder: Path) -> None:
    shutil.rmtree(folder)
    crew.run_for(1)
    leave(folder, "one", signed(payload(crew, id="1"), "model", KEY))
    crew.run_for(1)
    assert trade_of(crew, "model/1") is not None


def test_a_file_in_the_folders_place_is_told_of_once_and_stops_nothing(
    crew: ScriptedCrew, folder: Path, tmp_path: Path
) -> None:
    shutil.rmtree(folder)
    folder.write_text("in the way")
    crew.run_for(10)
    assert [line.reason for line in crew.ledger.journal.list(kind="alert")] == ["inbox"]
    crew.analyse(crew.opinion(id="built-in"))
    crew.run_for(0)
    assert trade_of(crew, "built-in") is not None


def test_a_file_that_cannot_be_moved_away_is_judged_once_and_holds_up_no_other(
    crew: ScriptedCrew, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(folder, "held", signed(payload(crew, id="1"), "model", KEY))
    leave(folder, "later", signed(payload(crew, id="2", commodity="GOLD"), "golden", KEY))
    rename = Path.rename

    def held(path: Path, target: Path) -> Path:
        if path.name == "held.jws":
            raise PermissionError(13, "another program holds it")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", held)
    crew.run_for(5)
    assert [path.name for path in (folder / "taken").iterdir()] == ["later.jws"]
    assert crew.ledger.journal.list(kind="outside") == []
    assert len(crew.ledger.trades.list()) == 1


@pytest.mark.skipif(os.name != "posix", reason="links of this kind are of POSIX")
def test_what_is_moved_away_does_not_follow_a_link(crew: ScriptedCrew, folder: Path, tmp_path: Path) -> None:
    (folder / "refused").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (folder / "refused").symlink_to(tmp_path / "elsewhere")
    (folder / "noise.jws").write_text("nonsense")
    crew.run_for(5)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (folder / "noise.jws").exists()


def test_only_so_many_are_kept(crew: ScriptedCrew, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_folder, "MOST_KEPT", 2)
    (folder / "refused" / "directory.jws").mkdir()
    for number in range(4):
        leave(folder, f"{number}", signed(payload(crew, made_at=0), "model", KEY))
        crew.run_for(1)
    kept = sorted(path.name for path in (folder / "refused").iterdir() if path.is_file())
    assert kept == ["2.jws", "2.jws.why", "3.jws", "3.jws.why"]
    assert (folder / "refused" / "directory.jws").is_dir()


@pytest.mark.parametrize(("volatility", "refused"), [(0.0001, True), (0.5, True), (0.004, False)])
def test_a_volatility_that_cannot_be_true_opens_nothing(
    crew: ScriptedCrew, folder: Path, volatility: float, refused: bool
) -> None:
    leave(folder, "one", signed(payload(crew, daily_volatility=volatility), "model", KEY))
    crew.run_for(1)
    assert [line.reason for line in crew.ledger.journal.list(kind="outside")] == ["refused:volatility"] * refused
    assert len(crew.ledger.trades.list()) == (not refused)


def test_an_analysis_waits_until_something_can_be_decided_on_it(crew: ScriptedCrew, tmp_path: Path) -> None:
    begin(crew, tmp_path)
    leave(tmp_path, "early", signed(payload(crew, id="1"), "model", KEY))
    crew.run_for(5)
    assert (tmp_path / "early.jws").exists()
    know(crew)
    crew.run_for(1)
    assert trade_of(crew, "model/1") is not None


def test_what_waits_too_long_is_refused_and_not_decided_on(crew: ScriptedCrew, tmp_path: Path) -> None:
    begin(crew, tmp_path)
    leave(tmp_path, "early", signed(payload(crew, id="1"), "model", KEY))
    crew.run_for(302)
    assert why(tmp_path)[0].startswith("stale: ")


def test_a_file_that_meets_a_defect_is_refused_and_the_next_is_taken(
    crew: ScriptedCrew, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_text = AnalysisFolder.text

    def text(self: AnalysisFolder, file: WaitingFile) -> str:
        if file.path.name == "odd.jws":
            raise OverflowError("timestamp out of range")
        return true_text(self, file)

    monkeypatch.setattr(AnalysisFolder, "text", text)
    leave(folder, "odd", signed(payload(crew, id="1"), "model", KEY))
    leave(folder, "whole", signed(payload(crew, id="2"), "model", KEY))
    crew.run_for(1)
    assert why(folder) == ["defect: OverflowError: timestamp out of range"]
    assert trade_of(crew, "model/2") is not None


def test_the_folder_tells_the_time_of_the_market(crew: ScriptedCrew, folder: Path) -> None:
    crew.run_for(10)
    assert json.loads((folder / "market_time.json").read_text())["milliseconds"] == crew.now
