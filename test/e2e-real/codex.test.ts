import { severalSteps } from "./several-steps.ts";

await severalSteps("codex", { reportsCost: false });
