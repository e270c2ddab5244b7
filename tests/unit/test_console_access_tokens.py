"""The file of the console's tokens, and what is sealed with it: cookies and one-time codes."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import threading
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import logs
from console.web import own_secret
from console.web.access_tokens import COOKIES, TokenFile
from console.web.callers import Access
from console.web.own_secret import SecretUnusable
from console.web.sealed import Purpose, opened, seal

NOW = 1_800_000_000.0
LATER = int(NOW) + 60

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "state" / "console-tokens.json")


def test_the_file_is_made_at_the_first_look_with_four_different_secrets(tokens: TokenFile) -> None:
    made = tokens.current()
    assert len(set(made.secrets)) == 4
    assert all(len(secret) > 43 for secret in made.secrets)
    assert TokenFile(tokens.path).current() == made
    assert sorted(tokens.path.parent.iterdir()) == [tokens.path]


@posix_only
def test_it_is_its_owners_alone(tokens: TokenFile) -> None:
    tokens.current()
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    tokens.rotate([Access.READ])
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600


@posix_only
def test_a_file_that_others_may_read_is_made_its_owners_alone_with_a_warning(
    tokens: TokenFile, caplog: pytest.LogCaptureFixture
) -> None:
    made = tokens.current()
    tokens.path.chmod(0o644)
    assert tokens.current() == made
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    assert "could be read by others (mode 644)" in caplog.text
    assert "--rotate all" in caplog.text


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root acts for others")
def test_what_root_makes_in_the_folder_of_a_services_user_is_that_users(tokens: TokenFile) -> None:
    tokens.path.parent.mkdir()
    os.chown(tokens.path.parent, 10_001, -1)
    made = tokens.current()
    assert tokens.path.stat().st_uid == 10_001
    assert tokens.rotate([Access.TRADE]).read == made.read
    assert tokens.path.stat().st_uid == 10_001
    os.chown(tokens.path, 10_002, -1)
    with pytest.raises(SecretUnusable, match="belongs to user 10002"):
        tokens.current()


@posix_only
def test_no_link_is_followed_and_nothing_but_a_plain_file_is_read(tokens: TokenFile, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    TokenFile(other).current()
    tokens.path.parent.mkdir()
    tokens.path.symlink_to(other)
    with pytest.raises(SecretUnusable, match="expected a file of this user"):
        tokens.current()
    tokens.path.unlink()
    os.mkfifo(tokens.path)
    with pytest.raises(SecretUnusable, match="no plain file"):
        tokens.current()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trade": ""}, "trade is no token of 40 characters"),
        ({"trade": "short"}, "trade is no token of 40 characters"),
        ({"read": 7}, "read is no token"),
        ({"read": "x" * 43, "trade": "x" * 43}, "two of its tokens are the same"),
        ({"more": "x"}, "something else than the tokens"),
        ({"spent": []}, "spent is not as it was written"),
    ],
)
def test_a_file_that_somebody_changed_lets_nobody_in(tokens: TokenFile, change: dict[str, object], said: str) -> None:
    tokens.current()
    content = json.loads(tokens.path.read_text())
    tokens.path.write_text(json.dumps({**content, **change}))
    with pytest.raises(SecretUnusable, match=said):
        tokens.access_of("short")
    tokens.path.write_text("{")
    with pytest.raises(SecretUnusable, match="delete it"):
        tokens.current()


def test_only_what_is_named_is_made_anew(tokens: TokenFile) -> None:
    before = tokens.current()
    after = tokens.rotate([Access.TRADE])
    assert after.trade != before.trade
    assert (after.read, after.signal, after.cookies) == (before.read, before.signal, before.cookies)
    assert tokens.access_of(before.trade) is None
    assert tokens.access_of(after.trade) is Access.TRADE


def test_processes_that_change_it_at_once_lose_nothing(tokens: TokenFile) -> None:
    tokens.current()
    threads = [
        threading.Thread(target=TokenFile(tokens.path).spend, args=(f"code:{number}", NOW * 2)) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(tokens.current().spent) == {f"code:{number}" for number in range(8)}


def test_one_who_was_killed_while_writing_holds_up_nobody_for_ever(tokens: TokenFile) -> None:
    made = tokens.current()
    tokens.path.with_name("console-tokens.json.new").touch()
    own_secret.change(tokens.path, lambda content: {**content, "spent": {"a": 1.0}}, wait_seconds=0.05)
    assert tokens.current().spent == {"a": 1.0}
    assert tokens.current().trade == made.trade


def test_what_is_spent_is_spent_once_and_forgotten_in_the_end(tokens: TokenFile) -> None:
    assert tokens.spend("code:a", NOW * 2)
    assert not tokens.spend("code:a", NOW * 2)
    assert tokens.spend("code:b", 1.0)  # long ago
    assert tokens.spend("code:c", NOW * 2)
    assert set(tokens.current().spent) == {"code:a", "code:c"}


def test_no_token_is_seen_in_the_log(tokens: TokenFile) -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.LineFormatter(logs.Redactor(())))  # set up before the tokens were made
    made = tokens.current()
    record = logging.LogRecord("a", logging.INFO, "", 0, " ".join(made.secrets), (), None)
    handler.emit(record)
    assert not any(secret in stream.getvalue() for secret in made.secrets)
    assert stream.getvalue().count(logs.HIDDEN) == 4


# ---------------------------------------------------------------- sealed


def test_what_was_sealed_is_known_again_until_it_ends(tokens: TokenFile) -> None:
    text = seal(tokens.current(), Purpose.COOKIE, Access.READ, LATER)
    found = opened(text, tokens.current(), Purpose.COOKIE, NOW)
    assert found is not None
    assert (found.access, found.ends_at) == (Access.READ, LATER)
    assert opened(text, tokens.current(), Purpose.COOKIE, LATER) is None
    assert opened(text, tokens.current(), Purpose.CODE, NOW) is None  # a cookie is no code
    tokens.spend(found.once, NOW * 2)
    assert opened(text, tokens.current(), Purpose.COOKIE, NOW) is None


@pytest.mark.parametrize(("rotated", "is_good"), [(Access.TRADE, False), (COOKIES, False), (Access.READ, True)])
def test_it_ends_with_the_token_that_it_stands_for(tokens: TokenFile, rotated: str, is_good: bool) -> None:
    text = seal(tokens.current(), Purpose.COOKIE, Access.TRADE, LATER)
    after = tokens.rotate([rotated])
    assert (opened(text, after, Purpose.COOKIE, NOW) is not None) is is_good


@given(place=st.integers(0, 120), sign=st.characters(codec="ascii"), text=st.text(max_size=300))
def test_nothing_that_was_changed_or_made_up_is_believed(
    tmp_path_factory: pytest.TempPathFactory, place: int, sign: str, text: str
) -> None:
    tokens = TokenFile(tmp_path_factory.getbasetemp() / "sealing.json").current()
    good = seal(tokens, Purpose.COOKIE, Access.READ, LATER)
    changed = good[:place] + sign + good[place + 1 :]
    if changed != good:
        assert opened(changed, tokens, Purpose.COOKIE, NOW) is None
    assert opened(text, tokens, Purpose.COOKIE, NOW) is None
    assert opened(good.replace("read.", "trade.", 1), tokens, Purpose.COOKIE, NOW) is None
