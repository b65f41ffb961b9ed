"""A desk over the real drivers."""

from collections.abc import Iterable
from pathlib import Path

from phasewise.drivers import Tryout
from phasewise.registry import load_plugins
from phasewise.setup import InUse, Mode, SetupDesk

PLUGINS = load_plugins()


def desk(file: Path, *, mode: Mode = Mode.SETUP, used: Iterable[InUse] = (), **more: object) -> SetupDesk:
    return SetupDesk(
        file, PLUGINS.registry(), Tryout(PLUGINS), mode=mode, devices_in_use=lambda: used, **more
    )
