/** Numbers and names as people read them, in the user's language and locale. An unknown value is a dash, never 0. */

import { i18n, t } from "./i18n";

export const DASH = "–";

/** Below this a power shows as "0 W", so no direction is named. */
const ZERO_W = 0.5;

/** Making a formatter takes a hundred times as long as using one, and a chart or a second of the page uses dozens. */
const formatters = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function made<T extends Intl.NumberFormat | Intl.DateTimeFormat>(kind: string, make: (locale: string) => T): T {
  const key = `${i18n.locale} ${kind}`;
  let format = formatters.get(key) as T | undefined;
  if (format === undefined) {
    format = make(i18n.locale);
    formatters.set(key, format);
  }
  return format;
}

/** A number with exactly that many digits after the decimal point or comma. */
export function number(value: number, digits = 0): string {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return made(`${digits} digits`, (locale) => new Intl.NumberFormat(locale, options)).format(value);
}

/** The magnitude of a power; the direction is said in words. */
export function power(w: number | null): string {
  if (w === null) return DASH;
  const magnitude = Math.abs(w);
  // Rounded first: 999.6 W is 1.00 kW, not 1000 W.
  return Math.round(magnitude) < 1000 ? `${number(magnitude)} W` : `${number(magnitude / 1000, 2)} kW`;
}

/** An amount of energy. */
export function energy(wh: number | null): string {
  if (wh === null) return DASH;
  const magnitude = Math.abs(wh);
  if (Math.round(magnitude) < 1000) return `${number(wh)} Wh`;
  return `${number(wh / 1000, magnitude < 99_950 ? 1 : 0)} kWh`;
}

/** A current with the resolution that the meter has: many give whole amps. */
export function amps(a: number | null): string {
  return a === null ? DASH : `${number(a, Number.isInteger(a) ? 0 : 1)} A`;
}

export function volts(v: number | null): string {
  return v === null ? DASH : `${number(v)} V`;
}

export function celsius(degrees: number | null): string {
  return degrees === null ? DASH : `${number(degrees)} °C`;
}

/** 0 to 100, as the language writes it: "46%", "46 %". */
export function percent(pct: number | null): string {
  if (pct === null) return DASH;
  const format = made("percent", (locale) => new Intl.NumberFormat(locale, { style: "percent" }));
  return format.format(Math.round(pct) / 100);
}

export function euros(eur: number | null): string {
  if (eur === null) return DASH;
  const options = { style: "currency", currency: "EUR" } as const;
  return made("euros", (locale) => new Intl.NumberFormat(locale, options)).format(eur);
}

/** What a kilowatt-hour costs. */
export function price(eurKwh: number | null): string {
  return eurKwh === null ? DASH : `${number(eurKwh * 100, 1)} ct/kWh`;
}

/** Which way power flows at the grid. */
export type Direction = "import" | "export" | "none" | "unknown";

export function gridDirection(w: number | null): Direction {
  return direction<Direction>(w, "import", "export", "none", "unknown");
}

export function gridWord(w: number | null): string {
  return direction(w, t.common.importing, t.common.exporting, t.common.balanced, t.common.unknown);
}

export function batteryWord(w: number | null): string {
  return direction(w, t.common.charging, t.common.discharging, t.common.idle, t.common.unknown);
}

/** What the house does without its batteries: solar power can exceed what it uses. */
export function houseWord(w: number | null): string {
  return direction(w, t.common.using, t.common.surplus, t.common.using, t.common.unknown);
}

function direction<T>(w: number | null, positive: T, negative: T, zero: T, unknown: T): T {
  if (w === null) return unknown;
  if (isZero(w)) return zero;
  return w > 0 ? positive : negative;
}

/** Whether a power shows as "0 W". */
export function isZero(w: number): boolean {
  return Math.abs(w) < ZERO_W;
}

/** A duration in its largest whole unit. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.floor(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return t.common.days(Math.floor(seconds / 86_400));
}

/** The time of day with seconds, 24 hours; a dash for what is no date. */
export function clock(iso: string): string {
  return dated(iso, (date) => timeOfDay(date, true));
}

/** When something began: the time of day, with the date when that was not today. */
export function since(iso: string, now: Date): string {
  return dated(iso, (date) => {
    const time = timeOfDay(date);
    return date.toDateString() === now.toDateString() ? time : `${day(date)}, ${time}`;
  });
}

/** "13:55": 24 hours in every language, as on a meter. */
export function timeOfDay(date: Date, seconds = false): string {
  const options: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (seconds) options.second = "2-digit";
  if (Number.isNaN(date.getTime())) return DASH;
  return made(`time ${seconds}`, (locale) => new Intl.DateTimeFormat(locale, options)).format(date);
}

/** "21 Jun". */
export function day(date: Date): string {
  if (Number.isNaN(date.getTime())) return DASH;
  const options = { day: "numeric", month: "short" } as const;
  return made("day", (locale) => new Intl.DateTimeFormat(locale, options)).format(date);
}

function dated(iso: string, render: (date: Date) => string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? DASH : render(date);
}

/** "a", "a and b", "a, b and c". */
export function list(names: string[]): string {
  return new Intl.ListFormat(i18n.locale, { type: "conjunction" }).format(names);
}
