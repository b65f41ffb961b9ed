/** Every test begins in English, whatever the machine it runs on speaks; all languages are at hand. */

import { i18n, load } from "../src/lib/i18n";

i18n.language = "en";
i18n.locale = "en-GB";
await Promise.all([load("en"), load("nl"), load("de")]);
