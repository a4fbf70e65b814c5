import { z } from "zod";
import { shortLine } from "../../model/text.ts";

/** What every tool call may use. */
export interface ToolContext {
  /** The working directory, with symbolic links resolved. No file tool leaves it. */
  root: string;
  /** The environment of commands. */
  env: Record<string, string>;
  /** Aborts when the agent must end: running commands are killed. */
  signal: AbortSignal;
}

/** The result of one call: `text` goes to the model, `detail` is one short line for people. */
export interface ToolResult {
  ok: boolean;
  text: string;
  detail: string;
}

/** A tool as the model and the loop see it. `call` never throws for anything that the model asked for. */
export interface Tool {
  name: string;
  description: string;
  /** JSON Schema of the input. */
  inputSchema: { type: "object"; [key: string]: unknown };
  /** One short line that says what a call is about to do. */
  describe(input: unknown): string;
  call(input: unknown, context: ToolContext): Promise<ToolResult>;
}

interface ToolDefinition<Shape extends z.ZodObject> {
  name: string;
  description: string;
  input: Shape;
  describe(input: z.output<Shape>): string;
  run(input: z.output<Shape>, context: ToolContext): Promise<ToolResult>;
}

/** Wraps a definition so that bad input and errors of the operating system become results that the model can act on. */
export function defineTool<Shape extends z.ZodObject>(definition: ToolDefinition<Shape>): Tool {
  const { name, description, input } = definition;
  return {
    name,
    description,
    inputSchema: { ...z.toJSONSchema(input, { io: "input" }), type: "object" },
    describe: (raw) => {
      const parsed = input.safeParse(raw);
      return parsed.success ? firstLine(definition.describe(parsed.data)) : "";
    },
    call: async (raw, context) => {
      const parsed = input.safeParse(raw);
      if (!parsed.success) return failed(`Invalid input for \`${name}\`:\n${z.prettifyError(parsed.error)}`);
      try {
        return await definition.run(parsed.data, context);
      } catch (error) {
        if (isErrno(error)) return failed(error.message);
        throw error;
      }
    },
  };
}

/** A failed call; people see the first line. */
export function failed(text: string): ToolResult {
  return { ok: false, text, detail: firstLine(text) };
}

/** The first line, at most 200 characters. */
export function firstLine(text: string): string {
  return shortLine(text.trim().split("\n", 1)[0] ?? "", 200);
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === "string";
}
