"""The routes of the settings: what the configuration file says, what may stand there, and changes to it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from phasewise.web.setup import FieldProblem

Path = Annotated[
    tuple[Annotated[str, Field(max_length=200)] | Annotated[int, Field(strict=True, ge=0)], ...],
    Field(min_length=1, max_length=12),
]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SettingsState(_Wire):
    """The configuration as it stands in the file."""

    file: str
    revision: str
    """Of the file's content; changes with every change to it."""
    writable: bool
    detail: str | None
    """Why the file cannot be written, and what to do; null while it can. English."""
    values: dict[str, JsonValue]
    """As in the file, with defaults where it says nothing and secrets masked; `batteries` is a list."""
    given: tuple[tuple[str | int, ...], ...]
    """What the file itself says, by path; everything else in `values` is a default."""
    errors: tuple[FieldProblem, ...]
    """What is wrong with the file at present; then the last good configuration is in use."""
    json_schema: dict[str, Any] = Field(alias="schema")
    """JSON Schema 2020-12 of the file, with `x-` keywords for a form."""


class SettingChange(_Wire):
    """One value of the file: `value` or `remove`."""

    path: Path
    """Keys, and positions in lists counted from 0; a battery by its id: ["batteries", "m1", "phase"]."""
    value: JsonValue = None
    """Null = nothing stands there: the default counts."""
    remove: Annotated[bool, Field(strict=True)] = False
    """Take the key, the item or the battery out of the file."""


class SettingsChange(_Wire):
    """Changes that are made together, or not at all."""

    changes: Annotated[tuple[SettingChange, ...], Field(min_length=1, max_length=200)]
    revision: Annotated[str, Field(max_length=64)] | None = None
    """What the file must still be; null = as it is now."""
    dry_run: Annotated[bool, Field(strict=True)] = False
    """Only check; write nothing."""


class SettingsSaved(_Wire):
    """The changes are right, and unless it was a dry run, in the file and in effect."""

    persisted: bool
    """False after a dry run."""
    detail: str | None
    """What is still to do, such as a restart. English."""
    revision: str
    """Of the file as it is now."""


router = APIRouter()
