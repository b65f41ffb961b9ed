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
}

export interface AlarmState {
  code: string;
  /** info, warning or alarm. */
  severity: string;
  subject: string | null;
  text: string;
  /** ISO 8601, UTC. */
  since: string;
}

export interface StrategyState {
  selected: string;
  executing: string;
  available: string[];
}

export interface PricesState {
  /** ISO 8601, UTC. */
  until: string | null;
  stale: boolean;
  buy_eur_kwh: number | null;
  sell_eur_kwh: number | null;
  problem: string | null;
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
  /** Null while no source of prices is configured. */
  prices: PricesState | null;
}
