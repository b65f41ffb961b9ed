"""What prices have the batteries do, as an event: told when prices or their settings changed."""

from collections.abc import Iterator
from datetime import datetime

from phasewise.engine.ahead import PriceAhead, ahead, runs
from phasewise.engine.settings_events import local_time
from phasewise.model import Settings, Snapshot
from phasewise.model.event import PlanBlock, PlanChanged
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval

TOLD = frozenset({"charge", "discharge"})
"""Storing surplus is what happens anyway."""
TOLD_BLOCKS = 4
"""What comes after those is told again with tomorrow's prices."""


class PlanWatch:
    """Looks at what is planned whenever there may be another plan."""

    def __init__(self) -> None:
        self._prices: tuple[PriceInterval, ...] | None = None
        self._settings: Settings | None = None
        self._told: tuple[PlanBlock, ...] | None = None

    def follow(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> PlanChanged | None:
        """The plan, when it is another one than was told."""
        if snapshot.prices is self._prices and settings is self._settings:
            return None
        self._prices, self._settings = snapshot.prices, settings
        if not snapshot.prices or not runs("dynamic", settings):
            return None
        blocks = tuple(_blocks(ahead(snapshot, settings, memory).prices, snapshot.utc_s, settings))
        if blocks == self._told:
            return None
        self._told = blocks
        return PlanChanged(blocks=blocks[:TOLD_BLOCKS])


def _blocks(prices: tuple[PriceAhead, ...], utc_s: float, settings: Settings) -> Iterator[PlanBlock]:
    """Stretches without a change, from now on."""
    run: list[PriceAhead] = []
    for price in prices:
        if _utc_s(price.end) <= utc_s:
            continue
        if run and (price.mark != run[0].mark or price.start != run[-1].end):
            yield from _block(run, utc_s, settings)
            run = []
        run.append(price)
    yield from _block(run, utc_s, settings)


def _block(run: list[PriceAhead], utc_s: float, settings: Settings) -> Iterator[PlanBlock]:
    if not run or run[0].mark not in TOLD:
        return
    zone = settings.site.time_zone
    yield PlanBlock(
        action=str(run[0].mark),
        start=local_time(_utc_s(run[0].start), utc_s, zone),
        end=local_time(_utc_s(run[-1].end), utc_s, zone),
        buy_eur_kwh=round(sum(price.buy_eur_kwh for price in run) / len(run), 5),
    )


def _utc_s(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()
