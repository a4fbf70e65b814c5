import { severalSteps } from "./several-steps.ts";

await severalSteps("claude", { reportsCost: true });
