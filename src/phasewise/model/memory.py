"""What the control core remembers from one decision to the next: frozen and serialisable."""

from msgspec import Struct

from phasewise.model.phase import Phase


class TimedPower(Struct, frozen=True):
    """A power at an instant: a command that was given, or a reading. Charging positive."""

    time_s: float
    power_w: float


class Track(Struct, frozen=True):
    """Where one battery's AC power can be, given what it was told and what it was seen to do."""

    id: str
    at_s: float
    """The instant that `lo_w` and `hi_w` speak of."""
    lo_w: float
    hi_w: float
    commands: tuple[TimedPower, ...]
    """Oldest first; whatever came before the first is certainly superseded, the newest may be on its way."""
    pending: tuple[TimedPower, ...] = ()
    """Readings newer than `at_s`, not used yet."""
    read_s: float = float("-inf")
    """Time of the newest reading taken in."""
    read_w: float = 0.0
    """AC power in that reading."""
    dead_hi_s: float = 4.3
    """Its longest dead time: the longest that is possible, until it was seen to act on commands."""
    run: tuple[TimedPower, ...] = ()
    """Where it rested, then commands that all go one way; empty after a turn. It is watched for these."""
    seen: tuple[tuple[float, float], ...] = ()
    """Bounds of the dead time from the last telling readings."""


class EstimateMemory(Struct, frozen=True):
    """Memory of the load estimate."""

    load_w: float | None = None
    history: tuple[TimedPower, ...] = ()
    """The last few estimates, oldest first."""
    tracks: tuple[Track, ...] = ()


class RegulateMemory(Struct, frozen=True):
    """Memory of the regulator."""

    wanted_w: float | None = None
    """The sum it asked for last; None after a start, a stop or a loss of the meter."""
    trim_w: float = 0.0
    """Filtered error that is too small to act on at once."""
    changed_s: float = float("-inf")
    """When a small error was last acted on."""


class SteerMemory(Struct, frozen=True):
    """Memory of the way from one split to the next."""

    looked_s: float = float("-inf")
    """When power was last handed over or looked for; after a large step, set ahead to wait for quiet."""
    turning_s: float | None = None
    """Since when units wait for others to stop working the other way; None when none do."""


Drawn = tuple[float, Phase | None]
"""Estimated load in W, import positive, of a phase or (None) of the whole house."""


class HealthMemory(Struct, frozen=True):
    """What is held against or remembered of one battery."""

    id: str
    judged_s: float = float("-inf")
    """Time of the newest reading that was judged."""
    commanded_w: float | None = None
    """The setpoint in force; None before the first: nothing can be held against it."""
    commanded_s: float = float("-inf")
    """Since when."""
    steady_since_s: float = float("-inf")
    """Since when that setpoint has stayed where it is, within STEADY_W."""
    steady_w: float = 0.0
    """Where it stayed."""
    obeyed: Drawn | None = None
    """The load where it is, when it was told something new and had done the old; None while unknown."""
    sign_since_s: float = float("-inf")
    """Since when the setpoint has had the same direction."""
    sign_read_w: float = 0.0
    """AC power it was seen at when the direction changed."""
    charged_s: float = float("-inf")
    """Until when it was told to charge, before the setpoint in force."""
    discharged_s: float = float("-inf")
    """The same for discharging."""
    read_w: float = 0.0
    """AC power in the newest reading that was judged."""
    deaf_since_s: float | None = None
    """Since when it has not done what it was told; woken then."""
    excluded_until_s: float = float("-inf")
    backward: int = 0
    """Consecutive readings that moved against the command."""
    stopped: bool = False
    """Moved against the command for too long: stays off until restarted."""
    lost_setpoints: int = 0
    """Readings in a row in which the device held another setpoint than it was given."""
    wake: bool = False
    """Write everything again with the next setpoint."""
    cap_charge_w: float | None = None
    cap_discharge_w: float | None = None
    """The most it was seen to follow when told more; >= 0; None = no such limit seen."""
    empty: bool = False
    """Reached its SoC floor and has not recovered by the hysteresis yet."""
    full: bool = False
    """Reached its SoC ceiling and has not fallen by the hysteresis yet."""
    rested_s: float = float("-inf")
    """When it was last told to rest after it had worked."""


class PhaseMemory(Struct, frozen=True):
    """Memory of the protection of one phase."""

    seen_s: float = float("-inf")
    """Time of the last sample that had a reading of it."""
    in_a_row: int = 0
    """Samples in a row that had one."""
    with_meter: bool = False
    """It was not heard because the whole meter was not, and is not trusted again yet."""
    load_w: float | None = None
    """Estimated power without the batteries assigned to it, import positive; None while unknown."""
    reactive_va2: float = 0.0
    """Square of its reactive power: rises at once, decays over minutes."""
    reactive_seen_va2: float = 0.0
    """The same from the newest sample alone."""
    lo_room_w: float | None = None
    """Least power that its batteries and the unassigned ones may have together; None = as the limits say."""
    hi_room_w: float | None = None
    """Most power, likewise."""
    bound_s: float = float("-inf")
    """When a limit of it last held a battery back, or made it work."""


class OverloadLook(Struct, frozen=True):
    """Phases and batteries at a moment of an overload; what they do until the next look is compared."""

    time_s: float
    placed: tuple[tuple[str, str], ...]
    """The id and the assignment of each battery."""
    loads_w: tuple[float | None, ...]
    """Of each phase, as estimated."""
    powers_w: tuple[float | None, ...]
    """Of each battery, charging positive; None for one that can't be told apart from the load."""


class Doubt(Struct, frozen=True):
    """A battery whose relief showed on another phase than the one that is set for it."""

    battery: str
    """Its id."""
    phase: Phase
    """The one that is set."""
    seen_on: Phase | None
    """The other one; None when a second look showed that it is where it is said to be."""
    since_s: float
    until_s: float
    """Until then it rests, or is not doubted again."""
    loads_w: tuple[float | None, ...]
    """Loads of the phases when the doubt began, as estimated."""
    power_w: float
    """What it did then."""


class ProtectionMemory(Struct, frozen=True):
    """Memory of phase protection; untouched while it does nothing."""

    phases: tuple[PhaseMemory, ...] = ()
    """One per phase of the home."""
    relief_w: tuple[float, ...] = ()
    """What each battery does for relief now, in the order of the settings, charging positive."""
    look: OverloadLook | None = None
    """The last look at an overload that goes on; None while there is none."""
    doubts: tuple[Doubt, ...] = ()


class PeakMemory(Struct, frozen=True):
    """Memory of the limits of the grid total."""

    side: int = 0
    """The limit that was exceeded last: 1 import, -1 export, 0 none for a while."""
    exceeded_s: float = float("-inf")
    """When it last was."""
    target_w: float | None = None
    """What all batteries together are held to for it; None while the strategy has its way."""


class QuarterMemory(Struct, frozen=True):
    """Memory of the capacity tariff; untouched while it is off."""

    start_utc_s: float | None = None
    """Begin of the running clock quarter; None before the first sample."""
    at_utc_s: float = 0.0
    """Time of the last sample, by the meter's clock where it has one."""
    import_w: float = 0.0
    """Import in that sample, >= 0."""
    imported_wh: float = 0.0
    """Since the quarter began."""
    complete: bool = False
    """Whether all of the quarter was seen; what was not seen counts as at the target."""
    limit_w: float | None = None
    """Import that batteries hold the grid to for it; None while none is needed."""
    month: str = ""
    """The month that the peak is of, such as 2026-11, in local time."""
    month_peak_w: float = 0.0
    """Highest mean of a quarter in it."""


class PerPhaseMemory(Struct, frozen=True):
    """Memory of regulation phase by phase; untouched while the total is held."""

    regulate: tuple[RegulateMemory, ...] = ()
    """One per phase of the home."""
    steer: tuple[SteerMemory, ...] = ()
    """Of the three-phase batteries, then of those of L1, L2 and L3."""


class PreferMemory(Struct, frozen=True):
    """Memory of the user's preferences; untouched while none needs it."""

    slot: int | None = None
    """The half hour, counted in UTC, in which the order by charge was made."""
    order: tuple[str, ...] = ()
    """That order: battery ids, first to be charged first."""
    socs_pct: dict[str, float] = {}
    """Charge per battery by which a balanced split makes its parts. Not to be changed."""


class PlanMemory(Struct, frozen=True):
    """What a strategy planned for the present price interval. Gone once it is not returned again."""

    start_utc_s: float
    """Begin of that interval."""
    about: int
    """A fingerprint of what it was made from: another plan is due when this changes."""
    made_s: float
    """When it was made."""
    stored_wh: tuple[float, ...]
    """Corners of the curve of what the time after the interval costs: stored energy..."""
    cost_eur: tuple[float, ...]
    """...and cost."""
    pays: tuple[bool, bool, bool, bool] = (False, False, False, False)
    """What paid at the last decision: grid to store, surplus to store, store to house, store to grid."""


class Memory(Struct, frozen=True):
    """Everything `decide` remembers."""

    started_s: float | None = None
    """Time of the first decision."""
    fresh_samples: int = 0
    """Samples in a row since the start or since the meter was lost; control begins at the second."""
    estimate: EstimateMemory = EstimateMemory()
    regulate: RegulateMemory = RegulateMemory()
    steer: SteerMemory = SteerMemory()
    health: tuple[HealthMemory, ...] = ()
    setpoints_w: tuple[float, ...] = ()
    """What each battery was told last, in the order of the settings."""
    executing: str = ""
    notes: tuple[str, ...] = ()
    """What the strategy asked to be remembered at its last call."""
    protection: ProtectionMemory = ProtectionMemory()
    fuse_used: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Thermal budget used per phase, 0 to 1."""
    fuse_s: float | None = None
    """As of when."""
    peak: PeakMemory = PeakMemory()
    quarter: QuarterMemory = QuarterMemory()
    plan: PlanMemory | None = None
    """What the strategy planned, as it returned it at its last call."""
    prefer: PreferMemory = PreferMemory()
    per_phase: PerPhaseMemory = PerPhaseMemory()


def begun_anew(memory: Memory) -> Memory:
    """All forgotten but what a restart keeps as well: the month's highest quarter."""
    quarter = QuarterMemory(month=memory.quarter.month, month_peak_w=memory.quarter.month_peak_w)
    return Memory(quarter=quarter)
