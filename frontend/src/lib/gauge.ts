/** Where things are on a two-sided gauge, in percent of its length from the negative end. */

import type { PhaseState } from "./state";

/** The part of the fuse rating beyond the fuse that still fits, so that an overload can be seen. */
const BEYOND_FUSE = 0.15;

/** From this share of the operating limit on, a phase is called near it. */
const NEAR = 0.9;

/** Many meters give whole amps: less is no difference. */
const WORTH_A = 1.5;

export type Load = "unknown" | "normal" | "near" | "over-limit" | "over-fuse";

export interface Span {
  from: number;
  to: number;
}

export interface PhaseGauge {
  fill: Span;
  /** Where the current would be without the batteries on the phase; null where that is unknown, or the same. */
  without: number | null;
  limit: Span;
  fuse: Span;
}

/** The position of `value` on a scale from `negative` (<= 0) to `positive` (>= 0), kept on it. */
export function position(value: number, negative: number, positive: number): number {
  if (positive <= negative) return 50;
  const share = (value - negative) / (positive - negative);
  return Math.min(1, Math.max(0, share)) * 100;
}

/** Current with a sign, import positive; null where the magnitude or the direction is unknown. */
export function signedCurrent(phase: PhaseState): number | null {
  if (phase.current_a === null) return null;
  const magnitude = Math.abs(phase.current_a);
  if (magnitude === 0) return 0;
  if (phase.power_w === null) return null;
  return phase.power_w < 0 ? -magnitude : magnitude;
}

/**
 * The amps of one phase against its fuse, import upward and export downward.
 *
 * A current whose direction is unknown fills both sides: it may be either.
 */
export function phaseGauge(phase: PhaseState): PhaseGauge {
  const scaleA = phase.fuse_a * (1 + BEYOND_FUSE);
  const at = (a: number): number => position(a, -scaleA, scaleA);
  const both = (a: number): Span => ({ from: at(-a), to: at(a) });
  const magnitude = Math.abs(phase.current_a ?? 0);
  const signed = signedCurrent(phase);
  const fill =
    signed === null ? both(magnitude) : { from: at(Math.min(0, signed)), to: at(Math.max(0, signed)) };
  return {
    fill,
    without: differs(phase) ? at(withoutBatteriesA(phase) ?? 0) : null,
    limit: both(phase.operating_limit_a),
    fuse: both(phase.fuse_a),
  };
}

/** The current that the phase would carry without its batteries, import positive; null where it is unknown. */
export function withoutBatteriesA({ load_w, voltage_v, freshness }: PhaseState): number | null {
  if (load_w === null || voltage_v === null || voltage_v <= 0 || isGone(freshness)) return null;
  return load_w / voltage_v;
}

/** Whether its batteries make a difference to a phase that is worth showing. */
export function differs(phase: PhaseState): boolean {
  const without = withoutBatteriesA(phase);
  const signed = signedCurrent(phase);
  return without !== null && signed !== null && Math.abs(without - signed) >= WORTH_A;
}

/** How close a phase is to its limits; unknown without a current reading that can be trusted. */
export function phaseLoad(phase: PhaseState): Load {
  if (phase.current_a === null || isGone(phase.freshness)) return "unknown";
  const magnitude = Math.abs(phase.current_a);
  if (magnitude > phase.fuse_a) return "over-fuse";
  if (magnitude > phase.operating_limit_a) return "over-limit";
  return magnitude >= NEAR * phase.operating_limit_a ? "near" : "normal";
}

/** Whether a value of this freshness says nothing about now. */
export function isGone(freshness: string): boolean {
  return freshness === "lost" || freshness === "absent";
}

/** Power of a battery between full discharge and full charge, from zero to where it is. */
export function batterySpan(powerW: number, maxDischargeW: number, maxChargeW: number): Span {
  const zero = position(0, -maxDischargeW, maxChargeW);
  const at = position(powerW, -maxDischargeW, maxChargeW);
  return { from: Math.min(zero, at), to: Math.max(zero, at) };
}
