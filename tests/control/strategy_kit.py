"""The strategies that come with Phasewise, and short ways to ask them."""

from collections.abc import Mapping, Sequence

from control_kit import battery_settings, picture, seen, settings_of
from msgspec.structs import replace

from phasewise.control.choose import wish
from phasewise.control.decide import decide
from phasewise.control.strategies import Strategy
from phasewise.control.strategies.charge import Charge
from phasewise.control.strategies.charge_pv import ChargePv
from phasewise.control.strategies.full_stop import FullStop
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.control.strategies.sell import Sell
from phasewise.control.strategies.standby import Standby
from phasewise.control.strategies.timed import Timed
from phasewise.control.strategies.zero_import import ZeroImport
from phasewise.model import BatterySettings, Decision, Intent, Settings, Snapshot
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import EstimateMemory, HealthMemory, Memory

STRATEGIES: dict[str, Strategy] = {
    "self-consumption": SelfConsumption(),
    "charge": Charge(),
    "sell": Sell(),
    "charge-pv": ChargePv(),
    "zero-import": ZeroImport(),
    "standby": Standby(),
    "full-stop": FullStop(),
    "timed": Timed(),
}


class Asker:
    """Asks again and again, as the control core does: what was noted is remembered."""

    def __init__(
        self, settings: Settings, *, strategies: Mapping[str, Strategy] = STRATEGIES, utc_s: float = 0.0
    ) -> None:
        self.settings = settings
        self.strategies = strategies
        self.utc_s = utc_s
        self.time_s = 0.0
        self.memory = Memory()
        self.inputs: tuple[str, ...] = ()
        self.forecast: tuple[ForecastInterval, ...] = ()

    def ask(
        self,
        *socs_pct: float | None,
        capacities_wh: Sequence[float | None] = (),
        load_w: float | None = None,
        after_s: float = 1.0,
        unreachable: Sequence[int] = (),
    ) -> Intent:
        """What is wanted when the batteries have these states of charge."""
        self.time_s += after_s
        batteries = [
            seen(
                battery.id,
                time_s=self.time_s,
                soc_pct=soc_pct,
                capacity_wh=capacities_wh[i] if capacities_wh else 5120.0,
                reachable=i not in unreachable,
            )
            for i, (battery, soc_pct) in enumerate(zip(self.settings.batteries, socs_pct, strict=True))
        ]
        snapshot = replace(
            picture(self.time_s, 0.0, batteries, utc_s=self.utc_s),
            inputs=self.inputs,
            forecast=self.forecast,
        )
        healths = tuple(
            [
                _limits(health, battery, soc_pct)
                for health, battery, soc_pct in zip(
                    self.memory.health or [HealthMemory(b.id) for b in self.settings.batteries],
                    self.settings.batteries,
                    socs_pct,
                    strict=True,
                )
            ]
        )
        memory = replace(self.memory, health=healths, estimate=EstimateMemory(load_w=load_w))
        intent = wish(snapshot, self.settings, memory, self.strategies)
        self.memory = replace(memory, notes=intent.notes)
        return intent

    def executing(self, *socs_pct: float | None, **how: object) -> str | None:
        return self.ask(*socs_pct, **how).executing  # type: ignore[arg-type]  # handed on as it is


def _limits(health: HealthMemory, battery: BatterySettings, soc_pct: float | None) -> HealthMemory:
    """Full and empty without their hysteresis."""
    if soc_pct is None:
        return health
    return replace(health, full=soc_pct >= battery.max_soc_pct, empty=soc_pct <= battery.min_soc_pct)


def asker(count: int = 1, *, utc_s: float = 0.0, **control: object) -> Asker:
    """Batteries of 5.12 kWh between 12 and 100 %."""
    return Asker(settings_of(*[battery_settings(f"m{i}") for i in range(count)], **control), utc_s=utc_s)


def decisions(
    settings: Settings, strategies: Mapping[str, Strategy], snapshots: Sequence[Snapshot]
) -> list[Decision]:
    """What `decide` makes of these, one after the other."""
    memory, found = Memory(), []
    for snapshot in snapshots:
        decision, memory = decide(snapshot, settings, memory, strategies)
        found.append(decision)
    return found
