import { setup as English } from "../en/setup";

export const setup: typeof English = { ...English };
