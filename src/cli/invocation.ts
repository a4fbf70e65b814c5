import { basename, relative, sep } from "node:path";
import { shellWord, withWords } from "../report/paste.ts";

/** What tells how Capstan was started. */
export interface Started {
  /** `process.argv[1]`. */
  script: string;
  cwd: string;
  env: Record<string, string | undefined>;
  deno: boolean;
}

/** The words with which the person started Capstan, so that pasted hints work in the same place. Pure. */
export function invocationOf(started: Started): string {
  const { script, env, deno } = started;
  const name = basename(script);
  if (ranByScript(env)) {
    const manager = /^(npm|pnpm|yarn|bun)\//.exec(env.npm_config_user_agent ?? "")?.[1] ?? "npm";
    return manager === "npm" ? `npm run ${env.npm_lifecycle_event} --` : `${manager} run ${env.npm_lifecycle_event}`;
  }
  if (deno) {
    // `deno task` sets INIT_CWD and no name of the task.
    return name === "loop.ts" && env.INIT_CWD !== undefined ? "deno task loop" : `deno run -A ${pathFrom(started)}`;
  }
  if (env.npm_command === "exec" || script.includes(`${sep}node_modules${sep}.bin${sep}`)) return "npx capstan";
  return name.includes(".") ? `node ${pathFrom(started)}` : "capstan";
}

/** The same with the options that every later command needs too. */
export function carriedInvocation(
  invocation: string,
  options: { dir?: string; plan?: string; branch?: string },
): string {
  const words = [
    ...(options.dir === undefined ? [] : ["-C", options.dir]),
    ...(options.plan === undefined ? [] : ["--plan", options.plan]),
    ...(options.branch === undefined ? [] : ["--branch", options.branch]),
  ];
  return withWords(invocation, words);
}

/**
 * Where relative paths on the command line start: where the person is. `npm run` changes to the package's folder and
 * leaves the person's in INIT_CWD.
 */
export function startDir({ cwd, env }: Pick<Started, "cwd" | "env">): string {
  return ranByScript(env) && env.INIT_CWD !== undefined ? env.INIT_CWD : cwd;
}

/** A package script that is ours: an outer one (`npm test`) leaves its variables to everything below it. */
function ranByScript(env: Started["env"]): boolean {
  return env.npm_lifecycle_event !== undefined && env.npm_command !== "exec" &&
    /\bcapstan\b|\bloop\.ts\b/.test(env.npm_lifecycle_script ?? "");
}

function pathFrom({ script, cwd }: Started): string {
  const path = relative(cwd, script);
  return shellWord(path.startsWith("..") ? script : path);
}
