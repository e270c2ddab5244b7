"""A running `serve` with a console, and what is asked of it: by programs, by browsers, and by hand."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import DEADLINE_SECONDS, Program


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def code(self) -> str:
        """Of a problem."""
        return str(json.loads(self.body)["code"])

    @property
    def cookie(self) -> str:
        """What a browser would send back."""
        return self.headers["set-cookie"].partition(";")[0]


@dataclass(slots=True)
class Running:
    """A program with a console."""

    program: Program
    directory: Path
    port: int
    replies: list[Reply]

    @property
    def tokens(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.directory / "state" / "console-tokens.json").read_text())
        return found

    def ask(self, method: str, path: str, body: str = "", *, token: str | None = None, **headers: str) -> Reply:
        """One request. ``token``: the name of one; ``headers``: with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["authorization"] = f"Bearer {self.tokens[token]}"
        try:
            connection.request(method, path, body.encode() or None, given)
            heard = connection.getresponse()
            said = {name.lower(): value for name, value in heard.getheaders()}
            reply = Reply(heard.status, said, heard.read().decode())
        finally:
            connection.close()
        self.replies.append(reply)
        return reply

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def signed_in(self, token: str = "trade") -> str:
        """The cookie of a browser that has signed in."""
        reply = self.sign_in(self.tokens[token])
        assert (reply.status, reply.headers["location"]) == (303, "/")
        return reply.cookie

    def sign_in(self, shown: str, **headers: str) -> Reply:
        """What the form does."""
        form = {"content_type": "application/x-www-form-urlencoded", "origin": self.origin}
        return self.ask("POST", "/sign-in", f"token={shown}", **{**form, **headers})

    def raw(self, text: bytes) -> bytes:
        """What comes back for any bytes."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_SECONDS) as connection:
            found = b""
            with suppress(ConnectionError):
                connection.sendall(text)
                while part := connection.recv(65_536):
                    found += part
            return found


def made_certificate(directory: Path) -> Path:
    """A certificate for localhost, its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOT TESTED WITH TLS: there is no openssl to make certificates")
    file, key = directory / "console.pem", directory / "console.key"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    words += ["-keyout", str(key), "-out", str(file)]
    subprocess.run([openssl, *words], check=True, capture_output=True, timeout=DEADLINE_SECONDS)
    file.write_text(file.read_text() + key.read_text())
    return file
