import { amountText, scopeTexts } from "../model/limit-text.ts";
import { type Limit, type LimitedThing, type LimitKey, limitScopes, type LimitSource } from "../model/limits.ts";
import type { Spent } from "../model/spent.ts";
import type { Style } from "./style.ts";
import { count, totalCost } from "./units.ts";
import { joinFacts } from "./width.ts";

/** Every limit that holds, one line a scope, each with the file that says so; with `today`, what the day has used. */
export function limitLines(
  limits: readonly Limit[],
  { today, files }: { today: Spent | null; files: Record<LimitSource, string> },
  style: Style,
  columns: number,
): string[] {
  return [
    style.paint("strong", "Limits"),
    ...limitScopes.flatMap((scope) => {
      const held = limits.filter((limit) => limit.scope === scope);
      if (held.length === 0) return [];
      const facts = held.map((limit) => `${allowedText(limit)} (${files[limit.source]})`);
      const used = scope === "day" && today !== null ? [usedToday(held, today)] : [];
      return joinFacts([...facts, ...used], style.dot, columns - 16).map((line, index) =>
        `  ${(index === 0 ? scopeTexts[scope] : "").padEnd(12)}  ${line}`
      );
    }),
  ];
}

const things: Record<Exclude<LimitKey, "attempts">, LimitedThing> = {
  iterations: "iterations",
  minutes: "time",
  usd: "money",
  tokens: "tokens",
};

function allowedText({ key, allowed }: Limit): string {
  if (key === "attempts") return count(allowed, "attempt");
  return amountText(things[key], key === "minutes" ? allowed * 60_000 : allowed);
}

/** Only what is limited. */
function usedToday(held: readonly Limit[], today: Spent): string {
  const used: Record<LimitKey, () => string> = {
    iterations: () => amountText("iterations", today.iterations),
    attempts: () => "",
    minutes: () => amountText("time", today.durationMs),
    usd: () => totalCost(today.costUsd, today.costUnknown, today.costAbout),
    tokens: () => amountText("tokens", today.tokens),
  };
  return `today: ${held.map(({ key }) => used[key]()).join(", ")}`;
}
