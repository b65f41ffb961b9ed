"""The routes of the settings: what the configuration file says, what may stand there, and changes to it."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.responses import JSONResponse, Response

from phasewise.config import Change, Wrong
from phasewise.engine.controls import SettingsError
from phasewise.web import wire
from phasewise.web.api import REFUSALS, WRITE_REFUSALS, ControlsNow
from phasewise.web.setup import FieldProblem, Invalid

SettingPath = Annotated[
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

    path: SettingPath
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


_CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": wire.Problem}}

router = APIRouter()


@router.get("/api/v1/settings", responses=REFUSALS | _CONFLICT)
async def settings(controls: ControlsNow) -> SettingsState:
    """What the configuration file says, what may stand there, and what is wrong with it."""
    now = await controls.settings()
    return SettingsState(
        file=now.file,
        revision=now.revision,
        writable=now.detail is None,
        detail=now.detail,
        values=now.values,
        given=now.given,
        errors=_problems(now.errors),
        schema=now.schema,
    )


@router.patch("/api/v1/settings", responses=WRITE_REFUSALS | _CONFLICT | {422: {"model": Invalid}})
async def change_settings(change: SettingsChange, controls: ControlsNow) -> SettingsSaved:
    """Change the file, all of the changes or none; in effect at once."""
    changes = [Change(one.path, one.value, one.remove) for one in change.changes]
    saved = await controls.change_settings(changes, revision=change.revision, dry_run=change.dry_run)
    return SettingsSaved(persisted=saved.persisted, detail=saved.detail, revision=saved.revision)


async def wrong_settings(_: Request, error: Exception) -> Response:
    """What is wrong, value by value, for a form."""
    errors = _problems(error.errors if isinstance(error, SettingsError) else ())
    return JSONResponse(Invalid(detail=str(error), errors=errors).model_dump(mode="json"), 422)


def _problems(wrong: tuple[Wrong, ...]) -> tuple[FieldProblem, ...]:
    return tuple(FieldProblem(path=one.path, message=one.message, allowed=one.allowed) for one in wrong)
