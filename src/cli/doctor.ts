import { oneLine } from "../model/text.ts";
import { mkdtemp } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type AgentProbe, probeAgents } from "../agents/probe.ts";
import { locate, type Place } from "../lanes/locate.ts";
import type { Plan } from "../model/plan.ts";
import { sandboxSettings } from "../model/sandbox.ts";
import { readPlan } from "../plan/read.ts";
import { readBuiltInRegistries } from "../registries/built-in.ts";
import { loadRegistries } from "../registries/load.ts";
import { repositoryMessage } from "../report/repository-text.ts";
import { capsText, networkText, sandboxFix, sandboxMissText, unheld } from "../report/sandbox-text.ts";
import { problemText } from "../report/problem-text.ts";
import type { Mark, Style } from "../report/style.ts";
import { count } from "../report/units.ts";
import { cleanEnv, stateDir } from "../system/env.ts";
import { exec } from "../system/exec.ts";
import { isWritable, pathExists, readTextOrNull, removeTree } from "../system/files.ts";
import { openSandbox } from "../system/sandbox.ts";
import type { Context } from "./context.ts";
import { ownRegistries } from "./own-registries.ts";
import { packageVersion } from "./package.ts";

interface Check {
  name: string;
  mark: Mark;
  text: string;
  details: string[];
}

/** Looks at everything that a run needs and says what is missing. Exit code 0 when a run could start, else 2 or 6. */
export async function doctor(context: Context, flags: { json?: boolean }): Promise<number> {
  const { io, dir, plan } = context;
  const env = cleanEnv(io.env);
  const located = await locate({ dir, readOnly: true, ...(plan === undefined ? {} : { plan }) });
  const place = located.ok ? located.place : null;
  const [git, agents] = await Promise.all([gitCheck(env), probe(place, env)]);
  const checks: Check[] = [
    check("Capstan", "ok", packageVersion()),
    check("Runtime", "ok", io.deno ? "Deno" : `Node ${process.version}`),
    git,
    located.ok
      ? check(
        "Repository",
        "ok",
        `${located.place.root}${
          located.place.head.branch === null ? " (HEAD is detached)" : `, branch ${located.place.head.branch}`
        }`,
      )
      : check("Repository", "bad", repositoryMessage(located.problem, { paste: context.paste, now: io.now() }).title),
    await stateCheck(place?.stateDir ?? stateDir(env)),
    await sandboxCheck(place, env),
    ...(place === null ? [] : [await planCheck(context, place), await registriesCheck(context, place)]),
  ];
  const usable = agents.some(({ installed, ready, auto }) => installed && ready && auto !== null);
  const lacking = !usable && (place === null || await wantsAuto(place));
  if (flags.json === true) {
    io.out.write(`${JSON.stringify({ v: 1, checks, agents })}\n`);
  } else {
    const { style } = io.out;
    const lines = [...checks.flatMap((one) => checkLines(one, style)), "", ...agentLines(agents, style)];
    if (!usable) {
      lines.push(
        "",
        `${
          style.mark(lacking ? "bad" : "warn")
        } No agent is ready: install one of them and log in, or set ANTHROPIC_API_KEY`,
      );
    }
    io.out.write(`${lines.join("\n")}\n`);
  }
  if (checks.some(({ mark }) => mark === "bad")) return 2;
  return lacking ? 6 : 0;
}

function check(name: string, mark: Mark, text: string, details: string[] = []): Check {
  return { name, mark, text, details };
}

async function gitCheck(env: Record<string, string>): Promise<Check> {
  const { exit, stdout } = await exec(["git", "version"], { env });
  if (exit.kind !== "code" || exit.code !== 0) return check("git", "bad", "not installed, or not on PATH");
  return check("git", "ok", stdout.toString("utf8").trim().replace(/^git version /, ""));
}

/** The folder itself may not be there yet: what counts is the nearest one that is. */
async function stateCheck(dir: string): Promise<Check> {
  let existing = dir;
  while (!(await pathExists(existing)) && dirname(existing) !== existing) existing = dirname(existing);
  return await isWritable(existing)
    ? check("State folder", "ok", dir)
    : check("State folder", "bad", `${dir}: no permission to write`);
}

/** Tries it, as a run would: in a repository with what the plan says, elsewhere with a lane of its own. */
async function sandboxCheck(place: Place | null, env: Record<string, string>): Promise<Check> {
  const settings = sandboxSettings(place === null ? "auto" : await plannedSandbox(place));
  if (settings.level === "none") return check("Sandbox", "warn", `none, as the plan says: ${unheld}`);
  const temp = await mkdtemp(join(tmpdir(), "capstan-doctor-"));
  try {
    const { root, commonDir } = place ?? { root: join(temp, "checkout"), commonDir: join(temp, "checkout/.git") };
    const opened = await openSandbox({ root, commonDir, stateDir: join(temp, "state/repository"), env }, settings);
    if (opened.ok) {
      return check("Sandbox", "ok", "bubblewrap: tried, and it held", [
        "A process in it wrote its lane and nothing beside it, no home, no program and no setting of the kernel",
        "It saw neither the repository nor other processes",
        capsText(opened.caps, opened.isRoot),
        networkText(settings.network) ?? "Network: open, for agents, validators and setup",
      ]);
    }
    const fix = sandboxFix(opened.why);
    return check(
      "Sandbox",
      settings.level === "required" ? "bad" : "warn",
      `none (${sandboxMissText(opened.why)}): ${unheld}`,
      fix === null ? [] : [`To have one: ${fix}`],
    );
  } finally {
    await removeTree(temp);
  }
}

/** A plan that can't be read is another check's business. */
async function plannedSandbox({ root, planPath }: Place): Promise<Plan["sandbox"]> {
  const text = await readTextOrNull(join(root, planPath));
  const read = text === null ? null : readPlan(text, planPath);
  return read?.ok === true ? read.plan.sandbox : "auto";
}

async function planCheck({ paste }: Context, { root, planPath }: Place): Promise<Check> {
  const text = await readTextOrNull(join(root, planPath));
  if (text === null) return check("Plan", "warn", `no ${planPath}`, [`${paste("init")} writes a first one`]);
  const read = readPlan(text, planPath);
  if (!read.ok) {
    return check("Plan", "bad", `${planPath}: ${count(read.problems.length, "problem")}`, [
      `${paste("validate")} lists them`,
    ]);
  }
  const passed = read.plan.steps.filter(({ passes }) => passes).length;
  return check("Plan", "ok", `${planPath}: ${passed} of ${count(read.plan.steps.length, "step")} pass`);
}

async function registriesCheck({ paste }: Context, place: Place): Promise<Check> {
  const texts = await ownRegistries(place);
  const loaded = loadRegistries(await readBuiltInRegistries(), texts);
  if (!loaded.ok) {
    return check(
      "Registries",
      "bad",
      count(loaded.problems.length, "problem"),
      loaded.problems.map((problem) => problemText(problem, paste)),
    );
  }
  const own = Object.values(texts).map(({ file }) => file);
  return check("Registries", "ok", own.length === 0 ? "the built-in ones" : `the built-in ones and ${own.join(", ")}`);
}

/** Whether an open step leaves the choice of its agent to the runner. */
async function wantsAuto({ root, planPath }: Place): Promise<boolean> {
  const text = await readTextOrNull(join(root, planPath));
  const read = text === null ? null : readPlan(text, planPath);
  if (!read?.ok) return true;
  return read.plan.steps.some(({ type, passes, agent = "auto", command }) =>
    type === "agent" && !passes && agent === "auto" && command === undefined
  );
}

/** Agents of this repository where there is one; a registry that can't be read leaves the built-in ones. */
async function probe(place: Place | null, env: Record<string, string>): Promise<AgentProbe[]> {
  const builtIn = await readBuiltInRegistries();
  const { agents: own } = place === null ? {} : await ownRegistries(place);
  const both = loadRegistries(builtIn, own === undefined ? {} : { agents: own });
  const known = both.ok ? both : loadRegistries(builtIn, {});
  if (!known.ok) throw new Error("Internal error: the built-in registries are damaged");
  return await probeAgents(known.registries.agents, { env, home: env.HOME ?? homedir() });
}

function checkLines({ name, mark, text, details }: Check, style: Style): string[] {
  return [
    `${style.mark(mark)} ${name.padEnd(12)}  ${oneLine(text)}`,
    ...details.map((detail) => `                ${style.paint("dim", oneLine(detail))}`),
  ];
}

function agentLines(agents: readonly AgentProbe[], style: Style): string[] {
  const width = Math.max(...agents.map(({ id }) => id.length), 6);
  return [
    style.paint("strong", "Agents"),
    ...agents.flatMap((agent) => {
      const usable = agent.installed && agent.ready;
      const facts = [
        agent.installed ? agent.version ?? "installed" : "not installed",
        ...(agent.installed
          ? [agent.ready ? agent.way === null ? "ready" : `ready (${agent.way})` : "not logged in"]
          : []),
        ...(agent.tested === true ? [] : ["not tested: rests on its documentation only"]),
        ...(agent.missingFlags.length === 0 ? [] : [`this version lacks ${agent.missingFlags.join(" ")}`]),
      ];
      const fix = !agent.installed ? agent.install : agent.ready ? "" : agent.login;
      return [
        `${style.mark(usable ? "ok" : "skip")} ${agent.id.padEnd(width)}  ${facts.map(oneLine).join(style.dot)}`,
        ...(fix === "" ? [] : [`  ${" ".repeat(width)}  ${style.paint("dim", oneLine(fix))}`]),
      ];
    }),
  ];
}
