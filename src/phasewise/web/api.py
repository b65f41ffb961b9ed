"""The routes. Everything they know of the daemon is `Controls`."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from phasewise.engine.controls import HANGS_S, Controls, Hold, Saved
from phasewise.integrations import metrics
from phasewise.web import wire
from phasewise.web.guard import problem
from phasewise.web.stream import EventStream, StateEncoder, events

NO_STATE_YET = "There is no state yet: the daemon is starting. Ask again in a few seconds."


def _controls(request: Request) -> Controls:
    return request.app.state.controls  # type: ignore[no-any-return]  # Starlette's state is untyped


def _encoder(request: Request) -> StateEncoder:
    return request.app.state.encoder  # type: ignore[no-any-return]  # Starlette's state is untyped


ControlsNow = Annotated[Controls, Depends(_controls)]
EncoderNow = Annotated[StateEncoder, Depends(_encoder)]


def _text(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may refuse with, for the description of the API."""
    return {status: {"model": wire.Problem} for status in statuses}


REFUSALS = problems(401, 403, 421, 429)
"""What the guard may answer to anything; see `guard`."""
WRITE_REFUSALS = problems(400, 401, 403, 411, 413, 415, 421, 422, 429)

Lang = Annotated[Literal["en", "nl", "de"], Query()]
"""The language of the texts in an answer."""


def iso_moment(text: str) -> datetime:
    """A date and time from an address, where a plus sign in front of an offset has become a space.

    Raises ValueError for what is not ISO 8601.
    """
    return datetime.fromisoformat(re.sub(r"([T:]\S+) (\d\d:?\d\d)$", r"\1+\2", text))


router = APIRouter()


@router.get("/api/v1/state", response_model=wire.System, responses=REFUSALS | problems(422, 503))
async def state(controls: ControlsNow, encoder: EncoderNow, lang: Lang = "en") -> Response:
    """Everything, at one instant: grid, phases, batteries with their reasons, alarms."""
    current = controls.live.current
    if current is None:
        return problem(503, NO_STATE_YET, {"Retry-After": "2"})
    return Response(encoder.json(current, lang), media_type="application/json")


@router.get(
    "/api/v1/stream",
    response_class=Response,
    responses=REFUSALS | problems(422) | _text("text/event-stream"),
)
async def stream(controls: ControlsNow, encoder: EncoderNow, lang: Lang = "en") -> Response:
    """Server-sent events: the state now, then each new one. A slow client skips states."""
    headers = {"X-Accel-Buffering": "no"}  # else nginx holds events back
    return EventStream(events(controls.live, encoder, lang), headers=headers)


@router.patch(
    "/api/v1/batteries/{id}", response_model=wire.Saved, responses=WRITE_REFUSALS | problems(404, 409)
)
async def change_battery(
    battery_id: Annotated[str, Path(alias="id")], change: wire.BatteryChange, controls: ControlsNow
) -> wire.Saved:
    """Say which phase a battery is on, or what it does instead of what the strategy says."""
    if isinstance(change, wire.PhaseChange):
        return _saved(await controls.set_phase(battery_id, change.assignment))
    override = change.override
    if isinstance(override, wire.OverrideHold):
        hold = Hold(override.hold.power_w, override.hold.until)
        return _saved(await controls.set_override(battery_id, hold))
    return _saved(await controls.set_override(battery_id, override == "auto"))


@router.post(
    "/api/v1/batteries/{id}/identify",
    status_code=204,
    response_class=Response,
    responses=WRITE_REFUSALS | problems(404, 409),
)
async def start_identify(battery_id: Annotated[str, Path(alias="id")], controls: ControlsNow) -> None:
    """Begin to identify which phase a battery is on; `identify` in the state shows how it goes."""
    controls.start_identify(battery_id)


@router.delete(
    "/api/v1/identify", status_code=204, response_class=Response, responses=WRITE_REFUSALS | problems(409)
)
async def end_identify(controls: ControlsNow) -> None:
    """Abort the identification that runs, or take the result of the last one out of the state."""
    controls.end_identify()


@router.put(
    "/api/v1/inputs/{name}",
    status_code=204,
    response_class=Response,
    responses=WRITE_REFUSALS | problems(404),
)
async def set_input(name: str, change: wire.InputChange, controls: ControlsNow) -> None:
    """Switch a boolean input, such as one that says that a car is charging."""
    controls.set_input(name, on=change.on, expires_s=change.expires_s)


@router.put("/api/v1/strategy", response_model=wire.Saved, responses=WRITE_REFUSALS | problems(409))
async def select_strategy(change: wire.StrategyChange, controls: ControlsNow) -> wire.Saved:
    """Select a strategy; it runs from the next meter value on."""
    return _saved(await controls.select_strategy(change.selected))


@router.get("/health", response_model=wire.Health, responses={503: {"model": wire.Health}})
async def health(
    controls: ControlsNow, response: Response, of: Literal["all", "loop"] = "all"
) -> wire.Health:
    """200 while the daemon does its job, else 503 with the reason.

    `of=loop`: 503 only while the control loop hangs, for what starts Phasewise anew: a lost meter is not
    found by that.
    """
    now = controls.health()
    age_s = now.last_decision_age_s
    hangs = age_s is not None and age_s > HANGS_S
    if hangs or (not now.ok and of == "all"):
        response.status_code = 503
    return wire.Health(ok=now.ok, detail=now.detail, last_decision_age_s=now.last_decision_age_s)


@router.get("/metrics", response_class=Response, responses=REFUSALS | _text("text/plain"))
async def prometheus(controls: ControlsNow) -> Response:
    """Everything that is a number, for Prometheus."""
    text = metrics.render(controls.live.current, controls.counters(), controls.health())
    return Response(text, media_type=metrics.CONTENT_TYPE)


def _saved(saved: Saved) -> wire.Saved:
    return wire.Saved(persisted=saved.persisted, detail=saved.detail)
