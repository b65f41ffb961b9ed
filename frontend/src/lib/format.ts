/** Numbers and names as people read them. An unknown value is a dash, never 0. */

export const DASH = "–";

/** Below this a power shows as "0 W", so no direction is named. */
const ZERO_W = 0.5;

/** The magnitude of a power; the direction is said in words. */
export function power(w: number | null): string {
  if (w === null) return DASH;
  const magnitude = Math.abs(w);
  // Rounded first: 999.6 W is 1.00 kW, not 1000 W.
  return Math.round(magnitude) < 1000 ? `${Math.round(magnitude)} W` : `${(magnitude / 1000).toFixed(2)} kW`;
}

/** A current with the resolution that the meter has: many give whole amps. */
export function amps(a: number | null): string {
  if (a === null) return DASH;
  return `${Number.isInteger(a) ? a : a.toFixed(1)} A`;
}

export function volts(v: number | null): string {
  return v === null ? DASH : `${Math.round(v)} V`;
}

export function percent(pct: number | null): string {
  return pct === null ? DASH : `${Math.round(pct)} %`;
}

export function gridWord(w: number | null): string {
  return direction(w, "Importing", "Exporting", "Balanced");
}

export function batteryWord(w: number | null): string {
  return direction(w, "Charging", "Discharging", "Idle");
}

/** What the house does without its batteries: solar power can exceed what it uses. */
export function houseWord(w: number | null): string {
  return direction(w, "Using", "Surplus", "Using");
}

function direction(w: number | null, positive: string, negative: string, zero: string): string {
  if (w === null) return "Unknown";
  if (Math.abs(w) < ZERO_W) return zero;
  return w > 0 ? positive : negative;
}

/** What a battery was told last, in words. */
export function told(w: number | null): string {
  if (w === null) return `told ${DASH}`;
  if (Math.abs(w) < ZERO_W) return "told to stay at 0 W";
  return `told to ${w > 0 ? "charge" : "discharge"} ${power(w)}`;
}

/** A duration in its largest whole unit. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  const days = Math.floor(seconds / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}

/** The time of day in the browser's time zone, 24 hours; a dash for what is no date. */
export function clock(iso: string): string {
  return dated(iso, (date) => date.toLocaleTimeString("en-GB"));
}

/** When something began: the time of day, with the date when that was not today. */
export function since(iso: string, now: Date): string {
  return dated(iso, (date) => {
    const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    if (date.toDateString() === now.toDateString()) return time;
    return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
  });
}

function dated(iso: string, render: (date: Date) => string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? DASH : render(date);
}

/** "a", "a and b", "a, b and c". */
export function list(names: string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
