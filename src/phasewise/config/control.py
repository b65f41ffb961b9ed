"""The part of the configuration file that says what the batteries should do: `control`."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from phasewise.config.fields import MAPPING, SCALAR, NotNegative, Section, kind
from phasewise.config.strategies import (
    ChargeSection,
    DynamicSection,
    EvOverrideSection,
    SellSection,
    TimedSection,
)
from phasewise.model import (
    CAPACITY_FLOOR_W,
    CapacityTariff,
    ControlSettings,
    Cycle,
    PeakSettings,
    PerPhaseLimit,
    PhaseProtection,
    Regulate,
    Split,
    UnassignedPolicy,
)


class LimitPerPhase(Section):
    """A limit in W or A when the phases differ; a phase that is left out has none."""

    L1: NotNegative | None = None
    """On L1; left out: none."""
    L2: NotNegative | None = None
    """On L2; left out: none."""
    L3: NotNegative | None = None
    """On L3; left out: none."""


PhaseLimit = Annotated[
    Annotated[NotNegative, Tag(SCALAR)] | Annotated[LimitPerPhase, Tag(MAPPING)], Discriminator(kind)
]


def _per_phase(limit: float | LimitPerPhase | None) -> PerPhaseLimit:
    if isinstance(limit, LimitPerPhase):
        return (limit.L1, limit.L2, limit.L3)
    return (limit, limit, limit)


class ProtectionSection(Section):
    """Keep every phase inside its fuse."""

    enabled: bool = False
    """Whether every phase is kept inside its fuse."""
    margin_a: NotNegative = 1.0
    """Distance kept from the rating of the fuse."""
    limit_import_w: PhaseLimit | None = None
    """Limit of a phase's import besides the fuse: one number, or one for each phase."""
    limit_export_w: PhaseLimit | None = None
    """Limit of a phase's export besides the fuse: one number, or one for each phase."""
    limit_import_a: PhaseLimit | None = None
    """Limit of a phase's import current besides the fuse: one number, or one for each phase."""
    limit_export_a: PhaseLimit | None = None
    """Limit of a phase's export current besides the fuse: one number, or one for each phase."""
    unassigned: UnassignedPolicy = UnassignedPolicy.WORST_CASE
    """What batteries without a phase may do: only what is safe on any phase (worst-case), or everything
    (aggregate)."""

    def to_model(self) -> PhaseProtection:
        """The same for the control core."""
        return PhaseProtection(
            enabled=self.enabled,
            margin_a=self.margin_a,
            limit_import_w=_per_phase(self.limit_import_w),
            limit_export_w=_per_phase(self.limit_export_w),
            limit_import_a=_per_phase(self.limit_import_a),
            limit_export_a=_per_phase(self.limit_export_a),
            unassigned=self.unassigned,
        )


class PeakSection(Section):
    """Limits of the grid total."""

    import_w: NotNegative | None = None
    """Most import of all phases together."""
    export_w: NotNegative | None = None
    """Most export of all phases together; 0: never export."""

    def to_model(self) -> PeakSettings:
        """The same for the control core."""
        return PeakSettings(self.import_w, self.export_w)


class TariffSection(Section):
    """The Belgian capacity tariff."""

    enabled: bool = False
    """Whether the quarter-hour mean of the import is kept down, as the Belgian capacity tariff rewards."""
    target_w: NotNegative = CAPACITY_FLOOR_W
    """Quarter-hour mean to stay below; less than 2500 W counts as 2500 W."""

    def to_model(self) -> CapacityTariff:
        """The same for the control core."""
        return CapacityTariff(self.enabled, self.target_w)


class ControlSection(Section):
    """What the batteries should do."""

    strategy: str = "self-consumption"
    """What the batteries are there for."""
    target_grid_w: float = 0.0
    """Grid power to hold; import is positive."""
    regulate: Regulate = Regulate.TOTAL
    """Hold the sum of the phases (total), or each phase by itself (per-phase)."""
    split: Split = Split.PRIORITY
    """How power is divided over the batteries."""
    priority: tuple[str, ...] = ()
    """Ids of the batteries, the first to be charged first; those left out follow as listed."""
    cycle: Cycle = Cycle.NEVER
    """Whether that order turns over time, so that all batteries age alike."""
    prefer_own_phase: bool = False
    """Serve a load from batteries on its own phase first."""
    idle_minutes: NotNegative = 5.0
    """How long a battery that just worked is kept ready. No effect at present."""
    relief_in_full_stop: bool = False
    """Let phase protection act during a full stop too."""
    phase_protection: ProtectionSection = ProtectionSection()
    """Keep every phase inside its fuse."""
    peak: PeakSection = PeakSection()
    """Limits of all phases together."""
    capacity_tariff: TariffSection = TariffSection()
    """The Belgian quarter-hour capacity tariff."""
    charge: ChargeSection = ChargeSection()
    """Settings of the strategy charge."""
    sell: SellSection = SellSection()
    """Settings of the strategy sell."""
    timed: TimedSection = TimedSection()
    """Settings of the strategy timed."""
    dynamic: DynamicSection = DynamicSection()
    """Settings of the strategy dynamic."""
    ev_override: EvOverrideSection = EvOverrideSection()
    """Keep the batteries out of a car's charging and of heavy appliances; off without an input or a
    threshold."""

    def to_model(self, battery_ids: tuple[str, ...], options: dict[str, dict[str, Any]]) -> ControlSettings:
        """The same for the control core; batteries that `priority` leaves out follow as listed.

        `options`: the settings of other packages' strategies.
        """
        rest = tuple(id_ for id_ in battery_ids if id_ not in self.priority)
        return ControlSettings(
            strategy=self.strategy,
            target_grid_w=self.target_grid_w,
            regulate=self.regulate,
            split=self.split,
            priority=self.priority + rest if self.priority else (),
            cycle=self.cycle,
            prefer_own_phase=self.prefer_own_phase,
            idle_minutes=self.idle_minutes,
            relief_in_full_stop=self.relief_in_full_stop,
            phase_protection=self.phase_protection.to_model(),
            peak=self.peak.to_model(),
            capacity_tariff=self.capacity_tariff.to_model(),
            charge=self.charge.to_model(),
            sell=self.sell.to_model(),
            timed=self.timed.to_model(),
            dynamic=self.dynamic.to_model(),
            ev_override=self.ev_override.to_model(),
            options=options,
        )
