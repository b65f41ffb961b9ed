"""Feeds what was recorded through `decide` once more: do the same decisions come out?"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from phasewise import __version__
from phasewise.control.decide import decide
from phasewise.control.strategies import Strategy
from phasewise.model import Decision, Settings, Snapshot
from phasewise.model.memory import Memory, begun_anew
from phasewise.replay.differ import Difference, differences
from phasewise.replay.recording import (
    Changed,
    Checkpoint,
    Failed,
    Header,
    Record,
    ReplayError,
    Step,
    Torn,
)

Strategies = Mapping[str, Strategy]


class Moment(Struct, frozen=True):
    """One decision, as recorded and as it comes out here."""

    snapshot: Snapshot
    settings: Settings
    recorded: Decision | str
    """Or why there was none."""
    here: Decision | str
    memory: Memory
    """What is remembered after it."""


class Remembered(Struct, frozen=True):
    """Memory at one point, as recorded and as it is here."""

    recorded: Memory
    here: Memory


class Resumed(Struct, frozen=True):
    """A gap: what comes next was recorded later, or after a restart."""

    memory: Memory
    """With which it went on there."""


class Recorded(Struct, frozen=True):
    """A recording in numbers."""

    by: str
    """The version of Phasewise; several where it was updated meanwhile."""
    begin: str | None
    """ISO 8601, UTC; None without any decision."""
    end: str | None
    decisions: int
    failed: int
    """Of these, the ones where `decide` failed."""
    torn_bytes: int
    """An unfinished record of so many bytes at the end was left out."""


class Player:
    """Decides again, record by record, and counts."""

    def __init__(self, header: Header, records: Iterable[Record | Torn], strategies: Strategies) -> None:
        """Raises ReplayError for a strategy that is not installed here, as does `play`."""
        self._header = header
        self._by = {header.version: None}
        self._records = records
        self._strategies = strategies
        self._check_strategy(header.settings)
        self._begin_s: float | None = None
        self._end_s: float | None = None
        self._decisions = 0
        self._failed = 0
        self._torn_bytes = 0

    def play(self) -> Iterator[Moment | Remembered | Resumed]:
        """Every decision, and memory wherever the recording has it; from there it goes on as recorded."""
        settings, memory = self._header.settings, self._header.memory
        for record in self._records:
            match record:
                case Step(snapshot, decision):
                    here, memory = attempt(snapshot, settings, memory, self._strategies)
                    yield self._counted(Moment(snapshot, settings, decision, here, memory))
                case Failed(snapshot, error):
                    here, _ = attempt(snapshot, settings, memory, self._strategies)
                    memory = begun_anew(memory)
                    yield self._counted(Moment(snapshot, settings, error, here, memory))
                case Changed(settings):
                    self._check_strategy(settings)
                case Checkpoint(recorded):
                    yield Remembered(recorded, memory)
                    memory = recorded
                case Torn(unread_bytes):
                    self._torn_bytes = unread_bytes
                case Header():
                    self._header, settings, memory = record, record.settings, record.memory
                    self._by[record.version] = None
                    self._check_strategy(settings)
                    yield Resumed(memory)

    def recorded(self) -> Recorded:
        """What was played so far."""
        return Recorded(
            by=", ".join(self._by),
            begin=None if self._begin_s is None else iso(self._begin_s),
            end=None if self._end_s is None else iso(self._end_s),
            decisions=self._decisions,
            failed=self._failed,
            torn_bytes=self._torn_bytes,
        )

    def _counted(self, moment: Moment) -> Moment:
        self._decisions += 1
        self._failed += isinstance(moment.recorded, str)
        self._end_s = moment.snapshot.utc_s
        self._begin_s = self._end_s if self._begin_s is None else self._begin_s
        return moment

    def _check_strategy(self, settings: Settings) -> None:
        """One that was missing when it was recorded failed then, and does so again: a faithful replay."""
        name = settings.control.strategy
        if name in self._header.strategies:
            require_strategy(name, self._strategies)


def attempt(
    snapshot: Snapshot, settings: Settings, memory: Memory, strategies: Strategies
) -> tuple[Decision | str, Memory]:
    """A decision and the memory after it; or why there is none, and memory begun anew."""
    try:
        return decide(snapshot, settings, memory, strategies)
    except Exception as error:  # noqa: BLE001 - that it fails is what may have been recorded
        return f"{type(error).__name__}: {error}", Memory()


def require_strategy(name: str, strategies: Strategies) -> None:
    """Raises ReplayError if there is no such strategy here."""
    if name not in strategies:
        raise ReplayError(
            f"There is no strategy '{name}' here; there are: {', '.join(sorted(strategies))}. "
            "Install the package that it comes with."
        )


class FirstDifference(Struct, frozen=True):
    """Where replay and recording part."""

    decision: int
    """Counted from 1."""
    time: str | None
    """ISO 8601, UTC."""
    of: str
    """`decision`, or `memory` after it."""
    values: tuple[Difference, ...]


class Replay(Struct, frozen=True):
    """What a replay found."""

    identical: bool
    """Every decision, and memory wherever the recording has it."""
    recorded: Recorded
    replayed_by: str
    memory_checks: int
    differing: int
    """Decisions that come out otherwise. After one, most of the same minute differ as well."""
    first: FirstDifference | None


def replay(header: Header, records: Iterable[Record | Torn], strategies: Strategies) -> Replay:
    """Decide everything again and compare. Raises ReplayError."""
    player = Player(header, records, strategies)
    checks = differing = 0
    first: FirstDifference | None = None
    for played in player.play():
        if isinstance(played, Resumed):
            continue
        of = "decision" if isinstance(played, Moment) else "memory"
        found = differences(played.recorded, played.here)
        checks += of == "memory"
        differing += bool(found) and of == "decision"
        if found and first is None:
            now = player.recorded()
            first = FirstDifference(now.decisions, now.end, of, found)
    return Replay(first is None, player.recorded(), __version__, checks, differing, first)


def iso(utc_s: float) -> str:
    """Unix time as text, UTC."""
    return datetime.fromtimestamp(utc_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def replay_lines(result: Replay) -> Iterator[str]:
    """A replay, for people."""
    recorded = result.recorded
    yield from recorded_lines(recorded)
    if result.first is None:
        yield (
            "Identical: every decision comes out the same, bit for bit, and so does what is remembered "
            f"(compared {result.memory_checks} times)."
        )
        return
    yield f"Different: {result.differing} of {recorded.decisions} decisions come out otherwise."
    if recorded.by != result.replayed_by:
        yield f"This is Phasewise {result.replayed_by}: its control may have been changed since."
    yield f"First in the {result.first.of} at {result.first.time}, decision {result.first.decision}:"
    for value in result.first.values:
        yield f"  {value.what}: recorded {value.recorded}, here {value.here}"


def recorded_lines(recorded: Recorded) -> Iterator[str]:
    """A recording, for people."""
    if recorded.begin is None:
        yield f"No decisions, recorded by Phasewise {recorded.by}"
    else:
        span = f"{recorded.begin} to {recorded.end}"
        yield f"{recorded.decisions} decisions, {span}, recorded by Phasewise {recorded.by}"
    if recorded.failed:
        yield f"In {recorded.failed} of them control failed and stopped all batteries."
    if recorded.torn_bytes:
        yield f"The end of the file is missing: {recorded.torn_bytes} bytes of an unfinished record left out."
