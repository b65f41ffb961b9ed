"""What meters and batteries report. Positive power = import from the grid, and charging.

An absent quantity is None: never NaN, never 0.
"""

from msgspec import Struct

from phasewise.model.phase import Phase


class PhaseReading(Struct, frozen=True):
    """One phase of a meter reading; every quantity the meter does not report is None."""

    power_w: float | None = None
    """Real power, import positive."""
    current_a: float | None = None
    """RMS current as the meter gives it: many meters give no sign, so it is a magnitude."""
    voltage_v: float | None = None


class GridReading(Struct, frozen=True):
    """One accepted telegram of the main meter."""

    received_s: float
    """Monotonic time at which the last byte arrived."""
    total_power_w: float
    """The meter's own total, import positive. Never a sum over phases: rounding would differ."""
    phases: tuple[PhaseReading | None, PhaseReading | None, PhaseReading | None] = (None, None, None)
    """L1, L2, L3; None where this telegram says nothing of the phase."""
    sample_age_s: float = 1.0
    """How old the measured values are at `received_s`, as far as is known of this kind of meter."""
    meter_time_s: float | None = None
    """The meter's own timestamp as Unix time (UTC), where it has one."""
    content_id: int | None = None
    """A checksum of the payload: equal content has an equal id. Used where the meter has no clock."""
    current_quantum_a: float | None = None
    """Resolution of `current_a`: 1.0 for whole amps, 0.01 for Belgian meters; None without currents."""
    current_allowance_a: float = 0.0
    """How much larger a true current may be than `current_a` says: half a quantum for a meter that rounds,
    a whole one for one that truncates."""
    energy_import_wh: float | None = None
    energy_export_wh: float | None = None
    quarter_demand_w: float | None = None
    """Energy imported in the running clock quarter so far, over a whole quarter of an hour (1-0:1.4.0): it
    begins at 0 and grows. So a demand register is defined (IEC 62056-6-2, class 5: current average value)."""
    month_peak_w: float | None = None
    """Highest quarter demand of the month (1-0:1.6.0)."""
    meter_id: str | None = None

    @property
    def sampled_s(self) -> float:
        """Monotonic time the values were measured at, by the best knowledge of the driver."""
        return self.received_s - self.sample_age_s

    def phase(self, phase: Phase) -> PhaseReading | None:
        """The reading of one phase, or None where the telegram says nothing of it."""
        return self.phases[phase.ordinal]


class BatteryReading(Struct, frozen=True):
    """One telemetry reading of a battery."""

    time_s: float
    """Monotonic time at which the reading was complete."""
    ac_power_w: float | None
    """Power at the AC terminals, charging positive. This, not DC power, is what the meter sees."""
    soc_pct: float | None
    """State of charge, 0 to 100."""
    battery_power_w: float | None = None
    """Power of the cells (DC), charging positive."""
    pv_power_w: float | None = None
    """Power of the unit's own PV inputs, >= 0; None for a unit without them."""
    controllable: bool = True
    """False while the device is in a state in which it does not take setpoints (backup, update...)."""
    state: str | None = None
    """The device's own word for its state, for people: `standby`, `charge`, `update`..."""
    readback_w: float | None = None
    """The setpoint that the device says it holds; None if it can't be read."""
    temperature_c: float | None = None
    capacity_wh: float | None = None
    energy_charged_wh: float | None = None
    energy_discharged_wh: float | None = None
    told_phase: str | None = None
    """The phase that was set for it where the reading comes from: L1, L2 or L3; None where none was. Only
    compared with the configured one, never used."""
