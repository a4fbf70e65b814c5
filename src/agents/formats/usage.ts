import type { Usage } from "../../model/agent-event.ts";
import { count } from "./json.ts";

/** The sum of several counts. */
export function totalUsage(parts: Iterable<Usage>): Usage {
  const sum: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  for (const part of parts) {
    sum.inputTokens += part.inputTokens;
    sum.outputTokens += part.outputTokens;
    sum.cacheReadTokens += part.cacheReadTokens;
    sum.cacheWriteTokens += part.cacheWriteTokens;
  }
  return sum;
}

/** Usage from a CLI whose input count contains what came from and went into the cache. */
export function usageWithCacheInside(
  counts: { input: unknown; output: unknown; read: unknown; write: unknown },
): Usage {
  const cacheReadTokens = count(counts.read);
  const cacheWriteTokens = count(counts.write);
  return {
    inputTokens: Math.max(0, count(counts.input) - cacheReadTokens - cacheWriteTokens),
    outputTokens: count(counts.output),
    cacheReadTokens,
    cacheWriteTokens,
  };
}
