"""What the common keys of a battery's entry become, and whether they fit the site and the driver."""

from datetime import datetime
from zoneinfo import ZoneInfo

from phasewise.config.check import Checker
from phasewise.config.errors import KeyPath, shown
from phasewise.config.schema import BatterySection, OverrideSection
from phasewise.model import Assignment, BatterySettings, Capabilities, Override, Site


def battery_settings(
    path: KeyPath, section: BatterySection, capabilities: Capabilities | None, site: Site, checker: Checker
) -> BatterySettings | None:
    """Settings for the control core; problems go to the checker. None without capabilities."""
    _check_phase(path, section, site, checker)
    _check_soc(path, section, checker)
    override = _override(path, section, site, checker)
    if capabilities is None:
        return None
    for key, limit_w in (
        ("max_charge_w", capabilities.max_charge_w),
        ("max_discharge_w", capabilities.max_discharge_w),
    ):
        asked_w = getattr(section, key)
        if asked_w is not None and asked_w > limit_w:
            message = f"{asked_w:g} W is more than the {limit_w:g} W that this model can do"
            checker.add((*path, key), message, value=asked_w, allowed=f"0 to {limit_w:g}")
    charge_w, discharge_w = section.max_charge_w, section.max_discharge_w
    return BatterySettings(
        id=section.id,
        name=section.name.strip() or section.id,
        capabilities=capabilities,
        phase=section.phase,
        max_charge_w=capabilities.max_charge_w if charge_w is None else charge_w,
        max_discharge_w=capabilities.max_discharge_w if discharge_w is None else discharge_w,
        min_soc_pct=section.min_soc_pct,
        max_soc_pct=section.max_soc_pct,
        override=override,
    )


def _check_phase(path: KeyPath, section: BatterySection, site: Site, checker: Checker) -> None:
    on_every_site = (Assignment.L1, Assignment.UNASSIGNED)
    if site.phase_count == 1 and section.phase not in on_every_site:
        message = f"{shown(section.phase.value)} is not a phase of this home, which has 'phases: 1'"
        checker.add((*path, "phase"), message, value=section.phase.value, allowed=", ".join(on_every_site))


def _check_soc(path: KeyPath, section: BatterySection, checker: Checker) -> None:
    low, high = section.min_soc_pct, section.max_soc_pct
    if (
        low < high
        or checker.has_problem((*path, "min_soc_pct"))
        or checker.has_problem((*path, "max_soc_pct"))
    ):
        return
    # The key that was given is the one to look at; both have defaults.
    key = "min_soc_pct" if "min_soc_pct" in section.model_fields_set else "max_soc_pct"
    message = f"min_soc_pct ({low:g}) must be below max_soc_pct ({high:g})"
    checker.add((*path, key), message, value=getattr(section, key))


def _override(path: KeyPath, section: BatterySection, site: Site, checker: Checker) -> Override:
    override = section.override
    if not isinstance(override, OverrideSection):
        return Override(out_of_service=override == "out-of-service")
    hold = override.hold
    end_utc_s = None
    if hold.until is not None:
        try:
            end_utc_s = until_utc_s(hold.until, site.time_zone)
        except (ValueError, OverflowError):
            message = f"{shown(hold.until)} is not a date and time"
            allowed = "such as 2026-12-24T18:00 (time of the site) or 2026-12-24T18:00+01:00"
            checker.add((*path, "override", "hold", "until"), message, value=hold.until, allowed=allowed)
    return Override(hold_power_w=hold.power_w, hold_until_utc_s=end_utc_s)


def until_utc_s(text: str, time_zone: str) -> float:
    """When a hold ends, as Unix time. Without an offset the text is in local time.

    Raises ValueError, OverflowError.
    """
    text = text.strip()
    if len(text) <= len("2026-12-24"):
        raise ValueError("a date without a time")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    return moment.timestamp()
