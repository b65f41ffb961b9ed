/** What set-up makes of findings and answers. */

import { expect, test } from "vitest";

import { asUrl, choices, firstFile, needs, phasesSeen, unusable, usable, type Finding } from "../src/lib/setup";

const METER = { kind: "meter" as const, driver: "dsmr", options: { url: "tcp://a:23" }, tested: null };
const BATTERY = {
  kind: "battery" as const, driver: "marstek", options: { url: "tcp://b", model: "venus-a" }, tested: null,
};

test("the file has what was said and no more, and no phase that nobody said", () => {
  const batteries = [
    { device: BATTERY, name: " Garage ", phase: null },
    { device: BATTERY, name: "", phase: "L2" },
  ];
  expect(firstFile({ siteName: "", fuseA: 25, phases: 3, meter: METER, batteries }, "en")).toEqual({
    site: { main_fuse_a: 25, phases: 3 },
    meter: { driver: "dsmr", url: "tcp://a:23" },
    batteries: [
      { id: "m1", name: "Garage", driver: "marstek", url: "tcp://b", model: "venus-a" },
      { id: "m2", phase: "L2", driver: "marstek", url: "tcp://b", model: "venus-a" },
    ],
  });
});

test("messages are to be in the language of the set-up", () => {
  const answers = { siteName: "Thuis", fuseA: 25, phases: 3 as const, meter: METER, batteries: [] };
  expect(firstFile(answers, "nl").site).toEqual({
    name: "Thuis", main_fuse_a: 25, phases: 3, language: "nl",
  });
});

test.each([
  ["dsmr", "192.168.1.20:23", "tcp://192.168.1.20:23"],
  ["dsmr", "/dev/ttyUSB0", "serial:///dev/ttyUSB0"],
  ["marstek", " 192.168.1.30 ", "modbus-tcp://192.168.1.30"],
  ["marstek", "modbus-rtu-tcp://bridge:8899?unit=2", "modbus-rtu-tcp://bridge:8899?unit=2"],
  ["homewizard", "192.168.1.40", "http://192.168.1.40"],
  ["homewizard", "https://192.168.1.40", "https://192.168.1.40"],
  ["shelly", "192.168.1.41", "http://192.168.1.41"],
  ["other", "host", "host"],
])("%s at %s", (driver, text, url) => expect(asUrl(driver, text)).toBe(url));

test("what can be used, what is in use, and what can't be used yet", () => {
  const finding = (name: string, more: Partial<Finding>): Finding => ({
    kind: "battery", driver: null, url: null, name, detail: "", configured: false, suggestions: [], ...more,
  });
  const found = [
    finding("good", { suggestions: [BATTERY] }),
    finding("used", { configured: true }),
    finding("later", {}),
    finding("thing", { kind: "other" }),
    finding("meter", { kind: "meter", suggestions: [METER] }),
    finding("cable", { kind: "other", suggestions: [METER, BATTERY] }),
  ];
  expect(usable(found, "battery").map(({ name }) => name)).toEqual(["good", "used", "cable"]);
  expect(usable(found, "meter").map(({ name }) => name)).toEqual(["meter", "cable"]);
  expect(unusable(found, "battery").map(({ name }) => name)).toEqual(["later", "thing"]);
});

test("the keys a driver needs, with what may stand there", () => {
  const options = {
    properties: { url: { type: "string" }, model: { $ref: "#/$defs/Model" }, age: {}, token: { "x-asked": true } },
    required: ["url", "model"],
    $defs: { Model: { enum: ["a", "b"] } },
  };
  const keys = needs({ kind: "battery", name: "x", options });
  expect(keys.map(([key, schema, needed]) => [key, schema.enum, needed])).toEqual([
    ["url", undefined, true],
    ["model", ["a", "b"], true],
    ["token", undefined, false],
  ]);
});

test("phases: those the meter tells of, and those to choose from", () => {
  const phase = { power_w: 1, current_a: null, voltage_v: null };
  const tested = { ok: true, text: "", battery: null, meter: { total_power_w: 1, cadence_s: 1, phases: { L1: phase } } };
  expect(phasesSeen({ ...METER, tested })).toBe(1);
  expect(phasesSeen(METER)).toBeNull();
  expect(choices(1)).toEqual(["L1"]);
  expect(choices(null)).toEqual(["L1", "L2", "L3", "three-phase"]);
});
