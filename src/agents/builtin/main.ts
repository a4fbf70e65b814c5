/** The built-in agent: `node main.ts [--model NAME] [--max-turns N] [--max-retries N] < brief`. */
import process from "node:process";
import { readOptions } from "./options.ts";
import { fail, runAgent } from "./program.ts";

const defaultModel = "claude-sonnet-5-5";

const options = readOptions(process.argv.slice(2), ["model"]);
const { ANTHROPIC_API_KEY: apiKey, ANTHROPIC_BASE_URL: baseURL } = process.env;
process.exitCode = options.ok
  ? await runAgent({
    ...options.limits,
    model: options.values.model ?? defaultModel,
    apiKey,
    baseURL: baseURL || undefined,
  })
  : await fail({ class: "unknown", message: options.message }, 2);
