/**
 * The state as the daemon publishes it (`phasewise.engine.state.SystemState`), field for field.
 *
 * Positive power is import from the grid, and charging. An unknown value is null, never 0.
 */

export interface SupportState {
  id: string;
  w: number;
}

export interface PhaseState {
  power_w: number | null;
  /** A magnitude, and on many meters a whole number: the direction is the sign of `power_w`. */
  current_a: number | null;
  voltage_v: number | null;
  fuse_a: number;
  operating_limit_a: number;
  /** fresh, aging, lost or absent. */
  freshness: string;
  support_up_w: number;
  support_down_w: number;
  support_up: SupportState[];
  support_down: SupportState[];
  /** Its power without the batteries assigned to it; null while protection does not work there. */
  load_w: number | null;
  limit_lo_w: number | null;
  limit_hi_w: number | null;
  /** How much more current may flow in that direction; negative when it is outside its limits. */
  headroom_import_a: number | null;
  headroom_export_a: number | null;
  /** What its batteries have to do so that it stays inside its limits, charging positive. */
  relief_w: number;
  /** The part of that which they can't do. */
  missing_w: number;
  binding: boolean;
  fuse_used_pct: number;
}

export interface GridState {
  total_power_w: number | null;
  freshness: string;
  age_s: number | null;
  cadence_s: number;
  phases: Record<string, PhaseState>;
  energy_import_wh: number | null;
  energy_export_wh: number | null;
}

export interface ReasonState {
  code: string;
  power_w: number;
  phase: string | null;
  text: string;
}

export interface MappingState {
  /** L1, L2 or L3. */
  fits_best: string;
  /** 0 to 1. */
  confidence: number;
  doubtful: boolean;
  evidence: string;
}

export interface HoldState {
  /** Charging positive. */
  power_w: number;
  /** ISO 8601, UTC; null = until it is changed. */
  until: string | null;
}

export interface OverrideState {
  hold: HoldState;
}

export interface BatteryState {
  id: string;
  name: string;
  /** L1, L2, L3, three-phase or unassigned. */
  phase: string;
  soc_pct: number | null;
  power_w: number | null;
  setpoint_w: number | null;
  available: boolean;
  reachable: boolean;
  state: string | null;
  age_s: number | null;
  temperature_c: number | null;
  max_charge_w: number;
  max_discharge_w: number;
  min_soc_pct: number;
  max_soc_pct: number;
  reasons: ReasonState[];
  mapping: MappingState | null;
  /** auto, out-of-service, or a hold. */
  override: string | OverrideState;
}

export interface AlarmState {
  code: string;
  /** info, warning or alarm. */
  severity: string;
  subject: string | null;
  text: string;
  /** ISO 8601, UTC. */
  since: string;
  /** Somebody said that they know; ends with the alarm. */
  acknowledged: boolean;
}

export interface GoalState {
  text: string;
  /** 0 to 1, where 1 is reached; null while nobody can tell. */
  progress: number | null;
}

export interface StrategyState {
  selected: string;
  executing: string;
  available: string[];
  /** Null for a strategy without one. */
  goal: GoalState | null;
  /** Why another one runs than was selected: meter, load, time, price, no-price or handed-over. */
  why: string | null;
}

export interface PricesState {
  /** ISO 8601, UTC. */
  until: string | null;
  stale: boolean;
  buy_eur_kwh: number | null;
  sell_eur_kwh: number | null;
  problem: string | null;
}

export interface IdentifyPhaseState {
  /** How far its power stood out at each step, beside `expected_w`. */
  steps_w: number[];
  /** The usual part of the battery's step that it shows: 1 on the battery's phase. */
  share: number;
  /** How well it fits as the battery's only phase, 0 to 1. */
  fit: number;
}

export interface IdentifySampleState {
  /** Seconds since the run began. */
  at_s: number;
  battery_w: number;
  /** L1 to L3. */
  phases_w: number[];
}

export interface IdentifyState {
  battery_id: string;
  /** running, done or aborted. */
  state: string;
  /**
   * Why it was aborted (user, settings, battery, soc, meter, overload, not-following, wrong-direction), or why
   * there is no answer (disturbed, no-reaction, inverted).
   */
  code: string | null;
  text: string;
  /** Counted from 1; 0 while the batteries come to rest. */
  cycle: number;
  /** 0 to 1. */
  progress: number;
  /** L1, L2, L3, three-phase or unclear. */
  outcome: string;
  confidence: number;
  /** The assignment as the user has it now. */
  configured: string | null;
  /** Whether the outcome is what is configured; null without an answer. */
  matches: boolean | null;
  high_w: number;
  low_w: number;
  steps: number;
  /** How many of the steps fit the outcome. */
  agreeing: number;
  /** How far the battery's own power stood out at each step. */
  expected_w: number[];
  phases: Record<string, IdentifyPhaseState>;
  samples: IdentifySampleState[];
}

export interface ProtectionState {
  enabled: boolean;
  /** It is on, a battery has a phase, and it is not refused here. */
  active: boolean;
  /** worst-case or aggregate. */
  unassigned: string;
}

export interface InputState {
  name: string;
  on: boolean;
  /** Seconds until it goes off by itself; null = it does not. */
  expires_s: number | null;
}

export interface QuarterState {
  /** Energy imported so far, over a quarter of an hour: it begins at 0 and grows. */
  so_far_w: number;
  /** The mean it will end with if all goes on as now. */
  forecast_w: number;
  /** What it is kept below: the target, or this month's highest mean where that is higher. */
  target_w: number;
  /** Import that batteries hold the grid to now; null while none is needed. */
  limit_w: number | null;
  /** Highest mean of a quarter in this month so far. */
  month_peak_w: number;
}

export interface SubmeterState {
  /** Of all meters of that role; null while one of them is not heard. */
  power_w: number | null;
  /** fresh, aging, lost or absent: of the one that is heard least well. */
  freshness: string;
}

export interface SystemState {
  /** ISO 8601, UTC. */
  time: string;
  version: string;
  site: string;
  strategy: StrategyState;
  grid: GridState;
  load_w: number | null;
  target_grid_w: number;
  batteries: BatteryState[];
  alarms: AlarmState[];
  protection: ProtectionState;
  /** The phase identification that runs, or the result of the last one. */
  identify: IdentifyState | null;
  /** Null while no source of prices is configured. */
  prices: PricesState | null;
  inputs: InputState[];
  /** Null while the capacity tariff is off, or nothing is known of the quarter. */
  quarter: QuarterState | null;
  /** What goes on, and why: one or two plain sentences. */
  summary: string;
  /** What the panels give, 0 or more; null without a meter for them. */
  pv: SubmeterState | null;
  /** What the car charger draws; negative when it feeds in. Null without a meter for it. */
  ev: SubmeterState | null;
}
