"""The file that `init` writes says everything, and changes nothing."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from console import initialise
from console.configuration import load
from console.descriptions import DESCRIPTIONS
from console.errors import CommandError
from trading.settings import Settings
from trading.settings_model import Model


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "watchbill.toml"


def models(kind: type[BaseModel] = Model) -> Iterator[type[BaseModel]]:
    for below in kind.__subclasses__():
        if below.__module__.startswith("trading.settings"):
            yield below
            yield from models(below)


def test_what_it_writes_loads_back_to_the_defaults(target: Path) -> None:
    initialise.write(target)
    assert load(target, {}).settings == Settings()


def test_every_field_of_every_model_of_the_settings_is_in_the_file_with_its_description() -> None:
    lines = initialise.text().splitlines()
    for model in models():
        for field in model.model_fields:
            described = [line for line in lines if DESCRIPTIONS[model][field] in line]
            assert described, f"{model.__name__}.{field} has no line"


def test_every_model_and_field_is_described_and_nothing_else() -> None:
    assert set(DESCRIPTIONS) == set(models())
    for model, fields in DESCRIPTIONS.items():
        assert set(fields) == set(model.model_fields), model.__name__


def test_a_commented_example_can_be_used_as_it_stands(target: Path) -> None:
    text = initialise.text()
    start = text.index("# [commodities.EURUSD]")
    example = text[start : text.index("\n\n", start)]
    uncommented = "\n".join(line.removeprefix("# ") for line in example.splitlines())
    target.write_text(text.replace(example, uncommented), encoding="utf-8")
    override = load(target, {}).settings.commodities["EURUSD"]
    assert override == initialise.EXAMPLES["commodities"]


def test_the_examples_of_lists_that_are_empty_by_default_can_be_used_as_they_stand(target: Path) -> None:
    paragraphs = []
    for paragraph in initialise.text().split("\n\n"):
        said, table, example = paragraph.partition("# [[feeds.")
        used = [line.removeprefix("#").removeprefix(" ") for line in (table + example).splitlines()]
        paragraphs.append(said + "\n".join(used))
    target.write_text("\n\n".join(paragraphs), encoding="utf-8")
    feeds = load(target, {}).settings.feeds
    assert feeds.headlines == (initialise.EXAMPLES["headlines"],)
    assert feeds.positions == (initialise.EXAMPLES["positions"],)
    assert feeds.calendars == (initialise.EXAMPLES["calendars"],)
    assert feeds.scores == (initialise.EXAMPLES["scores"],)


def test_its_lines_fit_a_page() -> None:
    assert max(map(len, initialise.text().splitlines())) <= 120


def test_an_existing_file_is_only_replaced_by_force(target: Path) -> None:
    target.write_text("crew = 'mine'", encoding="utf-8")
    with pytest.raises(CommandError, match="exists already; --force replaces it"):
        initialise.write(target)
    assert load(target, {}).settings.crew == "mine"
    assert initialise.write(target, force=True) == target
    assert load(target, {}).settings == Settings()


def test_without_a_path_it_is_written_where_it_will_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    initialise.write()
    assert load(None, {}).path == Path("watchbill.toml")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere.*cannot be written"):
        initialise.write(tmp_path / "nowhere" / "watchbill.toml")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_only_its_owner_may_read_it_since_passwords_may_come_to_stand_in_it(target: Path) -> None:
    initialise.write(target)
    assert stat.S_IMODE(os.stat(target).st_mode) == 0o600
