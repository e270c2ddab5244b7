"""TLS between a gateway and its clients: what is believed, and what somebody on the line can read."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from made_gateway import DEADLINE_SECONDS, SEND, MadeGateway, Raw, made_gateway

from connectors.base import ConnectorError
from connectors.mt5 import gateway as gateways
from connectors.mt5 import gateway_link, gateway_tls
from connectors.mt5.channel import AnswerLost, NotSent
from console.certificates import certificate_check
from trading.market import SECOND

SOON_SECONDS = 0.3


class Certificate(NamedTuple):
    """A certificate and its key, in files."""

    file: Path
    key: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    """Made out to this machine, made out to another, of nobody that is known, and one that an authority has signed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOT TESTED WITH TLS: there is no openssl to make certificates")
    directory = tmp_path_factory.mktemp("certificates")
    program: str = openssl

    def made(name: str, subject: str, *more: str) -> Certificate:
        made = Certificate(directory / f"{name}.pem", directory / f"{name}.key")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        subject_words = (
            ("-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}") if subject else ("-subj", "/CN=ca")
        )
        words = (
            program,
            "req",
            "-x509",
            *curve,
            *subject_words,
            *more,
            "-keyout",
            str(made.key),
            "-out",
            str(made.file),
        )
        subprocess.run(words, check=True, capture_output=True, timeout=DEADLINE_SECONDS)
        return made

    authority = made("authority", "", "-days", "400")
    return {
        "ours": made("ours", "IP:127.0.0.1"),
        "elsewhere": made("elsewhere", "DNS:cellar.example"),
        "strange": made("strange", "IP:127.0.0.1"),
        "authority": authority,
        "signed": made("signed", "IP:127.0.0.1", "-CA", str(authority.file), "-CAkey", str(authority.key)),
    }


@pytest.fixture
def made(certificates: dict[str, Certificate]) -> Iterator[MadeGateway]:
    with made_gateway(gateway_tls.gateway_context(*certificates["ours"])) as gateway:
        yield gateway


def test_a_call_goes_through_tls(made: MadeGateway, certificates: dict[str, Certificate]) -> None:
    made.workers["alpha"].answers["positions"] = "x" * 300_000  # more than one record of TLS
    with closing(made.channel(certificate=certificates["ours"].file)) as channel:
        for _ in range(3):
            channel.open(DEADLINE_SECONDS)
            assert channel.call("positions", {}, DEADLINE_SECONDS) == "x" * 300_000
        channel.call("send", SEND, DEADLINE_SECONDS)
    assert made.workers["alpha"].sent == [77]


def test_the_certificate_of_an_authority_stands_for_those_that_it_signed(certificates: dict[str, Certificate]) -> None:
    with made_gateway(gateway_tls.gateway_context(*certificates["signed"])) as made:
        for believed in ("authority", "signed"):
            with closing(made.channel(certificate=certificates[believed].file)) as channel:
                channel.open(DEADLINE_SECONDS)


@pytest.mark.parametrize(
    ("shown", "believed", "complaint"),
    [
        ("strange", "ours", "cannot be believed: self-signed certificate"),
        ("ours", "authority", "cannot be believed: self-signed certificate"),
        ("elsewhere", "elsewhere", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
def test_a_certificate_of_somebody_else_or_of_another_host_is_not_believed(
    certificates: dict[str, Certificate], shown: str, believed: str, complaint: str
) -> None:
    with made_gateway(gateway_tls.gateway_context(*certificates[shown])) as made:
        channel = made.channel(certificate=certificates[believed].file)
        with pytest.raises(NotSent, match=complaint):
            channel.open(DEADLINE_SECONDS)
        assert not channel.is_open
        assert made.workers["alpha"].opened == 0


def test_one_who_does_not_speak_tls_where_it_is_expected_is_not_greeted(
    made: MadeGateway, certificates: dict[str, Certificate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways, "GREETING_SECONDS", SOON_SECONDS)
    with pytest.raises(NotSent, match=r"did not greet as a gateway does: .* it may want TLS"):
        made.channel().open(DEADLINE_SECONDS)
    with made_gateway() as plain, pytest.raises(NotSent, match="does not speak TLS as expected"):
        plain.channel(certificate=certificates["ours"].file).open(DEADLINE_SECONDS)
    with closing(Raw(made.address)) as silent:
        assert silent.is_cut()


def test_who_listens_reads_nothing(made: MadeGateway, certificates: dict[str, Certificate]) -> None:
    heard = bytearray()

    def listen_in(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(made.address) as gateway:
            passing = [
                threading.Thread(target=pass_on, args=ends, daemon=True)
                for ends in ((client, gateway), (gateway, client))
            ]
            for thread in passing:
                thread.start()
            for thread in passing:
                thread.join(DEADLINE_SECONDS)

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # one of the ends may have hung up already
            while chunk := source.recv(65_536):
                heard.extend(chunk)
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listening = threading.Thread(target=listen_in, args=(listener,))
        listening.start()
        with closing(made.channel(certificate=certificates["ours"].file, address=listener.getsockname())) as channel:
            channel.open(DEADLINE_SECONDS)
            channel.call("send", SEND, DEADLINE_SECONDS)
        listening.join(DEADLINE_SECONDS)
    assert made.workers["alpha"].sent == [77]
    assert len(heard) > 1_000
    for word in (b"EURUSD", b"challenge", b"send", b"1001"):
        assert word not in heard


def test_a_gateway_that_stops_is_noticed_before_anything_is_sent(certificates: dict[str, Certificate]) -> None:
    with made_gateway(gateway_tls.gateway_context(*certificates["ours"])) as made:
        channel = made.channel(certificate=certificates["ours"].file)
        channel.open(DEADLINE_SECONDS)
    with pytest.raises(NotSent):
        channel.call("send", SEND, DEADLINE_SECONDS)
    assert not channel.is_open
    channel.close()


def test_deadlines_hold_through_tls(made: MadeGateway, certificates: dict[str, Certificate]) -> None:
    with closing(made.channel(certificate=certificates["ours"].file)) as channel:
        channel.open(DEADLINE_SECONDS)
        made.workers["alpha"].go_on.clear()
        began = time.monotonic()
        with pytest.raises(AnswerLost):
            channel.call("send", SEND, SOON_SECONDS)
        assert time.monotonic() - began < DEADLINE_SECONDS / 2
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NotSent):
        made.channel(certificate=certificates["ours"].file, address=silent.getsockname()).open(SOON_SECONDS)


def test_a_certificate_that_runs_out_soon_is_told_of_at_every_connection(
    made: MadeGateway,
    certificates: dict[str, Certificate],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with closing(made.channel(certificate=certificates["ours"].file)) as channel:
        channel.open(DEADLINE_SECONDS)
        assert re.search(r"gateway 127\.0\.0\.1:\d+: its certificate runs out on .* GMT, in 2 days", caplog.text)
        caplog.clear()
        monkeypatch.setattr(gateway_link, "WARNING_DAYS", 1)
        channel.close()
        channel.open(DEADLINE_SECONDS)
        assert "runs out" not in caplog.text


def test_doctor_looks_at_what_the_gateway_shows_and_not_only_at_the_authority_in_the_file(
    certificates: dict[str, Certificate],
) -> None:
    now, name = round(time.time()) * SECOND, "alpha: certificate"
    with made_gateway(gateway_tls.gateway_context(*certificates["signed"])) as made:
        check = certificate_check(name, certificates["authority"].file, made.address, now)
        assert (check.state, check.saw.startswith("what the gateway shows is good until")) == ("warning", True)
    lasting = certificate_check(name, certificates["authority"].file, made.address, now)
    assert lasting.state == "ok", "what nobody shows is for the check of the worker to say"


# ------------------------------------------------------------ files and addresses


def test_files_that_are_no_certificate_are_named(tmp_path: Path, certificates: dict[str, Certificate]) -> None:
    ours, empty = certificates["ours"], tmp_path / "empty.pem"
    empty.write_text("")
    for file, key, complaint in (
        (tmp_path / "none.pem", ours.key, r"none\.pem cannot be read: No such file"),
        (ours.file, empty, r"empty\.pem cannot be used"),
        (ours.file, certificates["strange"].key, r"strange\.key cannot be used"),
    ):
        with pytest.raises(ConnectorError, match=complaint):
            gateway_tls.gateway_context(file, key)
    for file, complaint in ((empty, r"empty\.pem cannot be used"), (tmp_path / "none.pem", "No such file")):
        with pytest.raises(ConnectorError, match=complaint):
            gateway_tls.client_context(file)


def test_a_key_with_a_password_is_refused_and_not_asked_for(
    tmp_path: Path, certificates: dict[str, Certificate]
) -> None:
    locked = tmp_path / "locked.key"
    words = (
        "openssl",
        "ec",
        "-in",
        str(certificates["ours"].key),
        "-aes256",
        "-passout",
        "pass:x",
        "-out",
        str(locked),
    )
    subprocess.run(words, check=True, capture_output=True, timeout=DEADLINE_SECONDS)
    with pytest.raises(ConnectorError, match=r"locked\.key cannot be used"):
        gateway_tls.gateway_context(certificates["ours"].file, locked)


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]")],
        *[(host, False) for host in ("0.0.0.0", "::", "192.0.2.1", "fe80::1")],
    ],
)
def test_only_the_loopback_is_out_of_others_reach(host: str, is_own: bool) -> None:
    assert gateway_tls.is_loopback(host) is is_own


def test_without_a_certificate_a_client_says_nothing_to_another_machine(made: MadeGateway) -> None:
    own = address_of_this_machine()
    with socket.create_server((own, 0)) as listener:
        with pytest.raises(NotSent, match=r"is on another machine .* expected mt5\.gateway_certificate"):
            made.channel(address=(own, listener.getsockname()[1])).open(DEADLINE_SECONDS)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b""


def address_of_this_machine() -> str:
    """One that is not the loopback's. Nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("NOT TESTED: this machine has no address but the loopback's")
        return str(probe.getsockname()[0])


def test_no_older_tls_is_spoken(made: MadeGateway, certificates: dict[str, Certificate]) -> None:
    context = ssl.create_default_context(cafile=str(certificates["ours"].file))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(made.address, DEADLINE_SECONDS) as connection,
        pytest.raises(OSError, match=r"SSL|reset"),
    ):
        context.wrap_socket(connection, server_hostname="127.0.0.1")
