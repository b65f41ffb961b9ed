import type { why as English } from "../en/why";

export const why: typeof English = {
  title: "Warum war das so?",
};
