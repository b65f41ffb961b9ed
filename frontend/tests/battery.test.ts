import { expect, test } from "vitest";

import { dateField, holdOf, meaning, moved, order, orderHint, overrideText, trouble } from "../src/lib/battery";
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

test("another phase is said with what it means, the present one with nothing", () => {
  const garage = battery("m1", { phase: "L1" });
  const attic = battery("m2", { phase: "L2" });
  const protection = { enabled: true, active: true, unassigned: "worst-case" };
  const on = home({ batteries: [garage, attic], protection });
  expect(meaning(on, garage, "L1")).toEqual([]);
  expect(meaning(on, garage, "L2")).toEqual([
    "Its power then counts on L2: protection uses it for L2, and for no other phase.",
  ]);
  expect(meaning(home({ batteries: [garage, attic] }), garage, "L2")).toEqual(["Its power then counts on L2."]);
  expect(meaning(on, garage, "three-phase")).toEqual(["A third of its power then counts on each phase."]);
});

test("the first phase of a home is said with what it means for the others", () => {
  const protection = { enabled: true, active: false, unassigned: "worst-case" };
  const none = home({ batteries: [battery("m1"), battery("m2")], protection });
  expect(meaning(none, battery("m1"), "L3").join(" ")).toMatch(/counts on L3.*Until M2 has one too/);
});

test("without a phase a battery may do what the protection of unassigned ones says", () => {
  const garage = battery("m1", { phase: "L1" });
  const without = (phase: string, unassigned: string, enabled = true) =>
    meaning(
      home({
        batteries: [garage, battery("m2", { phase })],
        protection: { enabled, active: enabled, unassigned },
      }),
      garage,
      "unassigned",
    )[0];
  expect(without("L2", "worst-case")).toContain("only what is safe on every one");
  expect(without("L2", "aggregate")).toContain("as if its phase were not protected");
  expect(without("unassigned", "worst-case")).toContain("No battery has a phase then");
  expect(without("L2", "worst-case", false)).toBe("Its power then counts on no phase.");
});

test("what the order is good for depends on how power is divided", () => {
  expect(orderHint({})).toBe("The first one is charged first and discharged last.");
  expect(orderHint({ split: "fair", cycle: "auto" })).toContain("counts for little");
  expect(orderHint({ split: "efficient", cycle: "daily" })).toMatch(/^As few batteries.*moves on by one place/);
  expect(orderHint({ split: "priority", cycle: "auto" })).toContain("goes by the state of charge");
});
