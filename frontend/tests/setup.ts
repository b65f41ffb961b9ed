/** Every test begins in English, whatever the machine it runs on speaks. */

import { i18n } from "../src/lib/i18n";

i18n.language = "en";
i18n.locale = "en-GB";
