import type { live as English } from "../en/live";

export const live: typeof English = {
  title: "Live",
};
