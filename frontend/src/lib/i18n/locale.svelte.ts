/** The language of the user, and the locale that numbers and dates follow. */

import { keep, recall } from "../storage";

export type Language = "en" | "nl" | "de";

/** In their own language, for who can't read the present one. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", nl: "Nederlands", de: "Deutsch" };

/** Where the browser names no country: the 24-hour, day-first formats of the countries these homes are in. */
const LOCALES: Record<Language, string> = { en: "en-GB", nl: "nl-NL", de: "de-DE" };

const STORED = "phasewise.language";

class I18n {
  language = $state<Language>("en");
  /** For Intl: the language with the user's country, where the browser tells one. */
  locale = $state(LOCALES.en);

  constructor() {
    const stored = recall(STORED);
    this.#use(isLanguage(stored) ? stored : preferred());
  }

  /** Change the language and remember it on this device. */
  choose(language: Language): void {
    this.#use(language);
    keep(STORED, language);
  }

  #use(language: Language): void {
    this.language = language;
    this.locale = browserLanguages().find((tag) => tag.startsWith(`${language}-`)) ?? LOCALES[language];
    if (typeof document !== "undefined") document.documentElement.lang = language;
  }
}

export const i18n = new I18n();

/** One text or the other by the plural rules of the language; `{n}` stands for the number. */
export function plural(n: number, one: string, other: string): string {
  const form = new Intl.PluralRules(i18n.language).select(n) === "one" ? one : other;
  return form.replace("{n}", new Intl.NumberFormat(i18n.locale).format(n));
}

function isLanguage(tag: string | null): tag is Language {
  return tag !== null && Object.hasOwn(LANGUAGE_NAMES, tag);
}

function preferred(): Language {
  const short = browserLanguages().map((tag) => tag.slice(0, 2).toLowerCase());
  return short.find(isLanguage) ?? "en";
}

function browserLanguages(): readonly string[] {
  return typeof navigator === "undefined" ? [] : (navigator.languages ?? []);
}
