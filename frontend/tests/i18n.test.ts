import { afterEach, expect, test } from "vitest";

import { number, percent, power, since } from "../src/lib/format";
import { i18n, load, t, type Language } from "../src/lib/i18n";

/** Every text by its path; a text with parameters as what its function takes. */
function texts(node: unknown, path = ""): [string, string][] {
  if (typeof node === "string") return [[path, node]];
  if (typeof node === "function") return [[path, `function of ${node.length}`]];
  return Object.entries(node as object).flatMap(([key, value]) => texts(value, `${path}.${key}`));
}

function speak(language: Language, locale: string): void {
  i18n.language = language;
  i18n.locale = locale;
}

afterEach(() => speak("en", "en-GB"));

test.each(["nl", "de"] as const)("%s has every text of English, with the same parameters", async (language) => {
  const shape = (catalogue: unknown): [string, string][] =>
    texts(catalogue).map(([path, text]) => [path, text.startsWith("function") ? text : "text"]);
  expect(shape(await load(language))).toEqual(shape(await load("en")));
});

test.each(["en", "nl", "de"] as const)("no text of %s is empty", async (language) => {
  expect(texts(await load(language)).filter(([, text]) => text.trim() === "")).toEqual([]);
});

test("texts, plurals and numbers follow the language", () => {
  expect([t.common.days(1), t.common.days(2), power(1234)]).toEqual(["1 day", "2 days", "1.23 kW"]);
  speak("de", "de-DE");
  expect([t.common.days(1), t.common.days(2), power(1234)]).toEqual(["1 Tag", "2 Tage", "1,23 kW"]);
  speak("nl", "nl-NL");
  expect([t.common.cancel, number(1234.5, 1)]).toEqual(["Annuleren", "1.234,5"]);
});

test("percentages and dates are written as in the country", () => {
  const began = new Date(2026, 2, 1, 8, 5);
  const later = new Date(2026, 2, 2, 8, 5);
  expect([percent(46.4), since(began.toISOString(), later)]).toEqual(["46%", "1 Mar, 08:05"]);
  speak("de", "de-DE");
  expect([percent(46.4), since(began.toISOString(), later)]).toEqual(["46\u00a0%", "1. März, 08:05"]);
});
