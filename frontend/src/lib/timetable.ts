/** Daily windows, as the strategy `timed` has them: what runs when, and how a household says it. Minutes of the day. */

import type { ColourName } from "./chart";
import { list } from "./format";
import { i18n, t } from "./i18n";
import { isTable, type Json } from "./settings";
import { title } from "./strategy";

export const WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEK)[number];

export const DAY_MIN = 1440;

export interface Window {
  /** Null while it is not a time. */
  start: number | null;
  /** Not after the start: on the next day. */
  end: number | null;
  /** On which it begins. */
  days: Weekday[];
  strategy: string;
}

/** Windows as they are being edited: what is not right yet is null or empty. */
export function windowsIn(value: Json | undefined): Window[] {
  return (Array.isArray(value) ? value : []).map((one) => {
    const window = isTable(one) ? one : {};
    const days = window["days"];
    return {
      start: minuteOf(window["start"]),
      end: minuteOf(window["end"]),
      days: Array.isArray(days) ? WEEK.filter((day) => days.includes(day)) : [],
      strategy: typeof window["strategy"] === "string" ? window["strategy"] : "",
    };
  });
}

function minuteOf(text: Json | undefined): number | null {
  const found = typeof text === "string" ? /^(\d\d):(\d\d)$/.exec(text) : null;
  return found === null ? null : 60 * Number(found[1]) + Number(found[2]);
}

/** "07:30"; the end of a day is "24:00". */
export function timeOf(minute: number): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

export interface Span {
  from: number;
  to: number;
}

/** Where a window lies on a day: its own part, and what is left of the one that began the day before. */
export function spansOn({ start, end, days }: Window, day: Weekday): Span[] {
  if (start === null || end === null) return [];
  const today = days.includes(day);
  if (start < end) return today ? [{ from: start, to: end }] : [];
  const late = today ? [{ from: start, to: DAY_MIN }] : [];
  const early = days.includes(before(day)) && end > 0 ? [{ from: 0, to: end }] : [];
  return [...early, ...late];
}

function before(day: Weekday): Weekday {
  return WEEK[(WEEK.indexOf(day) + 6) % 7] ?? day;
}

export interface Part extends Span {
  strategy: string;
  /** Position of the window; null where none fits and the default runs. */
  window: number | null;
}

/** A day from 0 to 24 h without gaps: the first window that fits counts. */
export function partsOf(windows: Window[], fallback: string, day: Weekday): Part[] {
  const spans = windows.map((one) => spansOn(one, day));
  const cuts = [...new Set([0, DAY_MIN, ...spans.flat().flatMap(({ from, to }) => [from, to])])].sort((a, b) => a - b);
  const parts: Part[] = [];
  cuts.slice(0, -1).forEach((from, at) => {
    const found = spans.findIndex((own) => own.some((span) => span.from <= from && from < span.to));
    const window = found < 0 ? null : found;
    const to = cuts[at + 1] ?? DAY_MIN;
    const last = parts.at(-1);
    if (last !== undefined && last.window === window) last.to = to;
    else parts.push({ from, to, window, strategy: windows[found]?.strategy ?? fallback });
  });
  return parts;
}

export interface Overlap extends Span {
  /** Position of the window that goes first there. */
  by: number;
}

/** Where earlier windows go before this one on a day. */
function overlapsOn(windows: Window[], at: number, day: Weekday): Overlap[] {
  const own = windows[at];
  if (own === undefined) return [];
  return partsOf(windows.slice(0, at), "", day).flatMap(({ from, to, window: by }) =>
    spansOn(own, day).flatMap((span) => {
      const shared = { from: Math.max(from, span.from), to: Math.min(to, span.to) };
      return by !== null && shared.from < shared.to ? [{ ...shared, by }] : [];
    }),
  );
}

/** Where more than one window fits on a day. */
export function doubledOn(windows: Window[], day: Weekday): Span[] {
  return windows.flatMap((_, at) => overlapsOn(windows, at, day));
}

/** Where earlier windows go before this one, on whatever day; what is the same on several days is there once. */
export function overlapsOf(windows: Window[], at: number): Overlap[] {
  const all = WEEK.flatMap((day) => overlapsOn(windows, at, day));
  const found = new Map(all.map((one) => [`${one.from} ${one.to} ${one.by}`, one]));
  return [...found.values()].sort((a, b) => a.from - b.from);
}

/** A window to begin with: in the first stretch of the day that is free, at most three hours long. */
export function freeSpan(windows: Window[], day: Weekday): { start: string; end: string } {
  const free = partsOf(windows, "", day).filter((part) => part.window === null);
  const { from, to } = free.find((part) => part.to - part.from >= 60) ?? free[0] ?? { from: 0, to: 180 };
  return { start: timeOf(from), end: timeOf(Math.min(to, from + 180)) };
}

export interface LocalTime {
  day: Weekday;
  minute: number;
}

/** What the wall clock of the home shows; that of the browser where its zone is not known. */
export function localTime(date: Date, timeZone: string | undefined): LocalTime {
  const parts = new Intl.DateTimeFormat("en-GB", {
    ...(timeZone === undefined ? {} : { timeZone }),
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(date);
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? "";
  const day = WEEK.find((one) => one === part("weekday").toLowerCase()) ?? "mon";
  return { day, minute: 60 * Number(part("hour")) + Number(part("minute")) };
}

/** The name of a weekday in the language of the page. */
export function dayName(day: Weekday, width: "long" | "short" = "long"): string {
  // 1 June 2026 is a Monday.
  const date = new Date(Date.UTC(2026, 5, 1 + WEEK.indexOf(day)));
  return new Intl.DateTimeFormat(i18n.locale, { weekday: width, timeZone: "UTC" }).format(date);
}

/** The days on which a window begins, in as few words as can be. */
export function daysText(days: Weekday[]): string {
  const text = days.join(" ");
  if (days.length === 7) return t.strategy.everyDay;
  if (text === "mon tue wed thu fri") return t.strategy.workdays;
  if (text === "sat sun") return t.strategy.weekend;
  return days.length === 0 ? t.strategy.noDay : list(days.map((day) => dayName(day, "short")));
}

/** From when until when. */
export function spanText({ start, end }: Window): string {
  if (start === null || end === null) return t.strategy.noTimes;
  if (start === end || (start === 0 && end === DAY_MIN)) return t.strategy.wholeDay(timeOf(start));
  return start < end ? t.strategy.span(timeOf(start), timeOf(end)) : t.strategy.overnight(timeOf(start), timeOf(end));
}

/** The drawn day in a sentence, for who hears the page. */
export function dayText(parts: Part[], day: Weekday): string {
  return t.strategy.dayDrawn(
    dayName(day),
    list(parts.map(({ from, to, strategy }) => t.strategy.part(timeOf(from), timeOf(to), title(strategy)))),
  );
}

/** What a strategy does most, as a colour: storing, serving the house, or neither. */
const COLOURS: Record<string, ColourName> = {
  "charge": "battery",
  "charge-pv": "pv",
  "self-consumption": "house",
  "zero-import": "import",
  "sell": "l1",
};

export function strategyColour(name: string): ColourName {
  return COLOURS[name] ?? "ink-2";
}
