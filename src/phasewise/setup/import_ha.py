"""A configuration from the entities of an existing set-up in Home Assistant: names, limits, phases, plans.

Nothing is guessed: what has no counterpart, or a value that does not fit, is told and left out.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import BaseModel

from phasewise.config import Registry, parse_config
from phasewise.devices.base import SystemClock
from phasewise.devices.home_assistant import ABSENT, HomeAssistantOptions
from phasewise.devices.quantities import in_our_unit
from phasewise.setup.first_file import FirstFile

ORIGIN = "phasewise import-ha"
FUSE_A = 25.0
STRATEGIES = {
    "Full stop": "full-stop",
    "Self-consumption": "self-consumption",
    "Timed": "timed",
    "Dynamic": "dynamic",
    "Charge": "charge",
    "Charge PV": "charge-pv",
    "Sell": "sell",
}
IN_TIMED = {said: ours for said, ours in STRATEGIES.items() if ours != "timed"}
IN_DYNAMIC = {said: ours for said, ours in IN_TIMED.items() if ours != "dynamic"}
CYCLES = {"Weekly": "weekly", "Daily": "daily", "Never": "never"}
CHARGE_GOALS = {
    "batteries are full": "full",
    "state of charge": "soc",
    "solar forecast": "solar",
    "energy reserve": "energy",
}
SELL_GOALS = {"batteries are empty": "empty", "state of charge": "soc", "energy reserve": "energy"}
METERS: Mapping[str, Sequence[str]] = {
    "power": ("p1_meter_power", "p1_meter_active_power", "grid_power", "electricity_meter_power_consumption"),
    **{
        f"power_l{n}": (
            f"p1_meter_l{n}_power",
            f"p1_meter_power_phase_{n}",
            f"p1_meter_active_power_l{n}",
            f"l{n}_meter_power",
            f"electricity_meter_power_consumption_phase_l{n}",
        )
        for n in (1, 2, 3)
    },
    **{
        f"{quantity}_l{n}": (
            f"p1_meter_l{n}_{quantity}",
            f"p1_meter_{quantity}_phase_{n}",
            f"p1_meter_active_{quantity}_l{n}",
            f"electricity_meter_{quantity}_phase_l{n}",
        )
        for quantity in ("current", "voltage")
        for n in (1, 2, 3)
    },
    "energy_import": ("p1_meter_energy_import", "p1_meter_total_power_import"),
    "energy_export": ("p1_meter_energy_export", "p1_meter_total_power_export"),
}
"""Sensors by option of the meter, the usual name first."""
NEEDLESS = re.compile(
    r"house_battery_(control_(kp|ki|kd|pid_|p_term|i_term|d_term|error_|hysteresis|debug|is_|has_node_red|"
    r"onboarding)|total_|strategy_active|strategy_timed_substrat_list|.*_avg_|.*_(start|end)$)"
)
"""What the flows keep there for themselves, or what Phasewise needs no setting for."""

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-9]{2}")
_BATTERY = re.compile(r"(?:sensor|select|number)\.(marstek_(m[0-9]+))_[a-z0-9_]+")
_OWN = re.compile(r"input_[a-z]+\.((?:house_battery|marstek|house_target)_[a-z0-9_]+)")


class Known(Struct, frozen=True):
    """One entity as Home Assistant tells of it."""

    state: str
    attributes: Mapping[str, Any]


class Imported(Struct, frozen=True):
    """What came of it."""

    file: FirstFile
    taken: tuple[str, ...]
    """Sentences: what was found."""
    left: tuple[str, ...]
    """Sentences: what could not be mapped, and what to do about it."""


async def fetch(url: str, token_file: Path | None) -> tuple[dict[str, Known], Mapping[str, Any]]:
    """All entities, and Home Assistant's own settings. Raises DeviceError."""
    from phasewise.devices.home_assistant_link import HomeAssistant  # noqa: PLC0415 - it loads aiohttp

    link = HomeAssistant(HomeAssistantOptions(url=url, token_file=token_file), (), SystemClock())
    try:
        await link.open()
        states, settings = await link.states(), await link.settings()
    finally:
        await link.close()
    found = {
        str(state.get("entity_id")): Known(str(state.get("state")), state.get("attributes") or {})
        for state in states
    }
    return found, settings


async def configuration(
    url: str, token_file: Path | None, path: Path, registry: Registry
) -> tuple[str, Imported]:
    """The text of a configuration at `path`, and what came of it. Raises DeviceError, ConfigError."""
    entities, settings = await fetch(url, token_file)
    meter = registry.meters["home-assistant"].options_model
    access = {"url": url.rstrip("/")}
    if token_file is not None:
        access["token_file"] = _beside(path, token_file)
    found = convert(entities, settings, access, meter)
    text = found.file.text(path.name)
    parse_config(text, path, registry)
    return text, found


def _beside(path: Path, secret: Path) -> str:
    """How a file is called in the configuration at `path`."""
    folder, secret = path.resolve().parent, secret.resolve()
    return str(secret.relative_to(folder) if secret.is_relative_to(folder) else secret)


def convert(
    entities: Mapping[str, Known],
    settings: Mapping[str, Any],
    access: Mapping[str, str],
    meter_options: type[BaseModel],
) -> Imported:
    """The configuration. `access`: url and token_file, as they are to stand in it."""
    work = _Import(entities, access)
    meter = work.meter(meter_options)
    batteries = work.batteries()
    control = work.control([battery["id"] for battery in batteries])
    site = work.site(settings)
    work.rest()
    file = FirstFile(site=site, meter=meter, batteries=batteries, web={}, control=control, written_by=ORIGIN)
    return Imported(file, tuple(work.taken), tuple(work.left))


class _Import:
    """Takes what it knows, and notes what it took and what not."""

    def __init__(self, entities: Mapping[str, Known], access: Mapping[str, str]) -> None:
        self.taken: list[str] = []
        self.left: list[str] = []
        self._entities = entities
        self._access = access
        self._used: set[str] = set()

    def site(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Name and time zone; nobody knows the fuse."""
        found: dict[str, Any] = {}
        name, zone = settings.get("location_name"), settings.get("time_zone")
        if isinstance(name, str) and name.strip():
            found["name"] = name.strip()
        found["main_fuse_a"] = FUSE_A
        if isinstance(zone, str) and "/" in zone:
            found["time_zone"] = zone
        self.left.append(
            f"Main fuse: Home Assistant does not know it. {FUSE_A:g} A on three phases is assumed; correct "
            "site.main_fuse_a, and site.phases for a home with one phase."
        )
        return found

    def meter(self, options: type[BaseModel]) -> dict[str, Any]:
        """The usual names need not be written."""
        entry: dict[str, Any] = {"driver": "home-assistant", **self._access}
        missing = []
        for option, names in METERS.items():
            entity_id = next((f"sensor.{name}" for name in names if f"sensor.{name}" in self._entities), None)
            if entity_id is None:
                missing.append(option)
                continue
            if entity_id != options.model_fields[option].default:
                entry[option] = entity_id
            produced = entity_id.replace("consumption", "production")
            if produced != entity_id and produced in self._entities:
                entry[f"export_{option}"] = produced
        if "power" in missing:
            self.left.append(
                "Meter: no entity for the total power was found, such as sensor.p1_meter_power. Name it as "
                "meter.power."
            )
        else:
            self.taken.append(f"Meter: {entry.get('power', 'sensor.p1_meter_power')} and what belongs to it.")
        phases = [option for option in missing if option.startswith("power_l")]
        if phases:
            self.left.append(
                f"Meter: no entity for {', '.join(phases)}. Without the power of each phase, phases "
                "cannot be protected; name them under 'meter:' if Home Assistant has them."
            )
        return entry

    def batteries(self) -> list[dict[str, Any]]:
        """Those that have entities, as many as are in use."""
        names = {
            found[2]: found[1] for entity_id in self._entities if (found := _BATTERY.fullmatch(entity_id))
        }
        count = self._number("input_number.house_battery_count", "")
        entries = []
        for x in sorted(names, key=lambda x: int(x[1:])):
            if count and int(x[1:]) > count:
                self.left.append(
                    f"Battery {x}: has entities, but house_battery_count is {count:g}: left out."
                )
                continue
            entries.append(self._battery(x, names[x]))
        if not entries:
            self.left.append("Batteries: no entities such as sensor.marstek_m1_ac_power were found.")
        return entries

    def _battery(self, x: str, prefix: str) -> dict[str, Any]:
        name = self._text(f"sensor.{prefix}_device_name")
        entry: dict[str, Any] = {
            "id": x,
            "name": f"Marstek {x.upper()}" if name is None else f"{name} {x.upper()}",
            "driver": "home-assistant",
            **self._access,
            "prefix": prefix,
        }
        rated_w = self._rated_w(prefix)
        if rated_w is not None:
            entry["rated_w"] = rated_w
        for key, entity_id in (
            ("max_charge_w", f"number.{prefix}_max_charge_power"),
            ("max_discharge_w", f"number.{prefix}_max_discharge_power"),
        ):
            limit_w = self._number(entity_id, "w")
            if limit_w is not None and 0.0 <= limit_w < (rated_w or 2500.0):
                entry[key] = limit_w
        self._soc_limits(x, prefix, entry)
        self._phase(x, prefix, entry)
        self.taken.append(f"Battery {x}: {', '.join(f'{k} {entry[k]}' for k in _TOLD if k in entry)}.")
        return entry

    def _rated_w(self, prefix: str) -> float | None:
        """The most that its numbers can be set to; None where that is usual."""
        ranges = [
            self._entities[entity_id].attributes.get("max")
            for way in ("charge", "discharge")
            if (entity_id := f"number.{prefix}_forcible_{way}_power") in self._entities
        ]
        known = [float(most) for most in ranges if isinstance(most, int | float) and 0 < most <= 50_000]
        return max(known) if known and max(known) != 2500.0 else None

    def _soc_limits(self, x: str, prefix: str, entry: dict[str, Any]) -> None:
        low = self._number(f"input_number.{prefix}_discharging_cutoff_capacity", "pct")
        high = self._number(f"input_number.{prefix}_charging_cutoff_capacity", "pct")
        if low is not None and high is not None and low >= high:
            self.left.append(
                f"Battery {x}: cut-offs of {low:g} and {high:g} % leave nothing between: left out."
            )
            return
        entry |= {
            key: value for key, value in (("min_soc_pct", low), ("max_soc_pct", high)) if value is not None
        }

    def _phase(self, x: str, prefix: str, entry: dict[str, Any]) -> None:
        phase = self._text(f"input_select.{prefix}_phase")
        if phase in {"L1", "L2", "L3"}:
            entry["phase"] = phase
        else:
            self.left.append(
                f"Battery {x}: no phase is chosen in input_select.{prefix}_phase. Set it when you know it, "
                "or let Phasewise find it out: docs/identify.md."
            )

    def control(self, ids: Sequence[str]) -> dict[str, Any]:
        """Strategy, order, limits and the strategies' own settings."""
        control: dict[str, Any] = {}
        self._choose(control, "strategy", "input_select.house_battery_strategy", STRATEGIES)
        self._take(
            control, "target_grid_w", "input_number.house_target_grid_consumption_in_w", "w", least=None
        )
        first = self._number("input_number.house_battery_control_prioritize_battery", "")
        if first is not None and f"m{first:.0f}" in ids:
            control["priority"] = [f"m{first:.0f}", *(id_ for id_ in ids if id_ != f"m{first:.0f}")]
        self._choose(control, "cycle", "input_select.house_battery_control_priority_change_interval", CYCLES)
        self._take(control, "idle_minutes", "input_number.house_battery_control_idle_time", "")
        peak: dict[str, Any] = {}
        for way in ("import", "export"):
            if self._text(f"input_boolean.house_battery_control_has_power_limit_{way}") == "on":
                entity_id = f"input_number.house_battery_control_power_limit_{way}"
                self._take(peak, f"{way}_w", entity_id, "w")
            else:
                self._used.add(f"input_number.house_battery_control_power_limit_{way}")
        strategies = {
            "peak": peak,
            "charge": self._goal("charge", CHARGE_GOALS),
            "sell": self._goal("sell", SELL_GOALS),
            "timed": self._timed(),
            "dynamic": self._dynamic(),
        }
        control |= {name: values for name, values in strategies.items() if values}
        if control:
            self.taken.append(f"Control: {', '.join(control)}.")
        return control

    def _goal(self, name: str, goals: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        begin = f"house_battery_strategy_{name}"
        self._choose(found, "goal", f"input_select.{begin}_goal", goals)
        goal = found.get("goal")
        soc_pct = self._number(f"input_number.{begin}_target_soc", "pct")
        energy_kwh = self._number(f"input_number.{begin}_target_energy", "")
        house_kwh = self._number(f"input_number.{begin}_sf_threshold_low", "")
        if goal == "soc":
            found["soc_pct"] = soc_pct
        elif goal == "energy":
            found["energy_kwh"] = energy_kwh
        elif goal == "solar":
            if house_kwh is not None:
                found["reserved_for_house_kwh"] = house_kwh
            self.left.append(
                "Goal 'solar forecast': Phasewise needs a forecast of its own: docs/forecast.md."
            )
        needed = found.get({"soc": "soc_pct", "energy": "energy_kwh"}.get(str(goal), "goal"))
        if goal is not None and (needed is None or (name == "charge" and needed == 0)):
            self.left.append(f"Goal of {name}: '{goal}' has no value that could be used: left out.")
            return {}
        return found

    def _timed(self) -> dict[str, Any]:
        begin = "house_battery_strategy_timed"
        found: dict[str, Any] = {}
        self._choose(found, "default", f"input_select.{begin}_strat_0", IN_TIMED)
        windows = []
        for period in ("a", "b", "c"):
            times = [self._text(f"input_datetime.{begin}_period_{period}{n}") or "" for n in (1, 2)]
            start, end = [said[:5] if _CLOCK.fullmatch(said) else "" for said in times]
            window: dict[str, Any] = {"start": start, "end": end}
            self._choose(window, "strategy", f"input_select.{begin}_strat_{period}", IN_TIMED)
            used = period == "a" or self._text(f"input_boolean.{begin}_has_period_{period}") == "on"
            if used and len(window) == 3 and all(window.values()) and window["start"] != window["end"]:
                windows.append(window)
        return found | ({"windows": windows} if windows else {})

    def _dynamic(self) -> dict[str, Any]:
        begin = "house_battery_strategy_dynamic"
        found: dict[str, Any] = {}
        self._take(found, "max_cheap_h", f"input_number.{begin}_cheapest_hrs", "")
        self._take(found, "max_expensive_h", f"input_number.{begin}_expensive_hrs", "")
        cents = self._number(f"input_number.{begin}_threshold_delta", "")
        if cents is not None and cents >= 0:
            found["min_spread_eur_kwh"] = cents / 100.0
        for key, name in (("cheap", "cheapest"), ("neutral", "default"), ("expensive", "expensive")):
            self._choose(found, key, f"input_select.{begin}_{name}", IN_DYNAMIC)
        source = self._text(f"input_select.{begin}_data_source")
        if source is not None and source != "None":
            self.left.append(f"Prices from {source}: choose a source of Phasewise's own: docs/prices.md.")
        return found

    def rest(self) -> None:
        """Everything of the existing package that has no counterpart."""
        for entity_id, known in sorted(self._entities.items()):
            own = _OWN.fullmatch(entity_id)
            if (
                own
                and entity_id not in self._used
                and not NEEDLESS.match(own[1])
                and known.state not in ABSENT
            ):
                self.left.append(
                    f"{entity_id} ({known.state}): has no counterpart, or not one that is known."
                )

    def _choose(self, into: dict[str, Any], key: str, entity_id: str, words: Mapping[str, str]) -> None:
        said = self._text(entity_id)
        if said is None:
            return
        if said in words:
            into[key] = words[said]
        else:
            self.left.append(f"{entity_id}: '{said}' has no counterpart.")

    def _take(
        self, into: dict[str, Any], key: str, entity_id: str, unit: str, *, least: float | None = 0.0
    ) -> None:
        value = self._number(entity_id, unit)
        if value is not None and (least is None or value >= least):
            into[key] = value

    def _text(self, entity_id: str) -> str | None:
        self._used.add(entity_id)
        known = self._entities.get(entity_id)
        return None if known is None or known.state in ABSENT else known.state

    def _number(self, entity_id: str, unit: str) -> float | None:
        """In W or %; without a unit as it stands."""
        text = self._text(entity_id)
        if text is None:
            return None
        told = self._entities[entity_id].attributes.get("unit_of_measurement")
        try:
            value = in_our_unit(text, told if unit else None, unit or "w")
        except ValueError as error:
            self.left.append(f"{entity_id} {error}: left out.")
            return None
        if unit == "pct" and not 0.0 <= value <= 100.0:
            self.left.append(f"{entity_id} says {text}, which is no share: left out.")
            return None
        if not unit and value < 0.0:
            self.left.append(f"{entity_id} says {text}, which is too low: left out.")
            return None
        return value


_TOLD = ("name", "phase", "rated_w", "max_charge_w", "max_discharge_w", "min_soc_pct", "max_soc_pct")
