"""What `doctor` and `gateway` say of a certificate that has run out, or is about to."""

from __future__ import annotations

import logging
import socket
from contextlib import closing
from pathlib import Path

import pytest
from made_certificates import UTC_TIME, at, certificate, pem

from console import arguments as commands
from console import gateway
from console.certificates import certificate_check, require_good
from console.configuration import load
from console.errors import CommandError
from console.output import Output
from trading.market import DAY

ENDS_AT = at(2030, 1, 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A certificate that is good until 2030."""
    made = tmp_path / "gateway.pem"
    made.write_text(pem(certificate(UTC_TIME, "300101000000Z")))
    return made


@pytest.fixture
def nowhere() -> tuple[str, int]:
    """An address at which nobody listens."""
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        host, port = unused.getsockname()
    return host, port


@pytest.mark.parametrize(
    ("days_left", "state", "said"),
    [
        (31, "ok", "is good until 2030-01-01 00:00 UTC, for 31 days"),
        (29, "warning", "is good until 2030-01-01 00:00 UTC, for 29 days"),
        (1, "warning", "for 1 day"),
        (0, "failed", "ran out on 2030-01-01 00:00 UTC"),
        (-400, "failed", "ran out on 2030-01-01 00:00 UTC"),
    ],
)
def test_doctor_says_in_time_that_a_certificate_runs_out(
    file: Path, nowhere: tuple[str, int], days_left: int, state: str, said: str
) -> None:
    check = certificate_check("alpha: certificate", file, nowhere, ENDS_AT - days_left * DAY)
    assert (check.state, check.saw.endswith(said)) == (state, True)
    assert ("make a new certificate" in check.advice) is (state != "ok")


def test_doctor_names_a_file_that_is_no_certificate(tmp_path: Path, nowhere: tuple[str, int]) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for wrong, said in ((empty, "holds no certificate"), (tmp_path / "none.pem", "cannot be read: No such file")):
        check = certificate_check("alpha: certificate", wrong, nowhere, ENDS_AT)
        assert check.state == "failed"
        assert f"{wrong} {said}" in check.saw


def test_a_gateway_warns_of_the_end_and_refuses_what_has_run_out(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    require_good(file, ENDS_AT - 31 * DAY)
    assert not caplog.text
    with caplog.at_level(logging.WARNING):
        require_good(file, ENDS_AT - 3 * DAY)
    assert "is good until 2030-01-01 00:00 UTC, for 3 days; afterwards no client believes it" in caplog.text
    with pytest.raises(CommandError, match="ran out on 2030-01-01 00:00 UTC; expected one that is still good"):
        require_good(file, ENDS_AT)


def test_the_command_does_not_start_with_a_certificate_that_has_run_out(tmp_path: Path) -> None:
    file = tmp_path / "gateway.pem"
    file.write_text(pem(certificate(UTC_TIME, "200101000000Z")))
    named = {
        "CONNECTOR": "mt5",
        "LOGIN": "1001",
        "SERVER": "Sim-Demo",
        "MT5__PACKAGE": "simulator",
        "MT5__TERMINAL": str(tmp_path / "alpha.json"),
    }
    environment = {f"WATCHBILL__ACCOUNTS__0__{name}": value for name, value in named.items()}
    environment["WATCHBILL__ACCOUNTS__1__ENABLED"] = "false"
    given = commands.Gateway(listen=("127.0.0.1", 0), certificate=file, key=tmp_path / "gateway.key")
    with pytest.raises(CommandError, match=r"gateway\.pem, which ran out on 2020-01-01"):
        gateway.run(given, load(None, environment), Output(as_json=False))
