import { join } from "node:path";
import { readRegular } from "../lanes/control.ts";
import { locate } from "../lanes/locate.ts";
import { absentPlan } from "../lanes/readable.ts";
import { mergeLimits } from "../loop/limits.ts";
import type { Plan, Problem } from "../model/plan.ts";
import { readPlan } from "../plan/read.ts";
import { unusedKeys } from "../plan/unused-keys.ts";
import { readBuiltInRegistries } from "../registries/built-in.ts";
import { loadRegistries, type RegistryText } from "../registries/load.ts";
import { checkReferences } from "../registries/references.ts";
import { limitLines } from "../report/limit-lines.ts";
import { noticeText } from "../report/notice-text.ts";
import { count } from "../report/units.ts";
import { type Context, printHalt } from "./context.ts";
import { detectAt } from "./detect.ts";
import { filesOf } from "./limit-files.ts";
import { ownRegistries } from "./own-registries.ts";

/** Checks plan, registries and what names what, as they lie in the checkout. Every problem in one message. */
export async function validate(context: Context): Promise<number> {
  const { io, dir, plan: named } = context;
  const located = await locate({ dir, readOnly: true, ...(named === undefined ? {} : { plan: named }) });
  if (!located.ok) return printHalt(context, { reason: "repository", problem: located.problem });
  const { place } = located;
  const problems: Problem[] = [];
  const planText = await textAt(place.root, place.planPath);
  if (planText === null) problems.push(await absentPlan(place));
  const read = planText === null ? null : readPlan(planText.text, planText.file);
  if (read !== null && !read.ok) problems.push(...read.problems);

  const own = await ownRegistries(place);
  const loaded = loadRegistries(await readBuiltInRegistries(), own);
  if (!loaded.ok) problems.push(...loaded.problems);
  const detected = own.validators === undefined ? await detectAt(place) : [];
  if (loaded.ok && read?.ok && planText !== null) {
    const known = {
      agents: loaded.registries.agents.map(({ id }) => id),
      validators: [...loaded.registries.validators, ...detected].map(({ id }) => id),
    };
    problems.push(...checkReferences(read.plan, planText, known));
  }
  if (problems.length > 0 || !loaded.ok || !read?.ok) return printHalt(context, { reason: "invalid", problems });

  const { style } = io.out;
  const declared = loaded.registries.validators.filter(({ origin }) => origin === "registry");
  const others = Object.keys(own).filter((name) => name !== "validators").map((name) => `, ${name}.json`);
  const { own: registry, builtIn } = loaded.registries.limits;
  const limits = mergeLimits({ commandLine: {}, plan: read.plan.limits, registry, builtIn });
  const passed = read.plan.steps.filter(({ passes }) => passes).length;
  const lines = [
    `${style.mark("ok")} ${place.planPath}: ${count(read.plan.steps.length, "step")}, ${passed} passed`,
    ...read.changes.map((change) => `    ${style.paint("dim", change)}`),
    ...unusedLines(context, read.plan),
    `${style.mark("ok")} ${place.registriesPath}: ${
      own.validators === undefined
        ? `no validators.json; detected ${detected.length === 0 ? "nothing" : detected.map(({ id }) => id).join(", ")}`
        : count(declared.length, "validator")
    }${others.join("")}`,
    ...limitLines(limits, { today: null, files: filesOf(place) }, style, io.out.columns()),
  ];
  io.out.write(`${lines.join("\n")}\n`);
  return 0;
}

/** Keys that the plan may hold and that change nothing yet, as a run tells them. */
function unusedLines({ io, paste }: Context, plan: Plan): string[] {
  const keys = unusedKeys(plan);
  if (keys.length === 0) return [];
  const { style } = io.out;
  const { mark, title, details } = noticeText({ kind: "keys-unused", keys }, { paste, now: io.now() });
  return [`${style.mark(mark)} ${title}`, ...details.map((detail) => `    ${style.paint("dim", detail)}`)];
}

async function textAt(root: string, file: string): Promise<RegistryText | null> {
  const bytes = await readRegular(join(root, file));
  return bytes === null ? null : { file, text: bytes.toString("utf8") };
}
