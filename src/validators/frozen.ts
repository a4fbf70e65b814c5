import { join } from "node:path";
import type { Frozen } from "../loop/ports.ts";
import type { Plan } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import { refillScripts, runsScripts, scriptFiles } from "./scripts.ts";

/** Settings of package managers: they name the shell, the program or the code that every script starts with. */
const startFiles = [".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "bunfig.toml"];

/**
 * What the validators of a plan rest on: files that they protect, scripts that their commands come down to and what
 * starts those. `allowed` are paths that the step names itself. Pure.
 */
export function frozenBy(validators: readonly Validator[], plan: Plan, allowed: readonly string[]): Frozen {
  const manifests = new Map(scriptFiles.map(({ file, key }) => [join(plan.cwd ?? "", file), key]));
  const hasScripts = validators.some(({ command }) => command !== undefined && runsScripts(command));
  const starters = hasScripts ? startFiles.map((file) => join(plan.cwd ?? "", file)) : [];
  return {
    protects: [
      // What was only detected is no wish of a person: those files are set aside for the validator, and may change.
      ...validators.flatMap(({ protects, origin }) => origin === "detected" ? [] : protects),
      ...starters.filter((path) => !allowed.includes(path)),
    ],
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
