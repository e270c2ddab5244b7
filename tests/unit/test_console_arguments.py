"""The command line says what was understood, or which word was not."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from console.arguments import (
    Arguments,
    Broker,
    Calendar,
    Doctor,
    Gateway,
    Init,
    Replay,
    Serve,
    Status,
    Terminal,
    Trades,
    Why,
)
from console.command_line import parse
from console.errors import CommandError
from console.file_names import named_commodity
from feeds.catalogue import read_catalogue
from trading.market import HOUR, iso
from trading.trade import TradeState

KNOWN = {name: read_catalogue()[name] for name in ("GBPUSD", "EURUSD", "BITCOIN", "WTI_CRUDE", "SILVER", "CORN")}


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said on standard error; the exit code must be 2."""
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


@pytest.mark.parametrize("words", [[], ["serve"]])
def test_no_command_means_serve(words: list[str]) -> None:
    assert parse(words) == Serve()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--speed", "60", "--fresh"], Serve(speed=60, fresh=True)),
        (["--json", "--no-view"], Serve(json=True, view=False)),
        (["--config", "serve", "--seed", "7"], Serve(config=Path("serve"), seed=7)),
    ],
)
def test_the_options_of_serve_can_be_given_without_its_name(words: list[str], expected: Serve) -> None:
    assert parse(words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "--config", "a.toml", "--log-json", "status"],
        ["status", "--json", "--config=a.toml", "--log-json"],
        ["--config=a.toml", "--json", "status", "--log-json"],
    ],
)
def test_common_options_stand_before_or_after_the_command(words: list[str]) -> None:
    assert parse(words) == Status(config=Path("a.toml"), json=True, log_json=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["broker"], Broker()),
        (["broker", "--port", "0", "--lose-replies", "0.05"], Broker(port=0, lose_replies=0.05)),
        (["broker", "--delay-seconds", "2", "--fresh"], Broker(delay_seconds=2, fresh=True)),
        (["gateway"], Gateway()),
        (["gateway", "--listen", "[::1]:0", "--certificate", "c"], Gateway(listen=("[::1]", 0), certificate=Path("c"))),
        (["terminal", "--zone", "+2", "--faults", "0.5"], Terminal(zone="+2", faults=0.5)),
        (["replay", "--sample"], Replay()),
        (["replay", "--data", "bars.csv", "--threads"], Replay(data=("bars.csv",), threads=True)),
        (["replay", "--sample", "--ledger", "kept.sqlite"], Replay(ledger=Path("kept.sqlite"))),
        (["replay", "--data", "x", "--commodity", "gbpusd"], Replay(data=("x",), commodity="GBPUSD")),
        (
            ["replay", "--data", "a=x", "--data", "y", "--set", "crew=b", "--set", "risk.x=1", "--spread", "12"],
            Replay(data=("a=x", "y"), given=("crew=b", "risk.x=1"), spreads=("12",)),
        ),
        (["trades", "--state", "OPEN", "--limit", "3"], Trades(state=TradeState.OPEN, limit=3)),
        (["trades", "--platform", "alpha", "--commodity", "eurusd"], Trades(platform="alpha", commodity="eurusd")),
        (["why", "eurusd", "--last", "2"], Why(commodity="eurusd", last=2)),
        (["why"], Why()),
        (["why", "--at", "1970-01-01T00:01"], Why(at=60_000)),
        (["calendar", "gold"], Calendar(commodity="gold")),
        (["calendar", "gold", "--at", "2026-03-09"], Calendar(commodity="gold", at=date(2026, 3, 9))),
        (["calendar", "gold", "--at", "1970-01-01T00:00:01Z"], Calendar(commodity="gold", at=1_000)),
        (["calendar", "gold", "--account", "alpha"], Calendar(commodity="gold", account="alpha")),
        (["init", "--force"], Init(force=True)),
        (["doctor"], Doctor()),
    ],
)
def test_each_command_becomes_its_own_value(words: list[str], expected: Arguments) -> None:
    assert parse(words) == expected


def test_a_date_is_its_midnight_in_utc_and_a_time_may_have_a_zone() -> None:
    replay = parse(["replay", "--sample", "--from", "2017-06-01", "--to", "2017-06-01T03:00+02:00"])
    assert isinstance(replay, Replay)
    assert replay.start is not None
    assert replay.end is not None
    assert iso(replay.start) == "2017-06-01T00:00:00Z"
    assert replay.end - replay.start == HOUR


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stauts"], "there is no command 'stauts'; did you mean status?"),
        (["xyzzy"], "there is no command 'xyzzy'; expected one of serve, broker, gateway"),
        (["replay"], "one of the arguments --sample --data is required"),
        (["replay", "--sample", "--data", "x"], "not allowed with argument --sample"),
        (["replay", "--sample", "--from", "June"], "it is 'June'; expected a date such as 2017-06-01"),
        (
            ["replay", "--sample", "--from", "2018-01-01", "--to", "2017-01-01"],
            "--from is 2018-01-01T00:00:00Z; expected an instant before --to, which is 2017-01-01T00:00:00Z",
        ),
        (["broker", "--port", "65536"], "argument --port: it is '65536'; expected a whole number from 0 to 65535"),
        (["gateway", "--listen", "7090"], "argument --listen: it is '7090'; expected a host and a port, such as"),
        (["gateway", "--listen", "host:99999"], "it is '99999'; expected a whole number from 0 to 65535"),
        (["terminal", "--zone", "mars"], "zone is 'mars'; expected new-york, europe, or hours"),
        (["terminal", "--faults", "-1"], "argument --faults: it is '-1'; expected a number from 0 to 10"),
        (["broker", "--lose-replies", "5"], "argument --lose-replies: it is '5'; expected a number from 0 to 1"),
        (["broker", "--delay-seconds", "nan"], "it is 'nan'; expected seconds from 0 to 3600"),
        (["serve", "--speed", "0"], "argument --speed: it is '0'; expected a number greater than 0"),
        (["serve", "--speed", "inf"], "it is 'inf'; expected a number greater than 0"),
        (["serve", "--speed", "fast"], "it is 'fast'; expected a number"),
        (["trades", "--limit", "0"], "it is '0'; expected a whole number of at least 1"),
        (["trades", "--limit", "1.5"], "it is '1.5'; expected a whole number"),
        (["trades", "--state", "opne"], "there is no state 'opne'; did you mean open?"),
        (
            ["adopt", "alpha", "5", "--stop-price", "1", "--strategy", "bogus"],
            "there is no strategy 'bogus'; expected one of",
        ),
        (["adopt", "alpha", "5", "--stop-price", "1", "--strategy", "swong"], "did you mean swing?"),
        (["why", "--last", "-1"], "it is '-1'; expected a whole number of at least 1"),
        (["--config"], "argument --config: expected one argument"),
        (["serve", "--sped", "3"], "unrecognized arguments: --sped"),
    ],
)
def test_what_cannot_be_understood_is_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in refusal(capsys, *words)


@pytest.mark.parametrize("words", [["--help"], ["replay", "-h"], ["--version"]])
def test_help_and_version_are_no_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "commodity"),
    [
        ("eurusd_h1.csv", "EURUSD"),
        ("EUR-USD.csv", "EURUSD"),
        ("bitcoin2020.parquet", "BITCOIN"),
        ("wti_crude.csv", "WTI_CRUDE"),
        ("XAGUSD_H1_export.parquet", "SILVER"),
        ("silver-5m.csv", "SILVER"),
        ("wti60.csv", "WTI_CRUDE"),
        ("usoil_M15.csv", "WTI_CRUDE"),
        ("corn2020.csv", "CORN"),
        ("popcorn.csv", None),
        ("cl.csv", None),
        ("bars.csv", None),
        ("mine.csv", None),
        ("download.csv", None),
        ("golden_hours.csv", None),
    ],
)
def test_a_commodity_is_told_by_the_name_of_its_file(file: str, commodity: str | None) -> None:
    assert named_commodity(Path("GBPUSD") / file, KNOWN) == commodity


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("XAUUSD_H1.csv", "XAUUSD"),
        ("usdrub.parquet", "USDRUB"),
        ("eur-gbp 2020.csv", "EURGBP"),
        ("EURGBPm60.csv", "EURGBP"),
        ("gold.csv", "GOLD"),
        ("my_brent_h1.csv", "BRENT"),
        ("US500.csv", "US500"),
    ],
)
def test_a_file_named_after_an_unknown_instrument_is_refused(file: str, named: str) -> None:
    expected = f"{file} names {named}, which is not a commodity of the catalogue; give --commodity"
    with pytest.raises(CommandError, match=expected):
        named_commodity(Path(file), KNOWN)


@pytest.mark.parametrize("words", [["--json", "stauts"], ["trades", "--limit", "0", "--json"]])
def test_with_json_a_wrong_command_line_is_the_one_object(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(words)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert json.loads(output.out)["error"] in output.err
    assert "usage:" in output.err
