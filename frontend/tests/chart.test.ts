import { expect, test } from "vitest";

import { newest, panned, timeLabels, valueLabels, zoomed } from "../src/lib/chart";

const at = (...date: [number, number, number, number?, number?, number?]): number =>
  new Date(...(date as [number, number, number])).getTime() / 1000;

test("time labels are as fine as they are close", () => {
  expect(timeLabels([at(2026, 2, 1, 8, 5, 10)], 10)).toEqual(["08:05:10"]);
  expect(timeLabels([at(2026, 2, 1, 8, 5)], 300)).toEqual(["08:05"]);
  expect(timeLabels([at(2026, 2, 1), at(2026, 2, 2)], 86_400)).toEqual(["1 Mar", "2 Mar"]);
  expect(timeLabels([at(2026, 2, 1)], 31 * 86_400)).toEqual(["Mar 2026"]);
});

test("where a day begins, it is named once", () => {
  const splits = [at(2026, 2, 1, 22), at(2026, 2, 2, 0), at(2026, 2, 2, 2)];
  expect(timeLabels(splits, 7200)).toEqual(["22:00", "00:00\n2 Mar", "02:00"]);
});

test("values have the digits that tell them apart", () => {
  expect(valueLabels([0, 500, 1000], 500)).toEqual(["0", "500", "1,000"]);
  expect(valueLabels([0, 0.05, 0.1], 0.05)).toEqual(["0.00", "0.05", "0.10"]);
  expect(valueLabels([0, 0.1], 0.1)).toEqual(["0.0", "0.1"]);
});

test("without a cursor the newest step is read that was measured and is shown", () => {
  const times = [0, 60, 120, 180, 240];
  const grid = { label: "Grid", colour: "import", values: [1, 2, 3, null, null] } as const;
  const limit = { label: "Limit", colour: "l1", dashed: true, values: [5, 5, 5, 5, 5] } as const;
  expect(newest(times, [grid, limit], 300)).toBe(2);
  expect(newest(times, [grid, limit], 60)).toBe(1);
  expect(newest(times, [limit], 300)).toBe(4);
  expect(newest(times, [{ ...grid, values: [null, null, null, null, null] }], 300)).toBe(-1);
  expect(newest([], [], 300)).toBe(-1);
});

test("panning keeps the width, zooming keeps the point", () => {
  expect(panned([100, 200], 0.25)).toEqual([125, 225]);
  expect(zoomed([100, 200], 0.5, 120)).toEqual([110, 160]);
  expect(zoomed(zoomed([100, 200], 0.5, 120), 2, 120)).toEqual([100, 200]);
});
