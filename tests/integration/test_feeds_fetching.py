"""Fetching from real servers and files: everything has an end, and what is wrong is said."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_servers import TEXT, dripping_server, silent_server, web_server

from feeds.errors import FeedError
from feeds.fetching import LARGEST_BYTES, Fetched, fetch

SECONDS = 10.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with web_server() as address:
        yield address


def fetched(location: str, seconds: float = SECONDS) -> Fetched:
    found = fetch(location, time.monotonic() + seconds)
    assert found is not None
    return found


@pytest.mark.parametrize("path", ["/text", "/gzip", "/moved"])
def test_what_is_there_is_fetched_packed_or_moved(server: str, path: str) -> None:
    assert fetched(server + path).data == TEXT


def test_the_media_type_is_told_for_the_charset_in_it(server: str) -> None:
    assert fetched(server + "/text").media_type == "text/xml; charset=utf-8"


def test_what_the_server_says_is_unchanged_is_not_fetched_again(server: str) -> None:
    first = fetched(server + "/tagged")
    assert fetch(server + "/tagged", time.monotonic() + SECONDS, first.stamp) is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/bomb", f"more than {LARGEST_BYTES} bytes"),
        ("/half-gzip", "the packed answer ends in the middle"),
        ("/brotli", "the answer is packed as 'br'; expected gzip"),
        ("/round", "302"),
        ("/to-a-file", "file:///etc/passwd"),
        ("/to-ftp", "leads to ftp://127.0.0.1/x, which is not followed"),
        ("/short", "the answer ends 100 bytes too early"),
        ("/broken", "the server answers 503"),
        ("/nowhere", "the server answers 404"),
    ],
)
def test_what_cannot_be_had_is_an_error_that_names_the_address(server: str, path: str, said: str) -> None:
    with pytest.raises(FeedError) as caught:
        fetched(server + path)
    assert said in str(caught.value)
    assert server in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nobody_listening_and_no_such_name_are_errors() -> None:
    with pytest.raises(FeedError, match=r"http://127\.0\.0\.1:1/"):
        fetched("http://127.0.0.1:1/")
    with pytest.raises(FeedError, match=r"no-such-host\.invalid"):
        fetched("http://no-such-host.invalid/")


def test_a_server_that_never_answers_costs_no_more_than_the_time_that_was_given() -> None:
    with silent_server() as address:
        began = time.monotonic()
        with pytest.raises(FeedError, match="timed out"):
            fetched(address, seconds=0.3)
        assert time.monotonic() - began < SECONDS


def test_a_body_that_drips_is_given_up_when_the_time_is_over() -> None:
    with dripping_server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") as address:
        began = time.monotonic()
        with pytest.raises(FeedError, match="the time is up, and the answer is not all there"):
            fetched(address, seconds=0.3)
        assert time.monotonic() - began < SECONDS


def test_a_file_is_read_and_known_to_be_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "news.xml"
    file.write_bytes(TEXT)
    first = fetched(str(file))
    assert first.data == TEXT
    assert fetch(str(file), time.monotonic() + SECONDS, first.stamp) is None
    new = tmp_path / "new"
    new.write_bytes(TEXT.replace(b"x", b"y"))
    new.replace(file)
    assert fetch(str(file), time.monotonic() + SECONDS, first.stamp) is not None


def test_what_is_no_file_or_too_large_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="there is no such file"):
        fetched(str(tmp_path / "nothing"))
    with pytest.raises(FeedError, match="is not a file"):
        fetched(str(tmp_path))
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(FeedError, match="larger than"):
        fetched(str(large))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FeedError, match="is not a file"):
        fetched(str(pipe))
