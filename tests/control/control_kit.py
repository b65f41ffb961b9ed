"""Short ways to write down batteries, readings and snapshots for the tests of the control core."""

from collections.abc import Sequence

from phasewise.control.strategies.base import Strategy
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.model import (
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    ControlSettings,
    GridReading,
    Intent,
    Settings,
    Site,
    Snapshot,
)
from phasewise.model.memory import Memory


class Fixed:
    """A strategy that always wants the same."""

    def __init__(self, intent: Intent) -> None:
        self._intent = intent

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        return self._intent


class Broken:
    """A strategy with a bug."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        raise ZeroDivisionError("price of zero")


STRATEGIES: dict[str, Strategy] = {
    "self-consumption": SelfConsumption(),
    "full-stop": FullStop(),
    "charge": Fixed(Intent(battery_power_w=3000.0, may_discharge=False)),
    "zero-import": Fixed(Intent(grid_target_w=0.0, may_charge=False)),
    "broken": Broken(),
}


def battery_settings(battery_id: str = "m1", **changes: object) -> BatterySettings:
    values: dict[str, object] = {
        "id": battery_id,
        "name": battery_id,
        "capabilities": Capabilities(max_charge_w=2500.0, max_discharge_w=2500.0),
        "max_charge_w": 2500.0,
        "max_discharge_w": 2500.0,
    }
    return BatterySettings(**(values | changes))  # type: ignore[arg-type]  # keyword table of the tests


def settings_of(*batteries: BatterySettings, **control: object) -> Settings:
    return Settings(Site(), batteries, ControlSettings(**control))  # type: ignore[arg-type]  # keyword table


def seen(
    battery_id: str = "m1",
    ac_power_w: float | None = 0.0,
    *,
    time_s: float = 0.0,
    soc_pct: float | None = 50.0,
    reachable: bool = True,
    **more: object,
) -> BatterySnapshot:
    reading = BatteryReading(time_s=time_s, ac_power_w=ac_power_w, soc_pct=soc_pct, **more)  # type: ignore[arg-type]  # keyword table
    return BatterySnapshot(battery_id, reading, reachable)


def picture(
    now_s: float,
    grid_w: float | None,
    batteries: Sequence[BatterySnapshot],
    *,
    new: bool = True,
    received_s: float | None = None,
    cadence_s: float = 1.0,
    utc_s: float | None = None,
) -> Snapshot:
    """A snapshot; `grid_w` None means that the meter was never heard."""
    at_s = now_s if received_s is None else received_s
    return Snapshot(
        time_s=now_s,
        utc_s=now_s if utc_s is None else utc_s,
        grid=None if grid_w is None else GridReading(received_s=at_s, total_power_w=grid_w),
        grid_is_new=new and grid_w is not None,
        grid_cadence_s=cadence_s,
        batteries=tuple(batteries),
    )
