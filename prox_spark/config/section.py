"""What every section of the configuration shares: frozen, unknown keys forbidden, each value with its bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

Int = Annotated[int, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
Size = Annotated[int, Strict(), Field(ge=0)]
Float = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Strict(), Field(ge=0.0, le=1.0)]


def _flag(value: object) -> object:
    """Read the words for true and false that YAML had before its version 1.2."""
    return (
        {"yes": True, "on": True, "no": False, "off": False}.get(value.lower(), value)
        if isinstance(value, str)
        else value
    )


Flag = Annotated[bool, BeforeValidator(_flag), Strict()]


class Section(BaseModel):
    """A section of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
