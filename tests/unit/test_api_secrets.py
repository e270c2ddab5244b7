"""Whatever the settings hold that nobody may see, no answer of the API has it: none of any route, and no error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from made_asgi import Answer, asked

from console.api.application import application
from console.api.settings import secret_places, settings_data
from console.api.window import Window
from console.configuration import Configuration, load
from console.reading import of_crew
from console.running import Running
from persistence.ledger import Ledger

PASSWORD, GATEWAY, ADDRESS, DATABASE = (f"{name}-never-to-be-seen" for name in ("pass", "gate" * 8, "urls", "data"))
SECRETS = (PASSWORD, GATEWAY, ADDRESS, DATABASE)
WAYS_WRONG = ("", "/none", "?limit=x", "?platform=none", "?before=0", "?search=%00", "?kind=" + "x" * 99)
FILLED = {"{platform}": "alpha", "{trade_id}": "1", "{line_id}": "1", "{commodity}": "EURUSD", "{request_id}": "x" * 8}


def with_secrets(folder: Path, *, database: str = "") -> Configuration:
    """Settings that have a secret wherever one can be."""
    url = database or f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}?password={DATABASE}"
    alpha = {
        "CONNECTOR": "mt5",
        "LOGIN": "5",
        "SERVER": "Broker-Demo",
        "PASSWORD": PASSWORD,
        "MT5__GATEWAY": "127.0.0.1:1",
        "MT5__GATEWAY_SECRET": GATEWAY,
    }
    return load(
        None,
        {
            **{f"WATCHBILL__ACCOUNTS__0__{name}": value for name, value in alpha.items()},
            "WATCHBILL__ACCOUNTS__1__ENABLED": "false",
            "WATCHBILL__DATABASE_URL": url,
            "WATCHBILL__NOTIFICATIONS__URLS": json.dumps([f"ntfy://{ADDRESS}@host/topic"]),
        },
    )


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FastAPI]:
    configuration = with_secrets(tmp_path)
    plain = f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"
    with (
        closing(Ledger.open(plain, **of_crew(configuration))),
        closing(Ledger.open(plain, **of_crew(configuration), read_only=True)) as ledger,
    ):
        yield application(Window(configuration, Running(), ledger))


def answers_to(api: FastAPI, *paths: str) -> list[Answer]:
    """Without the guard in front."""

    async def ask() -> list[Answer]:
        return [await asked(api, "GET", path) for path in paths]

    return asyncio.run(ask())


def test_no_answer_of_any_route_holds_a_secret_right_or_wrong(api: FastAPI) -> None:
    (described,) = answers_to(api, "/api/openapi.json")
    paths = [path for path, ways in described.json()["paths"].items() if "get" in ways and path != "/api/live"]
    for name, value in FILLED.items():
        paths = [path.replace(name, value) for path in paths]
    answers = [described, *answers_to(api, *(f"{path}{wrong}" for path in paths for wrong in WAYS_WRONG))]
    assert {answer.status_code for answer in answers} >= {200, 404, 422}
    for answer in answers:
        for secret in SECRETS:
            assert secret not in answer.text, answer.asked


def test_the_settings_say_where_secrets_are_and_mask_them(tmp_path: Path) -> None:
    shown = settings_data(with_secrets(tmp_path))
    assert set(shown["secrets"]) >= {"database_url", "accounts[0].password", "accounts[0].mt5.gateway_secret"}
    assert shown["settings"]["accounts"][0]["password"] == "**********"
    assert "notifications.urls[0]" in shown["secrets"]


def test_a_password_in_the_address_of_the_ledger_is_masked(tmp_path: Path) -> None:
    url = f"postgresql://trader:{DATABASE}@db.example/watchbill?sslpassword={DATABASE}2"
    shown = json.dumps(settings_data(with_secrets(tmp_path, database=url)))
    assert DATABASE not in shown
    assert "db.example" in shown


@settings(max_examples=25)
@given(secret=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40))
def test_no_secret_is_so_odd_that_it_is_shown(secret: str) -> None:
    configuration = load(None, {"WATCHBILL__ACCOUNTS__0__PASSWORD": f"q{secret}"})
    shown = json.dumps(settings_data(configuration), ensure_ascii=False)
    assert f"q{secret}" not in shown
    assert json.dumps(f"q{secret}")[1:-1] not in shown
    assert "accounts[0].password" in list(secret_places(configuration.settings))
