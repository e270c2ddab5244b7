"""The commands `tokens` and `sign-in`: they show no token, and what they make is good."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

import run
from console.web.access_tokens import AccessTokens, TokenFile
from console.web.callers import Access
from console.web.sealed import Purpose, opened


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tokens(place: Path) -> AccessTokens:
    return TokenFile(place / "state" / "console-tokens.json").current()


def test_tokens_says_where_they_are_and_shows_none(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["tokens"]) == 0
    said = capsys.readouterr()
    assert "console-tokens.json" in said.out
    assert not any(secret in said.out + said.err for secret in tokens(place).secrets)


@pytest.mark.parametrize(
    ("which", "changed"),
    [("read", {"read"}), ("trade", {"trade"}), ("signal", {"signal"}), ("all", {"read", "trade", "signal", "cookies"})],
)
def test_rotate_makes_what_was_named_anew(
    place: Path, which: str, changed: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run.main(["tokens"])
    before = tokens(place)
    capsys.readouterr()
    assert run.main(["tokens", "--rotate", which, "--json"]) == 0
    said = capsys.readouterr()
    assert set(json.loads(said.out)["rotated"]) == changed
    after = tokens(place)
    names = ("read", "trade", "signal", "cookies")
    assert {name for name in names if getattr(before, name) != getattr(after, name)} == changed
    assert not any(secret in said.out + said.err for secret in (*before.secrets, *after.secrets))


@pytest.mark.parametrize(("more", "access"), [([], Access.TRADE), (["--read"], Access.READ)])
def test_the_link_has_a_code_for_a_minute_in_one_line(
    place: Path, more: list[str], access: Access, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run.main(["sign-in", *more]) == 0
    said = capsys.readouterr()
    link = said.out.strip()
    page, _, code = link.partition("#code=")
    assert page == "http://127.0.0.1:8787/sign-in"
    assert "no console runs here now" in said.err
    now = time.time()
    sealed = opened(code, tokens(place), Purpose.CODE, now)
    assert sealed is not None
    assert sealed.access is access
    assert opened(code, tokens(place), Purpose.CODE, now + 61) is None
    assert not any(secret in said.out for secret in tokens(place).secrets)


def test_where_only_a_console_that_runs_could_say_its_port_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WATCHBILL__CONSOLE__PORT", "0")
    assert run.main(["sign-in"]) == 2
    assert "start run.py serve first" in " ".join(capsys.readouterr().err.split())


def test_tokens_that_cannot_be_used_are_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "state").mkdir()
    (place / "state" / "console-tokens.json").write_text("[]")
    for words in (["tokens"], ["tokens", "--rotate", "all"], ["sign-in"]):
        assert run.main(words) == 2
        assert "delete it" in " ".join(capsys.readouterr().err.split())
