"""What the Marstek Venus models have in which register, what they can do and how they want to be asked.

The device counts discharging as positive: a scale of -1 turns it round.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from phasewise.devices.batteries.registers import Block, Choice, Register
from phasewise.devices.modbus import LineTiming
from phasewise.model import Capabilities

CONTROL, MODE, CHARGE_W, DISCHARGE_W, WORK_MODE = 42000, 42010, 42020, 42021, 43000
CONTROL_ON, CONTROL_OFF = 21930, 21947
MODE_NONE, MODE_CHARGE, MODE_DISCHARGE = 0, 1, 2

STATES = {0: "sleep", 1: "standby", 2: "charge", 3: "discharge", 4: "backup", 5: "update", 6: "bypass"}
NOT_CONTROLLABLE = frozenset({4, 5, 6})

WATCHDOG_S = 120.0
"""It was seen to fall back 90 to 120 s after the last refresh of the control enable."""
KEEP_ALIVE_S = 20.0
"""The enable must be refreshed about every 30 s: in time even if one call fails and is tried again."""


class MarstekModel(StrEnum):
    """Which register map and limits; `venus-e-v2` is for v1 too."""

    VENUS_E_V2 = "venus-e-v2"
    VENUS_E_V3 = "venus-e-v3"
    VENUS_A = "venus-a"
    VENUS_D = "venus-d"


class RegisterMap(Struct, frozen=True):
    """What is read of a model, and how often."""

    every_time: tuple[Choice, ...]
    """AC power is last, so that it is as new as the reading says."""
    by_turns: tuple[tuple[Choice, ...], ...]
    """One of these each time, before the others."""


HELD = {"control": CONTROL, "mode": MODE, "charge_w": CHARGE_W, "discharge_w": DISCHARGE_W}
"""Read together, they are the setpoint that the device holds."""
SLOW = ("temperature_c", "capacity_wh", "charged_wh", "discharged_wh")
PV_INPUTS = ("pv1_w", "pv2_w", "pv3_w", "pv4_w")
REQUIRED = frozenset({"state", "soc_pct", "ac_w"})
"""A reading without one of these is none. Any other value that cannot be true is left out."""


def _power(address: int, rated_w: float, *, words: int = 1, scale: float = 1.0) -> Register:
    # More than three times what the unit can do is a marker (0x7FFF, 0x8000) or garbage.
    return Register(address, words, signed=True, scale=scale, low=-3 * rated_w, high=3 * rated_w)


_STATE: Choice = ({"state": Register(35100, high=255)},)
_CAPACITY_WH = Register(32105, high=60_000)
_SOC_PCT = Register(32104, high=100.5)

# Read in one go, or it would be no setpoint; five turns of 2 s: a setpoint lost in the device shows in 10 s.
_READBACK: tuple[Choice, ...] = (
    ({"control": Register(CONTROL)},),
    ({"mode": Register(MODE)},),
    ({"charge_w": Register(CHARGE_W), "discharge_w": Register(DISCHARGE_W)},),
)
_TEMPERATURE: Choice = ({"temperature_c": Register(35000, signed=True, scale=0.1, low=-40, high=120)}, {})
_ENERGY: Choice = (
    {
        "charged_wh": Register(33000, 2, scale=10.0, high=1e9),
        "discharged_wh": Register(33002, 2, scale=10.0, high=1e9),
    },
    {},
)


def _first_map(rated_w: float) -> RegisterMap:
    """E v1 and v2. Battery power, SoC and capacity lie side by side."""
    cells: Block = {
        "battery_w": _power(32102, rated_w, words=2),
        "soc_pct": _SOC_PCT,
        "capacity_wh": _CAPACITY_WH,
    }
    return RegisterMap(
        every_time=(_STATE, (cells,), ({"ac_w": _power(32202, rated_w, words=2, scale=-1.0)},)),
        by_turns=(_READBACK, (_TEMPERATURE,), (), (_ENERGY,), ()),
    )


def _second_map(rated_w: float, soc: Choice, *, pv: bool = False) -> RegisterMap:
    """E v3, A and D. Battery and AC power in one request, if the device reads over the gap between."""
    ac_w = _power(30006, rated_w, scale=-1.0)
    powers: Choice = ({"battery_w": _power(30001, rated_w), "ac_w": ac_w}, {"ac_w": ac_w})
    inputs: Choice = (
        {name: Register(30037 + n, scale=0.1, high=3 * rated_w) for n, name in enumerate(PV_INPUTS)},
        {},
    )
    capacity: Choice = ({"capacity_wh": _CAPACITY_WH}, {})
    return RegisterMap(
        every_time=(_STATE, soc, *((inputs,) if pv else ()), powers),
        by_turns=(_READBACK, (_TEMPERATURE,), (_ENERGY,), (capacity,), ()),
    )


_SOC_V3: Choice = (
    {"soc_pct": Register(37005, high=100.5)},
    {"soc_pct": Register(34002, scale=0.1, high=100.5)},
)
_SOC_A_D: Choice = ({"soc_pct": _SOC_PCT},)


class ModelSpec(Struct, frozen=True):
    """Everything that differs between the models."""

    registers: RegisterMap
    capabilities: Capabilities
    timing: LineTiming


def _capabilities(rated_w: float, *, has_pv: bool = False) -> Capabilities:
    return Capabilities(
        max_charge_w=rated_w,
        max_discharge_w=rated_w,
        keep_alive_s=KEEP_ALIVE_S,
        watchdog_s=WATCHDOG_S,
        has_pv=has_pv,
    )


# Answers were waited for 3 s on Ethernet and 10 s through a bridge; a whole call has to end within 10 s.
# A bridge has no transaction ids: what comes late must be gone before the next request, so it waits too.
_BRIDGE = LineTiming(frame_pause_s=0.05, reply_timeout_s=3.0, reopen_wait_s=1.0, settle_s=0.2)
_ETHERNET = LineTiming(frame_pause_s=0.15, reply_timeout_s=3.0, reopen_wait_s=1.0, settle_s=0.2)

MODELS: Mapping[MarstekModel, ModelSpec] = {
    MarstekModel.VENUS_E_V2: ModelSpec(_first_map(2500.0), _capabilities(2500.0), _BRIDGE),
    MarstekModel.VENUS_E_V3: ModelSpec(_second_map(2500.0, _SOC_V3), _capabilities(2500.0), _ETHERNET),
    MarstekModel.VENUS_A: ModelSpec(
        _second_map(1500.0, _SOC_A_D, pv=True), _capabilities(1500.0, has_pv=True), _ETHERNET
    ),
    MarstekModel.VENUS_D: ModelSpec(
        _second_map(2500.0, _SOC_A_D, pv=True), _capabilities(2500.0, has_pv=True), _ETHERNET
    ),
}
