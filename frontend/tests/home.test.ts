import { expect, test } from "vitest";

import {
  assignments,
  batteriesInShort,
  otherGroups,
  phaseGroups,
  summary,
  totalPower,
} from "../src/lib/home";
import { alarm, battery, home } from "./states";

test("each battery is in exactly one group, also with an assignment that this home does not have", () => {
  const phases = ["L1", "L2", "L3", "three-phase", "unassigned", "L7"];
  const state = home({ batteries: phases.map((phase) => battery(phase, { phase })) }, [{}]);
  const groups = [...phaseGroups(state), ...otherGroups(state)];
  expect(groups.flatMap((group) => group.batteries.map(({ id }) => id)).sort()).toEqual([...phases].sort());
  expect(otherGroups(state).map(({ key }) => key)).toEqual(["three-phase", "unassigned", "elsewhere"]);
});

test("a phase without a battery has an empty group", () => {
  expect(phaseGroups(home()).map(({ key, batteries }) => [key, batteries.length])).toEqual([
    ["L1", 0],
    ["L2", 0],
    ["L3", 0],
  ]);
});

test("the choices are what this home has, and what is set now", () => {
  expect(assignments(home(), "L1")).toEqual(["L1", "L2", "L3", "three-phase", "unassigned"]);
  expect(assignments(home({}, [{}]), "unassigned")).toEqual(["L1", "unassigned"]);
  expect(assignments(home({}, [{}]), "L2")).toEqual(["L1", "unassigned", "L2"]);
});

test("a phase says how far its batteries can help, and which first", () => {
  const state = home({ batteries: [battery("m1"), battery("m2")] }, [
    {
      support_down_w: 3000,
      support_down: [
        { id: "m2", w: 2000 },
        { id: "m1", w: 1000 },
      ],
      support_up_w: 500,
    },
    { support_up_w: 500, support_up: [{ id: "m1", w: 500 }] },
    {},
  ]);
  expect(phaseGroups(state).map(({ hint }) => hint)).toEqual([
    "Can lower L1 by 3.00 kW (first M2, then M1) or raise it by 500 W.",
    "Can raise L2 by 500 W.",
    null,
  ]);
});

test("all is right only when nothing is wrong", () => {
  expect(summary(home())).toMatchObject({ level: "ok", title: "Everything is all right." });
  expect(summary(home({ alarms: [alarm("info", "A notice.")] })).level).toBe("ok");
  expect(summary(home({ alarms: [alarm("warning", "Odd.")] }))).toMatchObject({
    level: "warning",
    title: "Something needs attention: see the warning above.",
  });
  expect(summary(home({ alarms: [alarm("new-kind", "Odd.")] })).level).toBe("warning");
});

test("the worst finding is the status", () => {
  const alarms = [alarm("warning", "Odd."), alarm("alarm", "Bad."), alarm("alarm", "Worse.")];
  expect(summary(home({ alarms }))).toMatchObject({
    level: "alarm",
    title: "Something is wrong: see the alarms above.",
  });
  const overFuse = summary(home({ alarms }, [{}, { current_a: 26, power_w: 1 }, {}]));
  expect(overFuse).toMatchObject({ level: "alarm", title: "L2 carries 26 A, more than its 25 A fuse." });
});

test.each([
  [{ current_a: 23, power_w: 1 }, "L1 is near its limit: 23 A of 24 A."],
  [{ current_a: 25, power_w: -1 }, "L1 carries 25 A, more than its limit of 24 A."],
  [{ freshness: "lost" }, "The meter gives no reading of L1."],
])("a phase in the state %o is a warning", (values, title) => {
  expect(summary(home({}, [values, {}, {}]))).toMatchObject({ level: "warning", title });
});

test("a silent meter is said once, not per phase", () => {
  const state = home({}, [{ freshness: "lost" }, { freshness: "lost" }, { freshness: "lost" }]);
  state.grid.freshness = "lost";
  expect(summary(state)).toMatchObject({ level: "warning", title: "The meter is silent." });
});

test("a battery that can't be reached is said before there is an alarm", () => {
  const batteries = [battery("m1", { reachable: false }), battery("m2"), battery("m3", { reachable: false })];
  expect(summary(home({ batteries }))).toMatchObject({
    level: "warning",
    title: "M1 and M3 can't be reached.",
  });
});

test("a full stop is said", () => {
  const strategy = { selected: "full-stop", executing: "full-stop", available: ["full-stop"], goal: null, why: null };
  expect(summary(home({ strategy }))).toMatchObject({
    level: "info",
    title: expect.stringContaining("Full stop"),
  });
});

test("the daemon's own sentence goes before the short one that this page can make", () => {
  const batteries = [battery("m1", { power_w: 1500 })];
  expect(summary(home({ batteries, summary: "Charging with 1.5 kW of surplus." })).detail).toBe(
    "Charging with 1.5 kW of surplus.",
  );
  expect(summary(home({ batteries })).detail).toBe("M1: charging with 1.50 kW.");
});

test("what the batteries do, with those of unknown power named apart", () => {
  const charging = battery("m1", { power_w: 1500 });
  const discharging = battery("m2", { power_w: -300 });
  const gone = battery("m3", { power_w: 2500, reachable: false });
  expect(batteriesInShort([])).toBe("There are no batteries.");
  expect(batteriesInShort([charging])).toBe("M1: charging with 1.50 kW.");
  expect(batteriesInShort([charging, discharging])).toBe("2 batteries together: charging with 1.20 kW.");
  expect(batteriesInShort([discharging, gone])).toBe("M2: discharging with 300 W. M3: power unknown.");
  expect(batteriesInShort([gone])).toBe("M3: power unknown.");
  expect(totalPower([gone])).toBeNull();
});
