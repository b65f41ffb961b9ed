"""Settings of a battery in Home Assistant, and the names that existing set-ups have for its entities."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from phasewise.devices.home_assistant import NAME, EntityName, HomeAssistantOptions

MAX_W = 50_000.0
"""No battery of a home can do more."""
NO_ENTITY = "none"
_Maybe = Annotated[str | None, Field(pattern=f"{NAME}|^{NO_ENTITY}$", json_schema_extra={"x-advanced": True})]
"""Of something that a battery need not have."""


class Positive(StrEnum):
    """What a positive power means."""

    DISCHARGING = "discharging"
    CHARGING = "charging"


class HomeAssistantBatteryOptions(HomeAssistantOptions):
    """Settings of a battery that is controlled by entities of Home Assistant."""

    prefix: str = Field(default="marstek_m1", pattern="^[a-z0-9_]+$", json_schema_extra={"x-asked": True})
    """Beginning of the names of its entities: marstek_m1 for sensor.marstek_m1_ac_power and so on."""
    rated_w: float = Field(default=2500.0, gt=0, le=MAX_W, allow_inf_nan=False)
    """What this battery can charge and discharge at most."""
    ac_power_positive: Positive = Field(default=Positive.DISCHARGING, json_schema_extra={"x-advanced": True})
    """What a positive value of its AC power means; of a Marstek discharging."""
    stale_s: float = Field(
        default=120.0, ge=0, le=3600, allow_inf_nan=False, json_schema_extra={"x-advanced": True}
    )
    """The battery counts as out of reach when none of its values was reported for so long. 0 for never: where
    Home Assistant gets a value only when it changes."""
    ac_power: EntityName | None = None
    """Left out: sensor.PREFIX_ac_power. So with the following, where entities have other names; `none` where
    there is no such entity and it can be done without."""
    soc: EntityName | None = None
    """Left out: sensor.PREFIX_battery_state_of_charge."""
    battery_power: _Maybe = None
    """Power of the cells, charging positive. Left out: sensor.PREFIX_battery_power."""
    state: _Maybe = None
    """Left out: sensor.PREFIX_inverter_state."""
    temperature: _Maybe = None
    """Left out: sensor.PREFIX_internal_temperature."""
    capacity: _Maybe = None
    """Left out: sensor.PREFIX_battery_total_energy."""
    energy_charged: _Maybe = None
    """Left out: sensor.PREFIX_lifetime_charging_energy."""
    energy_discharged: _Maybe = None
    """Left out: sensor.PREFIX_lifetime_discharging_energy."""
    phase_select: _Maybe = None
    """Where its phase was chosen. It is only compared. Left out: input_select.PREFIX_phase."""
    control_mode: _Maybe = None
    """Takes control: a select (enable, disable) or a switch; `none` where none is needed. Left out:
    select.PREFIX_rs485_control_mode."""
    mode: EntityName | None = None
    """Direction: a select (stop, charge, discharge). Left out: select.PREFIX_forcible_charge_discharge."""
    charge_power: EntityName | None = None
    """Left out: number.PREFIX_forcible_charge_power."""
    discharge_power: EntityName | None = None
    """Left out: number.PREFIX_forcible_discharge_power."""
    work_mode: _Maybe = None
    """What it does by itself; put back at the end as it was found. Left out: select.PREFIX_user_work_mode."""


_USUAL = {
    "ac_power": "sensor.{}_ac_power",
    "soc": "sensor.{}_battery_state_of_charge",
    "battery_power": "sensor.{}_battery_power",
    "state": "sensor.{}_inverter_state",
    "temperature": "sensor.{}_internal_temperature",
    "capacity": "sensor.{}_battery_total_energy",
    "energy_charged": "sensor.{}_lifetime_charging_energy",
    "energy_discharged": "sensor.{}_lifetime_discharging_energy",
    "phase_select": "input_select.{}_phase",
    "control_mode": "select.{}_rs485_control_mode",
    "mode": "select.{}_forcible_charge_discharge",
    "charge_power": "number.{}_forcible_charge_power",
    "discharge_power": "number.{}_forcible_discharge_power",
    "work_mode": "select.{}_user_work_mode",
}
"""The names that existing set-ups have, by the option for others."""


def entities_of(options: HomeAssistantBatteryOptions) -> dict[str, str]:
    """Entity by option; without those that the user says there are none of."""
    given = {name: getattr(options, name) or usual.format(options.prefix) for name, usual in _USUAL.items()}
    return {name: entity_id for name, entity_id in given.items() if entity_id != NO_ENTITY}
