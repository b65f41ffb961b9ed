"""The page on phase protection: its example is what it says, and it names every alarm and policy there is."""

import re
from pathlib import Path

from config_fakes import REGISTRY

from phasewise.config import parse_config
from phasewise.devices.meters.dsmr import CurrentRounding, DsmrOptions
from phasewise.model import AlarmCode, PhaseProtection, UnassignedPolicy

DOC = (Path(__file__).parents[2] / "docs" / "protection.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```yaml\n(.*?)```", DOC, flags=re.DOTALL)


def test_the_example_switches_protection_on() -> None:
    # The option of the real driver is checked below: the stand-in for it does not have it.
    plain = EXAMPLE.replace(", current_rounding: nearest", "")
    control = parse_config(plain, Path("home.yaml"), REGISTRY).control
    assert control.phase_protection == PhaseProtection(enabled=True, limit_import_w=(None, None, 4000.0))


def test_the_meters_option_is_one_of_the_driver() -> None:
    (rounding,) = re.findall(r"current_rounding: (\w+)\}", EXAMPLE)
    options = DsmrOptions.model_validate({"url": "tcp://h", "current_rounding": rounding})
    assert options.current_rounding is CurrentRounding.NEAREST
    assert "`current_rounding: down`" in DOC


def test_every_policy_and_every_alarm_of_protection_is_explained() -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", DOC, flags=re.MULTILINE))
    of_protection = {
        code for code in AlarmCode if code.startswith(("phase-", "protection-", "fuse-", "mapping-"))
    }
    assert rows == {policy.value for policy in UnassignedPolicy} | {code.value for code in of_protection}
