"""What other settings would have decided on a recording. Open loop: the recorded house does not react.

At every instant the changed settings find the world as it was recorded: the grid, what the batteries read,
and what they had been told. Otherwise a battery that did what it was told then would soon pass for one that
does not obey. Only what a controller keeps of its own decisions (its setpoints, the power it wanted) goes on
from instant to instant.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from phasewise.model import BatteryDecision, Command, Decision, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.replay.differ import differences
from phasewise.replay.recording import Header, Record, ReplayError, Torn
from phasewise.replay.replay import (
    Moment,
    Player,
    Recorded,
    Resumed,
    Strategies,
    attempt,
    iso,
    recorded_lines,
    require_strategy,
)

Change = Callable[[Settings], Settings]

OPEN_LOOP = (
    "Open loop: grid and batteries are as recorded and do not react to the changed decisions. "
    "What would have come of them: phasewise simulate."
)
FIRST_AT_MOST = 5
"""Enough to see what sort of difference it is."""


class BatteryWhatIf(Struct, frozen=True):
    """One battery's setpoints, both ways. Energies >= 0."""

    id: str
    recorded_charge_wh: float
    recorded_discharge_wh: float
    changed_charge_wh: float
    changed_discharge_wh: float
    mean_difference_w: float
    """Mean of the magnitude, over time."""


class Instant(Struct, frozen=True):
    """Where a battery begins to be told something else. Charging positive."""

    time: str
    """ISO 8601, UTC."""
    id: str
    recorded_w: float
    changed_w: float
    recorded_why: str
    changed_why: str


class WhatIf(Struct, frozen=True):
    """What a change of settings would have decided."""

    recorded: Recorded
    unfaithful: int
    """Decisions that come out otherwise here than recorded, already with the recorded settings."""
    differing: int
    """Decisions in which a battery is told something else."""
    batteries: tuple[BatteryWhatIf, ...]
    first: tuple[Instant, ...]
    """The first few of them."""
    alarms: tuple[str, ...]
    """Alarms that only the changed settings raise."""
    note: str = OPEN_LOOP


class _Sum:
    """One battery's sums."""

    def __init__(self) -> None:
        self.charge_ws = [0.0, 0.0]
        self.discharge_ws = [0.0, 0.0]
        self.difference_ws = 0.0

    def add(self, recorded_w: float, changed_w: float, seconds: float) -> None:
        for side, power_w in enumerate((recorded_w, changed_w)):
            self.charge_ws[side] += max(power_w, 0.0) * seconds
            self.discharge_ws[side] += max(-power_w, 0.0) * seconds
        self.difference_ws += abs(recorded_w - changed_w) * seconds


class _Tally:
    """Gathers what differs."""

    def __init__(self) -> None:
        self.sums: dict[str, _Sum] = {}
        self.first: list[Instant] = []
        self.alarms: dict[tuple[str, str | None], str] = {}
        self.differing = 0
        self.seconds = 0.0
        self._others: list[str] = []
        """Batteries that were told something else the last time."""
        self._last: tuple[float, dict[str, tuple[float, float]]] | None = None

    def add(self, snapshot: Snapshot, recorded: Decision, changed: Decision) -> None:
        self._count_energy(snapshot.time_s)
        pairs = {b.id: (b, c) for b in recorded.batteries for c in changed.batteries if c.id == b.id}
        told_w = {i: (_told_w(b), _told_w(c)) for i, (b, c) in pairs.items()}
        self._last = snapshot.time_s, told_w
        others = [i for i, (recorded_w, changed_w) in told_w.items() if recorded_w != changed_w]
        self.differing += bool(others)
        began = [battery_id for battery_id in others if battery_id not in self._others]
        self._others = others
        for battery_id in began[: FIRST_AT_MOST - len(self.first)]:
            b, c = pairs[battery_id]
            time = iso(snapshot.utc_s)
            self.first.append(Instant(time, battery_id, *told_w[battery_id], _why(b), _why(c)))
        for alarm in changed.alarms:
            if alarm not in recorded.alarms:
                text = " ".join(filter(None, (alarm.code.value, alarm.subject, alarm.detail)))
                self.alarms.setdefault((alarm.code, alarm.subject), text)

    def pause(self) -> None:
        """Nothing is known until the next instant."""
        self._last = None

    def _count_energy(self, now_s: float) -> None:
        if self._last is None:
            return
        since_s, told_w = self._last
        seconds = now_s - since_s
        self.seconds += seconds
        for battery_id, (recorded_w, changed_w) in told_w.items():
            self.sums.setdefault(battery_id, _Sum()).add(recorded_w, changed_w, seconds)

    def batteries(self) -> tuple[BatteryWhatIf, ...]:
        seconds = self.seconds or 1.0
        return tuple(
            BatteryWhatIf(
                battery_id,
                total.charge_ws[0] / 3600.0,
                total.discharge_ws[0] / 3600.0,
                total.charge_ws[1] / 3600.0,
                total.discharge_ws[1] / 3600.0,
                total.difference_ws / seconds,
            )
            for battery_id, total in self.sums.items()
        )


def what_if(
    header: Header, records: Iterable[Record | Torn], strategies: Strategies, change: Change
) -> WhatIf:
    """Decide everything again with the recorded and with changed settings, side by side.

    `change` makes the settings to try of those that were in force. Both sides are decided by this version.
    Raises ReplayError, also for settings that do not fit the recorded batteries.
    """
    player = Player(header, records, strategies)
    tally = _Tally()
    memory = header.memory
    settings: Settings | None = None
    unfaithful = 0
    for moment in player.play():
        if isinstance(moment, Resumed):
            memory = moment.memory
            tally.pause()
        if not isinstance(moment, Moment):
            continue
        unfaithful += bool(differences(moment.recorded, moment.here))
        if isinstance(moment.here, str) or isinstance(moment.recorded, str):
            memory = Memory()
            continue
        if moment.settings is not settings:
            settings = moment.settings
            changed = change(settings)
            require_strategy(changed.control.strategy, strategies)
        snapshot = _arranged(moment.snapshot, changed)
        decision, remembered = attempt(snapshot, changed, memory, strategies)
        if isinstance(decision, str):
            raise ReplayError(f"No decision with these settings at {iso(snapshot.utc_s)}: {decision}")
        tally.add(snapshot, moment.here, decision)
        memory = _as_recorded(remembered, moment.memory)
    return WhatIf(
        recorded=player.recorded(),
        unfaithful=unfaithful,
        differing=tally.differing,
        batteries=tally.batteries(),
        first=tuple(tally.first),
        alarms=tuple(tally.alarms.values()),
    )


def _arranged(snapshot: Snapshot, settings: Settings) -> Snapshot:
    """With the batteries in the order of the settings."""
    seen = {battery.id: battery for battery in snapshot.batteries}
    wanted = [battery.id for battery in settings.batteries]
    if set(wanted) != set(seen):
        raise ReplayError(
            f"The settings have the batteries {', '.join(wanted) or 'none'}, the recording has "
            f"{', '.join(seen) or 'none'} at {iso(snapshot.utc_s)}. They must be the same."
        )
    return replace(snapshot, batteries=tuple(seen[i] for i in wanted))


def _as_recorded(memory: Memory, recorded: Memory) -> Memory:
    """The memory of the changed settings, with what the world was told and did as recorded."""
    seen = {health.id: health for health in recorded.health}
    return replace(
        memory,
        started_s=recorded.started_s,
        fresh_samples=recorded.fresh_samples,
        estimate=recorded.estimate,
        # Empty and full are judged by the settings, not seen.
        health=tuple(replace(seen[own.id], empty=own.empty, full=own.full) for own in memory.health),
    )


def _told_w(battery: BatteryDecision) -> float:
    return 0.0 if battery.command is Command.NONE else battery.setpoint_w


def _why(battery: BatteryDecision) -> str:
    return ", ".join(reason.code.value for reason in battery.reasons)


def what_if_lines(result: WhatIf) -> Iterator[str]:
    """What there is to say, but for the table."""
    yield from recorded_lines(result.recorded)
    if result.unfaithful:
        share = f"{result.unfaithful} of {result.recorded.decisions}"
        yield (
            f"With the recorded settings {share} decisions come out otherwise here than recorded: both sides "
            "below are what this version decides."
        )
    yield result.note
    yield f"{result.differing} of {result.recorded.decisions} decisions tell a battery something else."
    for at in result.first:
        recorded = f"recorded {at.recorded_w:.0f} W" + (f" ({at.recorded_why})" if at.recorded_why else "")
        changed = f"changed {at.changed_w:.0f} W" + (f" ({at.changed_why})" if at.changed_why else "")
        yield f"  {at.time} {at.id}: {recorded}, {changed}"
    for alarm in result.alarms:
        yield f"An alarm that only the changed settings raise: {alarm}"


def what_if_rows(result: WhatIf) -> Iterator[tuple[str, str, str, str]]:
    """Rows for a table: what, recorded, changed, mean difference."""
    for b in result.batteries:
        difference = f"{b.mean_difference_w:.0f} W"
        yield (
            f"{b.id} told to charge",
            f"{b.recorded_charge_wh:.0f} Wh",
            f"{b.changed_charge_wh:.0f} Wh",
            difference,
        )
        yield (
            f"{b.id} told to discharge",
            f"{b.recorded_discharge_wh:.0f} Wh",
            f"{b.changed_discharge_wh:.0f} Wh",
            "",
        )
