"""What every model of a setting shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError


class Model(BaseModel):
    """What all settings share: frozen, an unknown key is an error, and true and false are no numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=False)

    @field_validator("*", mode="before")
    @classmethod
    def no_switch_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false where a number is meant, also one of a table: to pydantic they are 1 and 0."""
        if isinstance(value, bool) and (wanted := _number_in(cls, info)):
            raise PydanticKnownError("float_type" if wanted is float else "int_type")
        if isinstance(value, Mapping):
            switch = next((key for key, each in value.items() if isinstance(each, bool)), None)
            if switch is not None and (wanted := _number_in(cls, info)):
                expected = "a number" if wanted is float else "a whole number"
                raise ValueError(f"{switch} is {str(value[switch]).lower()}; expected {expected}")
        return value


def _number_in(model: type[BaseModel], info: ValidationInfo) -> type[int] | type[float] | None:
    """The kind of number that the field takes; None where it takes none, or true and false as well."""
    kinds = _kinds(model.model_fields[info.field_name or ""].annotation)
    if bool in kinds or any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return None
    return float if float in kinds else int if int in kinds else None


def _kinds(annotation: Any) -> list[Any]:
    """All types that an annotation names, however deep."""
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        inner = inner[:1]
    return [kind for each in inner for kind in _kinds(each)] if inner else [annotation]
