"""What the doctor says of the console, and that it makes nothing there."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest
from made_certificates import certificate, pem

from console.check import Check
from console.configuration import load
from console.doctor_console import console_checks
from console.web.access_tokens import TokenFile
from console.web.address import Told


def seen(directory: Path, **settings: str) -> dict[str, Check]:
    url = f"sqlite:///{(directory / 'ledger.sqlite').as_posix()}"
    given = {"DATABASE_URL": url, "CONSOLE__PORT": "0", **settings}
    configuration = load(environment={f"WATCHBILL__{name}": value for name, value in given.items()})
    return {check.name: check for check in console_checks(configuration)}


def test_a_console_that_can_begin_is_in_order_and_nothing_is_made(tmp_path: Path) -> None:
    checks = seen(tmp_path)
    assert [check.state for check in checks.values()] == ["ok", "ok"]
    assert checks["console tokens"].saw.endswith("(to be made)")
    assert not list(tmp_path.iterdir())
    assert "console.enabled is false" in seen(tmp_path, CONSOLE__ENABLED="false")["console"].saw


def test_a_port_that_another_program_has_is_told(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        check = seen(tmp_path, CONSOLE__PORT=str(port))["console"]
        assert (check.state, f"127.0.0.1:{port} cannot be had" in check.saw) == ("warning", True)
        configuration = load(
            environment={"WATCHBILL__DATABASE_URL": f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"}
        )
        with closing(Told(configuration, f"http://127.0.0.1:{port}")) as told:
            told.keep(leads=True)
            check = seen(tmp_path, CONSOLE__PORT=str(port))["console"]
            assert (check.state, check.saw) == ("ok", f"process {os.getpid()} has it at http://127.0.0.1:{port}")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_tokens_that_others_may_read_are_told_and_left_so(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "console-tokens.json")
    file.current()
    assert seen(tmp_path)["console tokens"].saw.endswith("its owner's alone")
    file.path.chmod(0o640)
    check = seen(tmp_path)["console tokens"]
    assert (check.state, "mode 640" in check.saw) == ("warning", True)
    assert file.path.stat().st_mode & 0o777 == 0o640
    file.path.chmod(0o600)
    file.path.write_text("{}")
    assert seen(tmp_path)["console tokens"].state == "failed"


def test_a_certificate_that_cannot_be_shown_fails(tmp_path: Path) -> None:
    file = tmp_path / "console.pem"
    assert seen(tmp_path, CONSOLE__CERTIFICATE=str(file))["console certificate"].state == "failed"
    file.write_text(pem(certificate(0x17, "200101000000Z")))  # one without a key
    check = seen(tmp_path, CONSOLE__CERTIFICATE=str(file))["console certificate"]
    assert (check.state, "cannot be used" in check.saw) == ("failed", True)
    assert "console.certificate" in check.advice
