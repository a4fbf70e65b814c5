import { join } from "node:path";
import type { Frozen } from "../loop/ports.ts";
import type { Plan } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import { refillScripts, scriptFiles } from "./scripts.ts";

/** What the validators of a plan rest on: files that they protect, and scripts that their commands come down to. Pure. */
export function frozenBy(validators: readonly Validator[], plan: Plan): Frozen {
  const manifests = new Map(scriptFiles.map(({ file, key }) => [join(plan.cwd ?? "", file), key]));
  return {
    protects: validators.flatMap(({ protects }) => protects),
    manifests: [...manifests.keys()],
    emptied(path, before, after) {
      const commands = [
        ...validators.flatMap(({ command }) => command ?? []),
        ...plan.steps.flatMap(({ completionCriteria }) => completionCriteria ?? []),
      ];
      const key = manifests.get(path);
      return key === undefined ? null : refillScripts(commands, key, before, after);
    },
  };
}
