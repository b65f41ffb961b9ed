"""A registry of made-up drivers, so that these tests do not depend on the real ones."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from phasewise.config import BatteryEntry, MeterEntry, Registry
from phasewise.model import Capabilities

POWER_W = {"venus-e-v3": 2500.0, "venus-a": 1500.0}


class FakeBatteryOptions(BaseModel):
    """Like a real driver's: an address and a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    model: Literal["venus-e-v3", "venus-a"] = "venus-e-v3"
    timeout_s: float = 3.0

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if not value.startswith("modbus-tcp://"):
            raise ValueError(f"'{value}' is not an address; allowed: modbus-tcp://HOST:PORT")
        return value


class FakeMeterOptions(BaseModel):
    """Like a real driver's: an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str


class BrokenOptions(BaseModel):
    """A driver whose own check has a mistake in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""

    @field_validator("url")
    @classmethod
    def _mistake(cls, value: str) -> str:
        return value + 1  # type: ignore[operator,no-any-return]  # the mistake is the point


def capabilities_of(options: FakeBatteryOptions) -> Capabilities:
    """By model, as real drivers do."""
    power_w = POWER_W[options.model]
    return Capabilities(max_charge_w=power_w, max_discharge_w=power_w)


REGISTRY = Registry(
    meters={"dsmr": MeterEntry(FakeMeterOptions), "shelly": MeterEntry(FakeMeterOptions)},
    batteries={
        "marstek": BatteryEntry(FakeBatteryOptions, capabilities_of),
        "broken": BatteryEntry(BrokenOptions, capabilities_of),
    },
    strategies={"self-consumption": None, "full-stop": None, "my-own": None},
)

CONTRACT = (Path(__file__).parent / "contract.yaml").read_text(encoding="utf-8")
"""Every key there is, with its default."""
