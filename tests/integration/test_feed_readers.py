"""A source is read by a process of its own, which nothing can keep from ending."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest
from made_servers import dripping_server, silent_server

from feeds.catalogue import read_catalogue
from feeds.readers import ChildReader, RecordedReader, readers_of
from feeds.reading import FeedReader, Outcome
from trading.moods import PushedScore, Scores
from trading.settings_feeds import Feeds, HeadlineFeed, ScoreFeed

CATALOGUE = read_catalogue()
SCORE = {"commodity": "EURUSD", "bullishness": 0.7, "at": "2026-03-02T09:30:00Z"}
KNOWN = Scores((PushedScore("EURUSD", 0.7, 1_772_443_800_000),))
PATIENCE_SECONDS = 30.0


@pytest.fixture
def score(tmp_path: Path) -> Path:
    file = tmp_path / "score.json"
    file.write_text(json.dumps(SCORE))
    return file


def outcome_of(reader: FeedReader) -> Outcome:
    reader.begin()
    until = time.monotonic() + PATIENCE_SECONDS
    while (outcome := reader.result()) is None:
        assert time.monotonic() < until, "the reading does not end"
        time.sleep(0.01)
    return outcome


def child_running(code: str, seconds: float = PATIENCE_SECONDS) -> ChildReader:
    """A reader whose process runs this instead."""
    command = sys.executable, "-c", code
    return ChildReader(ScoreFeed(name="s", source="x"), CATALOGUE, seconds=seconds, command=command)


def test_what_it_read_is_what_reading_it_here_gives(score: Path) -> None:
    feed = ScoreFeed(name="model", source=str(score))
    assert outcome_of(ChildReader(feed, CATALOGUE)) == Outcome(KNOWN)
    assert outcome_of(RecordedReader(feed, CATALOGUE)) == Outcome(KNOWN)


def test_what_is_unchanged_is_not_read_again_until_it_changes_or_all_is_forgotten(score: Path) -> None:
    reader = ChildReader(ScoreFeed(name="model", source=str(score)), CATALOGUE)
    assert outcome_of(reader) == Outcome(KNOWN)
    assert outcome_of(reader) == Outcome()
    reader.cancel()
    assert outcome_of(reader) == Outcome(KNOWN)
    score.write_text(json.dumps([SCORE, SCORE]))
    assert outcome_of(reader).knowledge != KNOWN


def test_what_is_wrong_with_a_source_is_said_in_its_own_words(tmp_path: Path) -> None:
    reader = ChildReader(ScoreFeed(name="model", source=str(tmp_path / "nothing.json")), CATALOGUE)
    assert outcome_of(reader).error == f"{tmp_path / 'nothing.json'}: there is no such file"


def test_a_server_that_never_answers_or_drips_its_header_is_given_up_in_time() -> None:
    began = time.monotonic()
    with silent_server() as silent, dripping_server(b"HTTP/1.1 200 OK\r\nX-Long: ") as dripping:
        for address in (silent, dripping):
            reader = ChildReader(HeadlineFeed(name="wire", source=address), CATALOGUE, seconds=1.5)
            outcome = outcome_of(reader)
            assert outcome.knowledge is None
            assert address in outcome.error
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_an_answer_that_would_keep_the_crew_busy_is_not_parsed() -> None:
    said = outcome_of(child_running("print('[' * (8 << 20), end='!')")).error
    assert said == "x: it knows more than 8 MiB: given up"


def test_a_process_that_hangs_is_killed_and_others_are_told_of() -> None:
    assert outcome_of(child_running("import time; time.sleep(60)", 0.3)).error == "x: not read within 0.3 s: given up"
    ended = outcome_of(child_running("import os; os._exit(3)"))
    assert ended.error == "x: the process that read it ended with 3: given up"
    assert "says nonsense" in outcome_of(child_running("print('{\"error\": 1}')")).error
    assert "says nonsense" in outcome_of(child_running('print(\'{"knowledge": {"items": 3}}\')')).error
    no_program = ChildReader(ScoreFeed(name="s", source="x"), CATALOGUE, command=("/nowhere/python",))
    assert "x: no process can be started to read it" in outcome_of(no_program).error


def test_a_parser_that_never_lets_go_of_the_interpreter_ends_at_the_deadline(tmp_path: Path) -> None:
    stuck = (
        "import sys, faulthandler, os; sys.stdin.buffer.read();"
        "faulthandler.dump_traceback_later(0.3, exit=True, file=open(os.devnull, 'w')); import re;"
        "re.match('(a+)+$', 'a' * 60 + 'b')"
    )
    began = time.monotonic()
    assert "ended with 1" in outcome_of(child_running(stuck)).error
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_reading_that_is_given_up_leaves_no_process_behind() -> None:
    reader = child_running("import time; time.sleep(60)")
    reader.begin()
    process = reader._process
    assert process is not None
    assert process.poll() is None
    reader.cancel()
    assert process.poll() is not None
    assert reader.result() is None


def test_a_process_is_not_told_the_settings_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL__ACCOUNTS__0__PASSWORD", "secret")
    code = "import os, json; print(json.dumps({'error': str([n for n in os.environ if n.startswith('WATCHBILL')])}))"
    assert outcome_of(child_running(code)).error == "[]"


def test_in_virtual_time_an_address_is_absent_and_a_broken_file_too(tmp_path: Path) -> None:
    address = RecordedReader(HeadlineFeed(name="wire", source="https://example.org/x"), CATALOGUE)
    assert "nobody knows what an address said then; expected a file" in outcome_of(address).error
    missing = RecordedReader(ScoreFeed(name="model", source=str(tmp_path / "x")), CATALOGUE)
    assert "there is no such file" in outcome_of(missing).error
    assert not missing.reads_again


def test_every_enabled_source_has_a_reader_of_the_kind_that_time_asks_for() -> None:
    feeds = Feeds(scores=(ScoreFeed(name="a", source="x"), ScoreFeed(name="b", source="y", enabled=False)))
    live, recorded = (readers_of(feeds, CATALOGUE, ["EURUSD"], recorded=recorded) for recorded in (False, True))
    assert {name: type(reader) for name, reader in live.items()} == {"a": ChildReader}
    assert {name: type(reader) for name, reader in recorded.items()} == {"a": RecordedReader}
