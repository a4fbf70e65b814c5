import { editTool, readTool, writeTool } from "./files.ts";
import { listTool, searchTool } from "./find.ts";
import { runTool } from "./shell.ts";
import type { Tool } from "./tool.ts";

/** The tools of the built-in agent, in the order in which the model sees them (a fixed one: it is part of the cached prompt). */
export const tools: readonly Tool[] = [readTool, writeTool, editTool, listTool, searchTool, runTool];
