"""The route of the settings: to be read, with every secret masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, SecretStr

from console.api.asked import documented
from console.api.models_health import SettingsAnswer
from console.api.window import Window
from console.configuration import Configuration
from console.records import Data

MASKED = "**********"


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["settings"], responses=documented(503))

    @routes.get(
        "/api/settings",
        response_model=SettingsAnswer,
        operation_id="settings",
        summary="The settings in force, with every secret masked",
    )
    def settings() -> Data:
        return settings_data(window.configuration)

    return routes


def settings_data(configuration: Configuration) -> Data:
    """The settings, in the shape of `SettingsAnswer`. The ledger's address is shown without its password."""
    values = configuration.settings.model_dump(mode="json")
    values["database_url"] = configuration.shown_database_url
    return {
        "source": configuration.source,
        "file": None if configuration.path is None else str(configuration.path),
        "variables": list(configuration.variables),
        "broken": configuration.broken,
        "secrets": list(secret_places(configuration.settings)),
        "settings": values,
    }


def secret_places(value: Any, place: str = "") -> Iterator[str]:
    """Where secrets are set, such as ``accounts[0].password``."""
    if isinstance(value, SecretStr):
        yield place
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secret_places(getattr(value, name), f"{place}.{name}" if place else name)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from secret_places(item, f"{place}.{getattr(key, 'value', key)}")
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            yield from secret_places(item, f"{place}[{number}]")
