import type { z } from "zod";
import { type Agent, agentSchema, agentsSchema, mergeAgent } from "../model/agents.ts";
import { failureClasses, type Failures, failureSchema, failuresSchema } from "../model/failure.ts";
import type { Problem } from "../model/plan.ts";
import { limitsSchema } from "../model/limit-schema.ts";
import { limitKeys, type Limits, limitScopes } from "../model/limits.ts";
import { priceListSchema, pricesSchema } from "../model/price-list.ts";
import type { PriceLists } from "../model/prices.ts";
import { type Validator, validatorSchema, validatorsSchema } from "../model/validator.ts";
import { issueProblems } from "../plan/issues.ts";
import { isObject, type JsonDocument, type JsonObject, parseJson, problemAt, type Segments } from "../plan/json.ts";
import { completeFailures, mergeFailures } from "./failures.ts";

/** The text of one registry and the name under which people know its file. */
export interface RegistryText {
  file: string;
  text: string;
}

export const registryNames = ["agents", "validators", "failures", "limits", "prices"] as const;

/** One text per registry. */
export type RegistryTexts = Record<(typeof registryNames)[number], RegistryText>;

/** The declared agents and validators: built-in ones first, then a repository's own, each in file order. */
export interface Registries {
  agents: Agent[];
  validators: Validator[];
  failures: Failures;
  /** Not merged: a limit says where it was written. */
  limits: { own: Limits; builtIn: Limits };
  /** The repository's lists go before the built-in ones. */
  prices: PriceLists;
}

export type RegistriesLoaded = { ok: true; registries: Registries } | { ok: false; problems: Problem[] };

/**
 * Lays a repository's registries over the built-in ones, entry by entry. A validator replaces the one of its name as a
 * whole; an agent changes only the keys that it gives, so that `{ "claude": { "agentHome": "user" } }` says it all
 * (`mergeAgent`), and a new one may start from a built-in one by `extends`; so does a failure class, whose lists grow
 * (`mergeFailures`).
 * All problems of all files are reported at once.
 */
export function loadRegistries(builtIn: RegistryTexts, user: Partial<RegistryTexts>): RegistriesLoaded {
  const problems: Problem[] = [];
  const shipped = { agents: shippedValues(builtIn.agents), validators: shippedValues(builtIn.validators) };
  const shippedFailures = shippedValues(builtIn.failures);
  const agents = user.agents === undefined ? {} : own(user.agents, problems, (document, values) => {
    const merged = Object.entries(values).map(([id, entry]) => [id, mergeAgent(id, entry, shipped.agents)] as const);
    return check(document, agentsSchema, Object.fromEntries(merged), Object.keys(agentSchema.shape));
  });
  const validators = user.validators === undefined
    ? {}
    : own(user.validators, problems, (document, values) =>
      check(document, validatorsSchema, values, Object.keys(validatorSchema.shape)));
  const failures = user.failures === undefined
    ? {}
    : own(user.failures, problems, (document, values) =>
      check(document, failuresSchema, mergeFailures(values, shippedFailures), [
        ...failureClasses,
        ...Object.keys(failureSchema.shape),
      ]));
  const limitNames = [...limitScopes, ...Object.values(limitKeys).flat()];
  const limits: Limits = user.limits === undefined
    ? {}
    : own<Limits>(user.limits, problems, (document, values) => check(document, limitsSchema, values, limitNames));
  const prices: PriceLists = user.prices === undefined ? {} : own<PriceLists>(
    user.prices,
    problems,
    (document, values) => check(document, pricesSchema, values, Object.keys(priceListSchema.shape)),
  );
  if (problems.length > 0) return { ok: false, problems };
  const shippedAgents = agentsSchema.parse(shipped.agents);
  // A command belongs to the repository in which it is written: nobody else's repository ever runs ours.
  const shippedValidators = Object.fromEntries(
    Object.entries(validatorsSchema.parse(shipped.validators)).filter(([, { builtin }]) => builtin !== undefined),
  );
  return {
    ok: true,
    registries: {
      agents: Object.entries({ ...shippedAgents, ...agents }).map(([id, entry]) => ({ ...entry, id })),
      validators: Object.entries({ ...shippedValidators, ...validators }).map(([id, entry]) => ({
        ...entry,
        id,
        origin: Object.hasOwn(validators, id) ? "registry" : "built-in",
      })),
      failures: completeFailures(shippedFailures, failures),
      prices: { ...prices, ...without(pricesSchema.parse(shippedValues(builtIn.prices)), Object.keys(prices)) },
      limits: { own: limits, builtIn: limitsSchema.parse(shippedValues(builtIn.limits)) },
    },
  };
}

type Values = JsonObject;
type Checked<T> = { ok: true; entries: T } | { ok: false; problems: Problem[] };

function own<T extends object>(
  source: RegistryText,
  problems: Problem[],
  read: (document: JsonDocument, values: Values) => Checked<T>,
): T | Record<string, never> {
  const parsed = parseJson(source.text, source.file);
  const checked = parsed.ok ? readObject(parsed.document, read) : parsed;
  if (checked.ok) return checked.entries;
  problems.push(...checked.problems);
  return {};
}

function readObject<T>(
  document: JsonDocument,
  read: (document: JsonDocument, values: Values) => Checked<T>,
): Checked<T> {
  const { value } = document;
  if (isObject(value)) return read(document, withoutSchema(value));
  const hint = 'Write `{ "name": { ... } }`, one entry per name';
  return {
    ok: false,
    problems: [problemAt(document, [], "A registry is an object, this file holds something else", hint)],
  };
}

function check<T>(
  document: JsonDocument,
  schema: z.ZodType<T>,
  values: Values,
  knownKeys: readonly string[],
): Checked<T> {
  const checked = schema.safeParse(values);
  if (checked.success) return { ok: true, entries: checked.data };
  const segments = (path: readonly PropertyKey[]): Segments =>
    path.map((part) => (typeof part === "number" ? part : String(part)));
  return { ok: false, problems: issueProblems({ document, segments, value: values, knownKeys }, checked.error.issues) };
}

function shippedValues({ file, text }: RegistryText): Values {
  const parsed = parseJson(text, file);
  if (!parsed.ok || !isObject(parsed.document.value)) throw new Error(`Internal error: ${file} is damaged`);
  return withoutSchema(parsed.document.value);
}

function without<T>(table: Record<string, T>, keys: readonly string[]): Record<string, T> {
  return Object.fromEntries(Object.entries(table).filter(([key]) => !keys.includes(key)));
}

/** Editors find the JSON Schema of a file by this key. */
function withoutSchema(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([key]) => key !== "$schema"));
}
