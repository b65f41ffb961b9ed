"""The route of what is ahead: prices, plan, daily windows and forecasts.

The models mirror `engine.ahead` field by field (a test holds them together). Positive power = charging; of
forecasts, what panels give and what the house draws.
"""

from typing import Literal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from phasewise.web.api import REFUSALS, ControlsNow

router = APIRouter()


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PriceAhead(_Wire):
    """What energy costs in one interval."""

    start: str
    """ISO 8601, UTC."""
    end: str
    buy_eur_kwh: float
    """All taxes and fees included."""
    sell_eur_kwh: float
    """All deductions made."""
    mark: Literal["charge", "discharge", "pv"] | None
    """What it is good for, while the strategy goes by prices: charge from the grid, discharge, store surplus
    of the sun alone; null: none of these."""


class PlanStep(_Wire):
    """What the plan does in one interval."""

    start: str
    end: str
    action: Literal["charge", "discharge", "pv", "idle"]
    power_w: float
    """Mean of all batteries together, charging positive."""
    soc_pct: float
    """Of all batteries together, at the end."""


class DayPart(_Wire):
    """A stretch of the day in which `timed` runs one strategy."""

    start: str
    end: str
    strategy: str


class Expected(_Wire):
    """What is expected in one interval."""

    start: str
    end: str
    power_w: float
    """Mean, 0 or more."""


class Ahead(_Wire):
    """What is known of today and tomorrow."""

    time: str
    """ISO 8601, UTC: when it was put together."""
    prices: tuple[PriceAhead, ...]
    plan: tuple[PlanStep, ...]
    """Empty unless `dynamic` goes by a plan."""
    soc_pct: float | None
    """Of all batteries together, now: where the plan begins; null where nobody knows."""
    windows: tuple[DayPart, ...]
    """The local day from midnight to midnight, without gaps; empty unless `timed` is selected."""
    pv_forecast: tuple[Expected, ...]
    load_forecast: tuple[Expected, ...]
    """What the house usually draws, without panels and batteries; empty until that was learnt."""


@router.get("/api/v1/outlook", response_model=Ahead, responses=REFUSALS)
async def outlook(controls: ControlsNow) -> Response:
    """Prices and what they are good for, the plan, the windows of the day, forecasts of sun and house."""
    return Response(msgspec.json.encode(controls.ahead()), media_type="application/json")
