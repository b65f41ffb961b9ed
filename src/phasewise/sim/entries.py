"""The sections of a scenario file: a connection, batteries, a meter, faults, settings, figures."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from phasewise.model import (
    PHASES,
    AlarmCode,
    Assignment,
    BatterySettings,
    Capabilities,
    Connection,
    ControlSettings,
    Override,
    PerPhaseLimit,
    Phase,
    PhaseProtection,
)
from phasewise.model.prices import PriceInterval
from phasewise.sim.battery import BatterySpec
from phasewise.sim.closed_loop import Rounding
from phasewise.sim.house import PerPhase
from phasewise.sim.strict import Percent, Positive, Power, Seconds, Share, Strict, Watts

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+$")]


class MetricKind(StrEnum):
    """What can be measured; less is better in all of them."""

    SETTLE = "settle"
    IMPORT = "import"
    EXPORT = "export"
    EXCHANGED = "exchanged"
    OVERSHOOT = "overshoot"
    RMS = "rms"
    SWINGS = "swings"
    WRITES = "writes"
    STOP = "stop"
    FUSE = "fuse"
    PHASE_CLEAR = "phase-clear"
    PHASE_OVER = "phase-over"
    PHASE_POWER = "phase-power"
    PHASE_IMPORT = "phase-import"
    PHASE_SWINGS = "phase-swings"
    OPPOSED = "opposed"
    ALARM_RAISED = "alarm-raised"
    ALARM_COUNT = "alarm-count"
    PEAK_CLEAR = "peak-clear"
    PEAK_WASTED = "peak-wasted"
    QUARTER_PEAK = "quarter-peak"
    CHARGED = "charged"
    DISCHARGED = "discharged"
    SOC_OFF = "soc-off"
    OTHER_STRATEGY = "other-strategy"
    STRATEGY_CHANGES = "strategy-changes"

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return _UNITS[self]


_UNITS = {
    MetricKind.SETTLE: "s",
    MetricKind.IMPORT: "Wh",
    MetricKind.EXPORT: "Wh",
    MetricKind.EXCHANGED: "Wh",
    MetricKind.OVERSHOOT: "W",
    MetricKind.RMS: "W",
    MetricKind.SWINGS: "",
    MetricKind.WRITES: "/min",
    MetricKind.STOP: "s",
    MetricKind.FUSE: "%",
    MetricKind.PHASE_CLEAR: "s",
    MetricKind.PHASE_OVER: "s",
    MetricKind.PHASE_POWER: "W",
    MetricKind.PHASE_IMPORT: "W",
    MetricKind.PHASE_SWINGS: "",
    MetricKind.OPPOSED: "s",
    MetricKind.ALARM_RAISED: "s",
    MetricKind.ALARM_COUNT: "",
    MetricKind.PEAK_CLEAR: "s",
    MetricKind.PEAK_WASTED: "Wh",
    MetricKind.QUARTER_PEAK: "W",
    MetricKind.CHARGED: "Wh",
    MetricKind.DISCHARGED: "Wh",
    MetricKind.SOC_OFF: "%",
    MetricKind.OTHER_STRATEGY: "s",
    MetricKind.STRATEGY_CHANGES: "",
}


class Metric(Strict, frozen=True):
    """One figure, and how large it may be. Times count from the end of the warm-up."""

    name: str
    kind: MetricKind
    from_s: Seconds = 0.0
    until_s: Seconds | None = None
    """Null: the end of the run."""
    edges_s: tuple[Seconds, ...] = (0.0,)
    """`overshoot` and `swings`: when the load jumps."""
    band_w: Power = 100.0
    """`settle`: the grid total counts as settled within this. `swings`: a swing leaves it on both sides.
    `phase-swings`: a smaller turn does not count."""
    hold_s: Seconds = 8.0
    """`settle`: for this long."""
    phases: tuple[Phase, ...] = PHASES
    """The phases that a `phase-...` figure and `fuse` look at."""
    limit_a: Positive | None = None
    """`phase-clear` and `phase-over`: null = the rating of each phase."""
    expected_w: Watts = 0.0
    """`phase-power`: what the phases should carry together."""
    battery: str | None = None
    """`stop`: this one alone; null = every battery."""
    alarm: AlarmCode | None = None
    """`alarm-raised` and `alarm-count`; null (`alarm-count` only) = any."""
    expected_soc_pct: Percent = 0.0
    """`soc-off`: the mean of all batteries at the end of the span."""
    strategy: str | None = None
    """`other-strategy`: the one that should run."""
    subject: str | None = None
    """The same: what the alarm is about; null = whatever it is about."""
    must: float | None = None
    """At most this, or the scorecard fails."""
    goal: float | None = None


class FaultKind(StrEnum):
    """What can go wrong during a run."""

    METER_DEAD = "meter-dead"
    METER_REPLAYS = "meter-replays"
    METER_NO_PHASES = "meter-no-phases"
    PHASE_LOST = "phase-lost"
    BATTERY_UNREACHABLE = "battery-unreachable"
    BATTERY_IGNORES = "battery-ignores"
    BATTERY_INVERTED = "battery-inverted"
    TELEMETRY_FROZEN = "telemetry-frozen"
    TELEMETRY_LATE = "telemetry-late"

    @property
    def of_meter(self) -> bool:
        """Whether it is the meter's, not one battery's."""
        return self in _OF_METER


_OF_METER = frozenset(
    {FaultKind.METER_DEAD, FaultKind.METER_REPLAYS, FaultKind.METER_NO_PHASES, FaultKind.PHASE_LOST}
)


class Fault(Strict, frozen=True):
    """Something that goes wrong, and perhaps recovers."""

    kind: FaultKind
    at_s: Seconds
    until_s: Seconds | None = None
    battery: str | None = None
    phase: Phase | None = None
    """`phase-lost`: whose reading is missing from the telegrams."""
    late_s: Seconds = 10.0
    """`telemetry-late`: how old the values are."""


class HoldEntry(Strict, frozen=True):
    """What the user holds one battery at, instead of the strategy."""

    power_w: Watts
    until_s: Seconds | None = None
    """Null: to the end of the run."""


class BatteryEntry(BatterySpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One battery: its physics, where it is, and what the user said of it."""

    id: Name
    connected_to: Assignment
    """Where it truly is: L1, L2, L3 or three-phase."""
    phase: Assignment = Assignment.UNASSIGNED
    """What the controller is told."""
    soc_pct: Percent = 50.0
    reserve_soc_pct: Percent = 12.0
    """The user's own limits; `min_soc_pct` is where the unit itself refuses."""
    ceiling_soc_pct: Percent = 100.0
    hold: HoldEntry | None = None

    def settings(self, read_cadence_s: float, starts_utc_s: float) -> BatterySettings:
        """What the controller knows of it: never its dead time, ramp or true phase."""
        capabilities = Capabilities(
            self.max_charge_w,
            self.max_discharge_w,
            min_power_w=self.min_power_w,
            read_cadence_s=read_cadence_s,
        )
        return BatterySettings(
            id=self.id,
            name=self.id,
            capabilities=capabilities,
            phase=self.phase,
            max_charge_w=self.max_charge_w,
            max_discharge_w=self.max_discharge_w,
            min_soc_pct=self.reserve_soc_pct,
            max_soc_pct=self.ceiling_soc_pct,
            override=self._override(starts_utc_s),
        )

    def _override(self, starts_utc_s: float) -> Override:
        if self.hold is None:
            return Override()
        until_s = None if self.hold.until_s is None else starts_utc_s + self.hold.until_s
        return Override(hold_power_w=self.hold.power_w, hold_until_utc_s=until_s)


class MeterEntry(Strict, frozen=True):
    """The meter."""

    cadence_s: Positive = 1.0
    delay_s: Seconds = 1.0
    """How late a sample is seen."""
    assumed_delay_s: Seconds | None = None
    """How late the controller takes it to be; null: it knows."""
    noise_w: Power = 5.0
    """Standard deviation of the total."""
    current_quantum_a: Positive = 1.0
    current_rounding: Rounding = Rounding.NEAREST
    dropouts: Share = 0.0


class TelemetryEntry(Strict, frozen=True):
    """How the batteries are read."""

    cadence_s: Positive = 2.0
    delay_s: Seconds = 0.0
    """How old the values are."""
    capacity: bool = False
    """Whether they tell their capacity."""


class FuseEntry(Strict, frozen=True):
    """`main_fuse_a` when the phases differ."""

    L1: Positive
    L2: Positive
    L3: Positive


class PricesEntry(Strict, frozen=True):
    """Prices from the beginning of the scenario, without the warm-up."""

    buy_eur_kwh: tuple[float, ...]
    sell_eur_kwh: tuple[float, ...] | None = None
    """As many; null: the same."""
    interval_s: Positive = 3600.0

    def __post_init__(self) -> None:
        """Each interval has one price each way."""
        if self.sell_eur_kwh is not None and len(self.sell_eur_kwh) != len(self.buy_eur_kwh):
            raise ValueError(f"sell_eur_kwh needs {len(self.buy_eur_kwh)} prices, as many as buy_eur_kwh")

    def intervals(self, starts_utc_s: float) -> tuple[PriceInterval, ...]:
        """As the controller sees them."""
        sells = self.buy_eur_kwh if self.sell_eur_kwh is None else self.sell_eur_kwh
        return tuple(
            PriceInterval(
                starts_utc_s + n * self.interval_s, starts_utc_s + (n + 1) * self.interval_s, buy, sell
            )
            for n, (buy, sell) in enumerate(zip(self.buy_eur_kwh, sells, strict=True))
        )


class SiteEntry(Strict, frozen=True):
    """The connection: three phases."""

    main_fuse_a: Positive | FuseEntry = 25.0
    voltage_v: Positive = 230.0
    connection: Connection = Connection.STAR
    """What the controller is told; the simulated house has a neutral."""

    @property
    def ratings_a(self) -> PerPhase:
        """Rating of the fuse of each phase."""
        fuse = self.main_fuse_a
        return (fuse.L1, fuse.L2, fuse.L3) if isinstance(fuse, FuseEntry) else (fuse, fuse, fuse)


class ProtectionEntry(PhaseProtection, frozen=True, forbid_unknown_fields=True):
    """As in the configuration; a limit that is one number holds on every phase."""

    # A list of three once it is read: what the control core expects. (No `Power` here: beside a tuple,
    # msgspec 0.22 compares with a bound that it read from elsewhere.)
    limit_import_w: float | PerPhaseLimit | None = None  # type: ignore[assignment]  # see above
    limit_export_w: float | PerPhaseLimit | None = None  # type: ignore[assignment]  # see above
    limit_import_a: float | PerPhaseLimit | None = None  # type: ignore[assignment]  # see above
    limit_export_a: float | PerPhaseLimit | None = None  # type: ignore[assignment]  # see above

    def __post_init__(self) -> None:
        """Turn single numbers into one per phase."""
        for name in ("limit_import_w", "limit_export_w", "limit_import_a", "limit_export_a"):
            limit_w = getattr(self, name)
            limits_w = limit_w if isinstance(limit_w, tuple) else (limit_w,) * 3
            if any(limit_w is not None and limit_w < 0 for limit_w in limits_w):
                raise ValueError(f"{name} must be 0 or more")
            msgspec.structs.force_setattr(self, name, limits_w)


class ControlEntry(ControlSettings, frozen=True, forbid_unknown_fields=True):
    """As in the configuration."""

    phase_protection: ProtectionEntry = ProtectionEntry()
