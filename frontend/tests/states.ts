/** States of a made-up home. */

import type { AlarmState, BatteryState, PhaseState, SystemState } from "../src/lib/state";

export function phase(changes: Partial<PhaseState> = {}): PhaseState {
  return {
    power_w: 0,
    current_a: 0,
    voltage_v: 230,
    fuse_a: 25,
    operating_limit_a: 24,
    freshness: "fresh",
    support_up_w: 0,
    support_down_w: 0,
    support_up: [],
    support_down: [],
    load_w: null,
    limit_lo_w: null,
    limit_hi_w: null,
    headroom_import_a: 24,
    headroom_export_a: 24,
    relief_w: 0,
    missing_w: 0,
    binding: false,
    fuse_used_pct: 0,
    ...changes,
  };
}

export function battery(id: string, changes: Partial<BatteryState> = {}): BatteryState {
  return {
    id,
    name: id.toUpperCase(),
    phase: "unassigned",
    soc_pct: 50,
    power_w: 0,
    setpoint_w: 0,
    available: true,
    reachable: true,
    state: null,
    age_s: 1,
    temperature_c: null,
    max_charge_w: 2500,
    max_discharge_w: 800,
    min_soc_pct: 12,
    max_soc_pct: 100,
    reasons: [],
    mapping: null,
    override: "auto",
    ...changes,
  };
}

export function home(
  changes: Partial<SystemState> = {},
  phases: Partial<PhaseState>[] = [{}, {}, {}],
): SystemState {
  return {
    time: "2026-06-21T12:00:00Z",
    version: "0.1.0",
    site: "Home",
    strategy: {
      selected: "self-consumption",
      executing: "self-consumption",
      available: ["self-consumption"],
      goal: null,
      why: null,
    },
    grid: {
      total_power_w: 0,
      freshness: "fresh",
      age_s: 0.5,
      cadence_s: 1,
      phases: Object.fromEntries(phases.map((values, index) => [`L${index + 1}`, phase(values)])),
      energy_import_wh: null,
      energy_export_wh: null,
    },
    load_w: 0,
    target_grid_w: 0,
    batteries: [],
    alarms: [],
    protection: { enabled: false, active: false, unassigned: "worst-case" },
    identify: null,
    prices: null,
    inputs: [],
    quarter: null,
    summary: "",
    pv: null,
    ev: null,
    ...changes,
  };
}

export function alarm(severity: string, text: string, changes: Partial<AlarmState> = {}): AlarmState {
  const since = "2026-06-21T11:55:00Z";
  return { code: "x", severity, subject: null, text, since, acknowledged: false, ...changes };
}
