"""The route of alarms: somebody says that they know."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from phasewise.web.api import WRITE_REFUSALS, ControlsNow, problems

router = APIRouter()


class AcknowledgeRequest(BaseModel):
    """Which alarm, as the state names it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    code: Annotated[str, Field(min_length=1, max_length=100)]
    subject: Annotated[str, Field(max_length=100)] | None = None
    """Null for an alarm without one."""


@router.post(
    "/api/v1/alarms/acknowledge",
    status_code=204,
    response_class=Response,
    responses=WRITE_REFUSALS | problems(404),
)
async def acknowledge(alarm: AcknowledgeRequest, controls: ControlsNow) -> None:
    """Somebody knows of an alarm that stands. It stays listed until it ends; a new one is news again."""
    controls.acknowledge_alarm(alarm.code, alarm.subject)
