/** The why-log: its pages, its filters, its days. */

import { i18n, t } from "./i18n";

export interface WhyEvent {
  /** Newer events have higher ones. */
  id: number;
  time: string;
  kind: string;
  severity: string;
  phase: string | null;
  battery_id: string | null;
  battery_ids: string[];
  text: string;
}

export interface Stretch {
  begin: string;
  end: string;
}

/** The answer of `GET /api/v1/events`. */
export interface Page {
  events: WhyEvent[];
  next: number | null;
  recorded: Stretch | null;
}

export const TIMES = ["hour", "day", "week"] as const;
export type Time = (typeof TIMES)[number];
const TIME_S: Record<Time, number> = { hour: 3_600, day: 86_400, week: 7 * 86_400 };

/** What is shown of the log, as it stands in the address; absent is everything. */
export interface Filter {
  phase?: string;
  battery?: string;
  severity?: string;
  time?: Time;
  /** Unix seconds, in place of `time`. */
  from?: number;
  to?: number;
}

export function filterOf(query: URLSearchParams): Filter {
  const filter: Filter = {};
  for (const key of ["phase", "battery", "severity"] as const) {
    const value = query.get(key);
    if (value !== null && value !== "") filter[key] = value;
  }
  const time = TIMES.find((one) => one === query.get("time"));
  const [from, to] = [Number(query.get("from") ?? NaN), Number(query.get("to") ?? NaN)];
  if (Number.isFinite(from) && Number.isFinite(to) && from < to) Object.assign(filter, { from, to });
  else if (time !== undefined) filter.time = time;
  return filter;
}

export function queryOf(filter: Filter): Record<string, string> {
  return Object.fromEntries(
    Object.entries(filter)
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([key, value]) => [key, String(value)]),
  );
}

/** The parameters of a request; a span counts back from now. */
export function asked({ time, ...rest }: Filter, now: number): Record<string, string | number | undefined> {
  return time === undefined ? { ...rest } : { ...rest, from: Math.floor(now - TIME_S[time]) };
}

/** What the newest page has that is not shown yet, newest first. */
export function freshIn(shown: Page, newest: Page): WhyEvent[] {
  const top = shown.events[0]?.id ?? 0;
  return newest.events.filter(({ id }) => id > top);
}

/** What is shown, with what happened since. Starts again where the newest page does not reach back to it. */
export function withNewer(shown: Page, newest: Page): Page {
  if (shown.events.length === 0) return newest;
  const fresh = freshIn(shown, newest);
  if (fresh.length === newest.events.length && newest.next !== null) return newest;
  return { events: [...fresh, ...shown.events], next: shown.next, recorded: newest.recorded };
}

export function withOlder(shown: Page, older: Page): Page {
  const last = shown.events.at(-1)?.id ?? Infinity;
  return { ...older, events: [...shown.events, ...older.events.filter(({ id }) => id < last)] };
}

export interface Day {
  title: string;
  events: WhyEvent[];
}

/** By local day, in the order they come. */
export function byDay(events: readonly WhyEvent[], now: Date): Day[] {
  const days: Day[] = [];
  let last = "";
  for (const event of events) {
    const date = new Date(event.time);
    const key = date.toDateString();
    if (key !== last) days.push({ title: dayTitle(date, now), events: [] });
    last = key;
    days.at(-1)?.events.push(event);
  }
  return days;
}

function dayTitle(date: Date, now: Date): string {
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  const text = date.toLocaleDateString(i18n.locale, { weekday: "long", day: "numeric", month: "long" });
  if (date.toDateString() === now.toDateString()) return t.why.today(text);
  return date.toDateString() === yesterday.toDateString() ? t.why.yesterday(text) : text;
}

export function iconOf(severity: string): "info" | "warning" | "alarm" {
  return severity === "alarm" || severity === "warning" ? severity : "info";
}

/** Enough before and after an event to see what led to it and what came of it. */
const AROUND_S = 120;
const MOST_S = 86_400;

/** The stretch of recording around an event; null where none is kept. */
export function recordingAround(event: WhyEvent, kept: Stretch | null): [number, number] | null {
  const at = new Date(event.time).getTime() / 1000;
  return within(at - AROUND_S, at + AROUND_S, kept);
}

/** The stretch of recording of what is shown, at most the last day of it; null where none is kept. */
export function recordingOf(filter: Filter, kept: Stretch | null, now: number): [number, number] | null {
  const { from, to } = asked(filter, now);
  return within(Number(from ?? 0), Number(to ?? now), kept);
}

function within(from: number, to: number, kept: Stretch | null): [number, number] | null {
  if (kept === null) return null;
  const begin = Math.max(from, seconds(kept.begin));
  const end = Math.min(to, seconds(kept.end));
  return begin < end ? [Math.floor(Math.max(begin, end - MOST_S + 2)), Math.ceil(end)] : null;
}

export const seconds = (iso: string): number => new Date(iso).getTime() / 1000;
