"""Until when a certificate is good, read from the file itself."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_certificates import GENERALIZED_TIME, UTC_TIME, at, certificate, pem

from connectors.base import ConnectorError
from connectors.mt5.certificate_dates import earliest_end, end_of


@pytest.mark.parametrize(
    ("tag", "last", "expected"),
    [
        (UTC_TIME, "491231235959Z", (2049, 12, 31, 23, 59, 59)),
        (UTC_TIME, "500101000000Z", (1950, 1, 1)),
        (GENERALIZED_TIME, "20810629073000Z", (2081, 6, 29, 7, 30)),
    ],
)
def test_the_end_is_read_in_either_form_with_and_without_a_version(
    tag: int, last: str, expected: tuple[int, ...]
) -> None:
    assert end_of(certificate(tag, last)) == end_of(certificate(tag, last, version=b"")) == at(*expected)


def test_of_several_in_a_file_the_first_to_run_out_counts(tmp_path: Path) -> None:
    file = tmp_path / "chain.pem"
    later, sooner = (pem(certificate(UTC_TIME, last)) for last in ("300101000000Z", "270101000000Z"))
    file.write_text(f"written by hand\n{later}{sooner}")
    assert earliest_end(file) == at(2027, 1, 1)
    file.write_text("none at all")
    assert earliest_end(file) is None


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    file = tmp_path / "gateway.pem"
    with pytest.raises(ConnectorError, match=r"gateway\.pem cannot be read: No such file"):
        earliest_end(file)
    for wrong in (b"", b"0" * 9, certificate(0x04, "270101000000Z"), certificate(UTC_TIME, "soon")):
        file.write_text(pem(wrong))
        with pytest.raises(ConnectorError, match=r"gateway\.pem has a certificate that cannot be read"):
            earliest_end(file)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_nothing_but_a_value_error_comes_of_damage(damage: bytes, place: int) -> None:
    whole = certificate(UTC_TIME, "300101000000Z")
    for broken in (damage, whole[:place], whole[:place] + damage + whole[place + len(damage) :]):
        with suppress(ValueError):
            assert isinstance(end_of(broken), int)
