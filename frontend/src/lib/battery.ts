/** What there is to say of one battery, and what the user may decide for it. */

import { send } from "./api";
import { duration, isZero, power, since } from "./format";
import { THREE_PHASE, UNASSIGNED } from "./home";
import { t } from "./i18n";
import { firstAssignment } from "./protection";
import type { BatteryState, SystemState } from "./state";

/** Of one day. */
export interface Energy {
  charged_wh: number;
  discharged_wh: number;
}

/** What a battery was told last, in words. */
export function told(w: number | null): string {
  if (w === null) return t.batteries.told.unknown;
  if (isZero(w)) return t.batteries.told.zero;
  return w > 0 ? t.batteries.told.charge(power(w)) : t.batteries.told.discharge(power(w));
}

/** Why nothing can be done with a battery now; null when all is well. */
export function trouble({ reachable, available, age_s, state }: BatteryState): string | null {
  const { batteries } = t;
  if (!reachable) {
    return age_s === null ? batteries.unreachable : batteries.unreachableSince(duration(age_s));
  }
  if (available) return null;
  return state === null ? batteries.unavailable : batteries.unavailableState(state);
}

/** What the user decided in place of the strategy; null for automatic. */
export function overrideText({ override }: BatteryState, now: Date): string | null {
  const words = t.batteries.override;
  if (override === "auto") return null;
  if (typeof override === "string") return words.out;
  const { power_w, until } = override.hold;
  const hold = isZero(power_w)
    ? words.idle
    : power_w > 0
      ? words.charging(power(power_w))
      : words.discharging(power(power_w));
  return until === null ? hold : words.until(hold, since(until, now));
}

export type OverrideChange = "auto" | "out-of-service" | { hold: { power_w: number; until: string | null } };

/** A hold as the daemon takes it, charging positive; `until` is the local time of a date field, or empty. */
export function holdOf(watts: number, charge: boolean, until: string): OverrideChange {
  const power_w = charge ? watts : -watts;
  return { hold: { power_w, until: until === "" ? null : new Date(until).toISOString() } };
}

/** All batteries in their order of use: those of the priority list first, then the others as they stand. */
export function order(home: SystemState, priority: readonly string[]): BatteryState[] {
  const first = priority.flatMap((id) => home.batteries.find((battery) => battery.id === id) ?? []);
  return [...first, ...home.batteries.filter(({ id }) => !priority.includes(id))];
}

/** The part of the settings that the order belongs to. */
export interface OrderSettings {
  priority?: string[];
  split?: string;
  cycle?: string;
}

/** What the order is good for, as power is divided now. */
export function orderHint({ split, cycle }: OrderSettings): string {
  const words = t.batteries.details.orderHints;
  if (split === "fair" || split === "soc-balance") return words.shared;
  if (cycle === "auto") return words.byCharge;
  const first = split === "efficient" ? words.efficient : words.priority;
  return cycle === "daily" || cycle === "weekly" ? `${first} ${words.turns}` : first;
}

/** The ids with one of them moved by so many places. */
export function moved(ids: readonly string[], id: string, by: number): string[] {
  const rest = ids.filter((other) => other !== id);
  const at = Math.max(0, Math.min(rest.length, ids.indexOf(id) + by));
  return [...rest.slice(0, at), id, ...rest.slice(at)];
}

/** A moment as a date field shows it, in the time of the browser: the other way round of `holdOf`. */
export function dateField(iso: string): string {
  const moment = new Date(iso);
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, "2026-01-01T00:00".length);
}

/** What another assignment would mean: said while it is chosen and not saved yet. Nothing for the present one. */
export function meaning(home: SystemState, battery: BatteryState, choice: string): string[] {
  const words = t.batteries.phase.means;
  if (choice === battery.phase) return [];
  if (choice === UNASSIGNED) return [withoutPhase(home, battery)];
  if (choice === THREE_PHASE) return [words.threePhase, firstAssignment(home, battery) ?? ""].filter(Boolean);
  const on = home.protection.enabled ? words.helps(choice) : words.counts(choice);
  return [on, firstAssignment(home, battery) ?? ""].filter(Boolean);
}

function withoutPhase(home: SystemState, battery: BatteryState): string {
  const words = t.batteries.phase.means;
  const { enabled, unassigned } = home.protection;
  if (!enabled) return words.nowhere;
  const others = home.batteries.some(({ id, phase }) => id !== battery.id && phase !== UNASSIGNED);
  if (!others) return words.last;
  return unassigned === "worst-case" ? words.safeOnly : words.unprotected;
}

/** The limits of a battery that its owner may narrow. */
export const LIMITS = ["max_charge_w", "max_discharge_w", "min_soc_pct", "max_soc_pct"] as const;
export type Limit = (typeof LIMITS)[number];

export interface SettingsChange {
  path: string[];
  value: unknown;
}

/** What became of it; `errors` by the last name of the path that was changed, `problem` where none fits. */
export type Saved =
  { ok: true; note: string | null } | { ok: false; problem: string | null; errors: Partial<Record<string, string>> };

interface Refusal {
  errors?: { path: (string | number)[]; message: string; allowed?: string | null }[];
}

/** Write settings of batteries into the file, all or none. */
export async function saveSettings(changes: SettingsChange[]): Promise<Saved> {
  const answer = await send<{ detail: string | null } | null>("PATCH", "api/v1/settings", { changes });
  if (answer.ok) return { ok: true, note: answer.body?.detail ?? null };
  const asked = changes.map(({ path }) => path.at(-1));
  const said = ((answer.body as Refusal | null)?.errors ?? []).flatMap(({ path, message, allowed }) => {
    const key = path.find((part): part is string => typeof part === "string" && asked.includes(part));
    return key === undefined ? [] : [[key, allowed ? t.batteries.details.allowed(message, allowed) : message]];
  });
  const problem = said.length === 0 ? t.common.notChanged(answer.problem) : null;
  return { ok: false, problem, errors: Object.fromEntries(said) as Partial<Record<string, string>> };
}
