import { settings as English } from "../en/settings";

export const settings: typeof English = { ...English, title: "Instellingen" };
