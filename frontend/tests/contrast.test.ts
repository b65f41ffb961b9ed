import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

/** WCAG 2.2, 1.4.3: text of normal size, level AA. */
const TEXT = 4.5;
/** WCAG 2.2, 1.4.11: graphics that carry meaning. */
const GRAPHICS = 3;

const css = readFileSync("src/app.css", "utf8");
const [light = "", dark = ""] = css.split(':root[data-theme="dark"]');

const TEXT_PAIRS: [string, string][] = [
  ...["ink", "ink-2", "accent", "ok", "warning", "alarm"].map((ink): [string, string] => [ink, "surface"]),
  ...["ink", "ink-2", "accent", "alarm"].map((ink): [string, string] => [ink, "bg"]),
  ...["ok", "info", "warning", "alarm"].flatMap((tone): [string, string][] => [
    [tone, `${tone}-bg`],
    ["ink", `${tone}-bg`],
  ]),
  ["on-accent", "accent"],
  ["accent", "accent-bg"],
  ["ink", "well"],
  ["surface", "alarm"],
];
const GRAPHICS_PAIRS: [string, string][] = [
  ...["import", "export", "pv", "battery", "accent", "warning", "alarm", "mark"].map((tone): [string, string] => [
    tone,
    "well",
  ]),
  ...["l1", "l2", "l3", "house", "pv", "battery", "import", "export"].map((tone): [string, string] => [
    tone,
    "surface",
  ]),
];

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(scheme: string, one: string, other: string): number {
  const [a, b] = [one, other].map((name) => {
    const hex = new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(scheme)?.[1];
    if (hex === undefined) throw new Error(`--${name} is not in this colour scheme`);
    return luminance(hex) + 0.05;
  }) as [number, number];
  return Math.max(a, b) / Math.min(a, b);
}

test.each([
  ["light", light],
  ["dark", dark],
])("contrast in the %s scheme meets AA", (_, scheme) => {
  const weak = [
    ...TEXT_PAIRS.filter(([a, b]) => contrast(scheme, a, b) < TEXT),
    ...GRAPHICS_PAIRS.filter(([a, b]) => contrast(scheme, a, b) < GRAPHICS),
  ];
  expect(weak).toEqual([]);
});
