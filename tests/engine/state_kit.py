"""States of a home with one battery, for whoever follows them."""

from datetime import UTC, datetime

from phasewise.engine.state import (
    BatteryState,
    GridState,
    PhaseState,
    PricesState,
    ProtectionState,
    StrategyState,
    SubmeterState,
    SystemState,
)

BEGIN = int(datetime(2026, 6, 1, 10, tzinfo=UTC).timestamp())


def state(
    utc_s: float,
    phases_w: tuple[float, ...] = (0.0, 0.0, 0.0),
    *,
    load_w: float | None = None,
    battery_w: float | None = 0.0,
    registers: tuple[float | None, float | None] = (None, None),
    price: tuple[float, float] | None = None,
    freshness: str = "fresh",
    pv_w: float | None = None,
) -> SystemState:
    at = datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    phases = {
        f"L{n}": PhaseState(w, abs(w) / 230, 230.0, 25.0, 24.0, freshness, 0.0, 0.0, (), ())
        for n, w in enumerate(phases_w, 1)
    }
    battery = BatteryState(
        "m1", "Garage", "L1", 50.0, battery_w, battery_w, True, battery_w is not None, None, 0.5, 21.5,
        2500.0, 2500.0, 12.0, 100.0, (),
    )  # fmt: skip
    return SystemState(
        time=at,
        version="1",
        site="Home",
        strategy=StrategyState("self-consumption", "self-consumption", ()),
        grid=GridState(sum(phases_w), freshness, 0.1, 1.0, phases, *registers),
        load_w=load_w,
        target_grid_w=0.0,
        batteries=(battery,),
        alarms=(),
        protection=ProtectionState(False, False, "worst-case"),
        prices=None if price is None else PricesState(None, False, *price, None),
        pv=None if pv_w is None else SubmeterState(pv_w, "fresh"),
    )
