"""Bytes from a file or over HTTP, with a limit on everything: how many, how long, how far they lead elsewhere.

A socket's time limit is for one step only, so a server that sends a byte now and then would hold us for ever. The limit
for the whole is looked at between the steps here; that it also holds where a single step hangs, such as the look-up of
a name, is for whoever runs this in a process that can be killed (`reading.py`).
"""

from __future__ import annotations

import http.client
import io
import os
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO

from feeds.errors import FeedError
from trading.settings_feeds import SCHEMES, is_address

LARGEST_BYTES = 16 << 20  # packed or unpacked
STEP_SECONDS = 10.0
CHUNK_BYTES = 1 << 16
MOST_REDIRECTS = 5
MOST_MEMBERS = 50  # of a zip
AGENT = "watchbill"
ZIP_BEGINS = b"PK\x03\x04"
GZIP_WINDOW_BITS = 31  # of zlib: 15, and 16 more for the header of gzip


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a source is known to be unchanged: a file's time and size, or what the server says of its version."""

    tag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source holds."""

    data: bytes
    media_type: str  # as the server says; empty for a file
    stamp: Stamp


def fetch(location: str, deadline: float, known: Stamp | None = None) -> Fetched | None:
    """What is there; None when it is still what ``known`` is the stamp of.

    ``deadline``: on ``time.monotonic``. Raises `FeedError`, which names the location and what is wrong with it.
    """
    try:
        return _over_network(location, deadline, known) if is_address(location) else _from_file(location, known)
    except FeedError:
        raise
    except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise FeedError(f"{location}: {type(error).__name__}: {reason}") from error


def texts_in(location: str, data: bytes) -> list[bytes]:
    """The files of text in a zip, or ``data`` itself where it is none. Raises `FeedError`."""
    if not data.startswith(ZIP_BEGINS):
        return [data]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > MOST_MEMBERS:
                raise FeedError(f"{location}: {len(members)} files in the zip; expected at most {MOST_MEMBERS}")
            return _unpacked(location, archive, members)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, FeedError):
            raise
        raise FeedError(f"{location}: the zip cannot be read: {error}") from error


def _unpacked(location: str, archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> list[bytes]:
    texts, left = [], LARGEST_BYTES
    for member in members:
        with archive.open(member) as file:  # what it says of its own size is not trusted
            text = file.read(left + 1)
        left -= len(text)
        if left < 0:
            raise FeedError(f"{location}: more than {LARGEST_BYTES} bytes are in the zip")
        texts.append(text)
    return texts


def _from_file(location: str, known: Stamp | None) -> Fetched | None:
    path = Path(location)
    if not path.exists():
        raise FeedError(f"{location}: there is no such file")
    if not path.is_file():
        raise FeedError(f"{location}: is not a file")
    with path.open("rb") as file:
        state = os.fstat(file.fileno())  # of what is being read, whatever takes its place meanwhile
        stamp = Stamp(f"{state.st_mtime_ns}-{state.st_size}-{state.st_ino}")
        if stamp == known:
            return None
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise FeedError(f"{location}: larger than {LARGEST_BYTES} bytes")
    return Fetched(data, "", stamp)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows few, to the same kinds of addresses, and never from https to http."""

    max_redirections = MOST_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        scheme = newurl.partition("://")[0].lower()
        if scheme not in SCHEMES or (req.type == "https" and scheme != "https"):
            fp.close()
            raise FeedError(f"{req.full_url}: leads to {newurl[:200]}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # an HTTPMessage


def _over_network(location: str, deadline: float, known: Stamp | None) -> Fetched | None:
    headers = {"User-Agent": AGENT, "Accept-Encoding": "gzip"}
    if known is not None and known.tag:
        headers["If-None-Match"] = known.tag
    if known is not None and known.modified:
        headers["If-Modified-Since"] = known.modified
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(location, headers=headers)
    try:
        answer = opener.open(request, timeout=min(STEP_SECONDS, _left(location, deadline)))
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.HTTPStatus.NOT_MODIFIED and known is not None:
                return None
            said = str(error.reason).partition("\n")[0][:200]  # urllib writes three lines about a circle of redirects
            raise FeedError(f"{location}: the server answers {error.code} {said}") from error
    with answer:
        read = _unpacking(location, answer)
        data = _bounded(location, read, deadline)
        if answer.length:
            raise FeedError(f"{location}: the answer ends {answer.length} bytes too early")
        stamp = Stamp(answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))
        return Fetched(data, answer.headers.get("Content-Type", ""), stamp)


def _unpacking(location: str, answer: http.client.HTTPResponse) -> Callable[[], bytes]:
    """What reads the next bytes of the answer, unpacked where they are packed; empty at the end."""
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return lambda: answer.read1(CHUNK_BYTES)
    if encoding not in ("gzip", "x-gzip"):
        raise FeedError(f"{location}: the answer is packed as {encoding[:40]!r}; expected gzip")
    unpacker = zlib.decompressobj(GZIP_WINDOW_BITS)
    packed = bytearray()

    def read() -> bytes:
        """A bomb unpacks to no more than a chunk at a time, so that the limit on the whole can stop it."""
        while not unpacker.eof:
            fresh = b"" if packed else answer.read1(CHUNK_BYTES)
            packed.extend(fresh)
            text = unpacker.decompress(bytes(packed), CHUNK_BYTES)
            packed[:] = unpacker.unconsumed_tail
            if text:
                return text
            if not fresh and not packed:
                raise FeedError(f"{location}: the packed answer ends in the middle")
        return b""

    return read


def _bounded(location: str, read: Callable[[], bytes], deadline: float) -> bytes:
    data = bytearray()
    while chunk := read():
        data += chunk
        if len(data) > LARGEST_BYTES:
            raise FeedError(f"{location}: more than {LARGEST_BYTES} bytes")
        _left(location, deadline)
    return bytes(data)


def _left(location: str, deadline: float) -> float:
    """The seconds that are left. Raises `FeedError` where none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise FeedError(f"{location}: the time is up, and the answer is not all there")
    return left
