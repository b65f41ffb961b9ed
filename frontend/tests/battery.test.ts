import { expect, test } from "vitest";

import { dateField, holdOf, moved, order, overrideText, trouble } from "../src/lib/battery";
import { battery, home } from "./states";

const NOW = new Date("2026-06-21T12:00:00Z");

test("an override is said with its direction and its end", () => {
  const hold = (power_w: number, until: string | null) =>
    overrideText(battery("m1", { override: { hold: { power_w, until } } }), NOW);
  expect(overrideText(battery("m1"), NOW)).toBeNull();
  expect(overrideText(battery("m1", { override: "out-of-service" }), NOW)).toContain("Out of service");
  expect(hold(-400, null)).toBe("Held by you: discharging with 400 W");
  expect(hold(400, "2026-06-21T18:00:00Z")).toMatch(/^Held by you: charging with 400 W, until \d\d:00$/);
});

test("a hold is sent charging positive, with its end as a moment", () => {
  expect(holdOf(300, false, "")).toEqual({ hold: { power_w: -300, until: null } });
  expect(holdOf(300, true, "2026-06-21T18:00")).toEqual({
    hold: { power_w: 300, until: new Date("2026-06-21T18:00").toISOString() },
  });
});

test("batteries that the order leaves out follow as they stand", () => {
  const three = home({ batteries: [battery("a"), battery("b"), battery("c")] });
  expect(order(three, ["c", "gone"]).map(({ id }) => id)).toEqual(["c", "a", "b"]);
  expect(moved(["a", "b", "c"], "c", -1)).toEqual(["a", "c", "b"]);
  expect(moved(["a", "b", "c"], "a", -1)).toEqual(["a", "b", "c"]);
});

test("only a battery that can't be used is in trouble", () => {
  expect(trouble(battery("m1"))).toBeNull();
  expect(trouble(battery("m1", { reachable: false, age_s: 200 }))).toBe("Unreachable, last heard 3 min ago");
  expect(trouble(battery("m1", { available: false, state: "fault" }))).toBe("Not available now (fault)");
});

test("a hold that is shown again and applied unchanged ends when it did", () => {
  const until = "2026-06-21T18:00:00.000Z";
  expect(holdOf(300, true, dateField(until))).toEqual({ hold: { power_w: 300, until } });
});
