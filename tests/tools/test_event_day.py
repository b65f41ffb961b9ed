"""However much happens, the why-log stays readable: a small fuse, small batteries, loads that change fast."""

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from phasewise.explain.events import kind_of

pytestmark = pytest.mark.simulated


def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "event_day.py"
    spec = importlib.util.spec_from_file_location("event_day", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_day_of_loads_in_an_hour_is_a_few_pages_at_most() -> None:
    watched = tool().watched_home(3, 3600.0, pace=24.0, fuse_a=10.0, capacity_wh=200.0)
    kinds = Counter(kind_of(event) for _, event in watched.told)
    assert watched.decisions > 3500
    assert 20 <= len(watched.told) <= 300, kinds
    for began, ended in (("reason-began", "reason-ended"), ("relief-began", "relief-ended")):
        assert kinds[began] >= kinds[ended]
    minutes = Counter(utc_s // 60 for utc_s, _ in watched.told)
    assert max(minutes.values()) <= 24
