import { describe, expect, test } from "vitest";

import {
  asked,
  byDay,
  filterOf,
  queryOf,
  recordingAround,
  recordingOf,
  withNewer,
  withOlder,
  type Page,
  type WhyEvent,
} from "../src/lib/why";

const event = (id: number, time = "2026-11-23T10:00:00.000Z"): WhyEvent => ({
  id,
  time,
  kind: "started",
  severity: "info",
  phase: null,
  battery_id: null,
  battery_ids: [],
  text: `Event ${id}.`,
});
const page = (ids: number[], next: number | null = null): Page => ({
  events: ids.map((id) => event(id)),
  next,
  recorded: null,
});
const ids = ({ events }: Page): number[] => events.map(({ id }) => id);

describe("filters", () => {
  test("what stands in the address comes back from it", () => {
    for (const text of ["battery=m1", "phase=L2&severity=alarm&time=day", "from=10&to=20", ""]) {
      expect(new URLSearchParams(queryOf(filterOf(new URLSearchParams(text)))).toString()).toBe(text);
    }
  });

  test("a stretch that makes no sense is left out", () => {
    expect(filterOf(new URLSearchParams("from=20&to=10&time=hour"))).toEqual({ time: "hour" });
    expect(filterOf(new URLSearchParams("from=x&time=century"))).toEqual({});
  });

  test("a span counts back from now", () => {
    expect(asked({ phase: "L1", time: "hour" }, 10_000)).toEqual({ phase: "L1", from: 6_400 });
  });
});

describe("pages", () => {
  test("new events come on top, and once", () => {
    const shown = page([5, 4], 4);
    expect(ids(withNewer(shown, page([6, 5, 4], 4)))).toEqual([6, 5, 4]);
    expect(withNewer(shown, page([6, 5], 5)).next).toBe(4);
  });

  test("where more happened than a page holds, no gap is passed over", () => {
    const newest = page([90, 89], 89);
    expect(withNewer(page([5, 4], null), newest)).toEqual(newest);
  });

  test("older events go below", () => {
    const more = withOlder(page([5, 4], 4), page([4, 3], null));
    expect(ids(more)).toEqual([5, 4, 3]);
    expect(more.next).toBeNull();
  });
});

test("days have names, the last two by their own", () => {
  const now = new Date(2026, 10, 23, 12);
  const at = (d: number, h: number): string => new Date(2026, 10, d, h).toISOString();
  const days = byDay([event(4, at(23, 9)), event(3, at(22, 23)), event(2, at(22, 1)), event(1, at(20, 5))], now);
  expect(days.map(({ title, events }) => [title, events.length])).toEqual([
    ["Today, Monday 23 November", 1],
    ["Yesterday, Sunday 22 November", 2],
    ["Friday 20 November", 1],
  ]);
});

describe("recordings", () => {
  const kept = { begin: "2026-11-23T09:59:00.000Z", end: "2026-11-23T11:00:00.000Z" };
  const at = Date.parse("2026-11-23T10:00:00.000Z") / 1000;

  test("the stretch around an event ends where nothing is kept", () => {
    expect(recordingAround(event(1), kept)).toEqual([at - 60, at + 120]);
    expect(recordingAround(event(1, "2026-11-20T10:00:00.000Z"), kept)).toBeNull();
    expect(recordingAround(event(1), null)).toBeNull();
  });

  test("what is shown is bounded by what one file may hold", () => {
    const long = { begin: "2026-11-20T00:00:00.000Z", end: kept.end };
    const [from, to] = recordingOf({}, long, at + 7_200) as [number, number];
    expect(to).toBe(at + 3_600);
    expect(to - from).toBeLessThanOrEqual(86_400);
  });
});
