import { z } from "../model/zod.ts";
import { agentSchema } from "../model/agents.ts";
import { failureSchema, failuresSchema } from "../model/failure.ts";
import { limitsSchema } from "../model/limit-schema.ts";
import { planSchema } from "../model/plan.ts";
import { priceListSchema } from "../model/price-list.ts";
import { validatorSchema } from "../model/validator.ts";

type JsonSchema = Record<string, unknown>;

/** The JSON Schemas that editors complete and check our files with, as texts by file name. Generated, never edited. */
export function jsonSchemas(): Map<string, string> {
  return new Map([
    ["prd.schema.json", planFile()],
    ["agents.schema.json", registryFile("Agents that steps may name", optional(inputSchema(agentSchema)))],
    ["limits.schema.json", wholeFile("What iterations, steps, runs and days may use", inputSchema(limitsSchema))],
    ["prices.schema.json", registryFile("What models cost, by list", inputSchema(priceListSchema))],
    ["validators.schema.json", registryFile("Validators that decide what passes", inputSchema(validatorSchema))],
    ["failures.schema.json", failuresFile()],
  ].map(([name, schema]) => [name as string, `${JSON.stringify(schema, null, 2)}\n`]));
}

/** What people write, before defaults are applied. */
function inputSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input" });
}

/** `steps` and snarktank's `userStories` are the same list; one of them is there. Unknown keys are the owner's business. */
function planFile(): JsonSchema {
  const { required: _required, properties, ...schema } = inputSchema(planSchema);
  const { steps, ...others } = properties as Record<string, JsonSchema>;
  return {
    ...schema,
    title: "A plan: steps for a loop of coding agents",
    properties: { ...others, userStories: steps, steps },
    anyOf: [{ required: ["userStories"] }, { required: ["steps"] }],
  };
}

/** The classes are a closed set: an unknown one is a mistake. */
function failuresFile(): JsonSchema {
  const { $schema, properties, ...file } = inputSchema(failuresSchema);
  const { $schema: _same, ...failure } = optional(inputSchema(failureSchema));
  const classes = Object.keys(properties as JsonSchema).map((name) => [name, { $ref: "#/$defs/failure" }]);
  const title = "What happens after each class of failure";
  return {
    $schema,
    title,
    ...file,
    properties: { $schema: { type: "string" }, ...Object.fromEntries(classes) },
    $defs: { failure },
  };
}

/** A registry whose keys are fixed. */
function wholeFile(title: string, { $schema, properties, ...schema }: JsonSchema): JsonSchema {
  return { $schema, title, ...schema, properties: { $schema: { type: "string" }, ...properties as JsonSchema } };
}

function registryFile(title: string, { $schema, ...entry }: JsonSchema): JsonSchema {
  return { $schema, title, type: "object", properties: { $schema: { type: "string" } }, additionalProperties: entry };
}

/** An entry over a built-in one gives only the keys that differ. */
function optional({ required: _required, ...entry }: JsonSchema): JsonSchema {
  return entry;
}
