import { describe, expect, test } from "vitest";
import { agentsFor, type Crew, nextTurn } from "../../src/loop/turn.ts";
import { type Step, stepSchema } from "../../src/model/plan.ts";

const hour = 3_600_000;

function step(more: Record<string, unknown> = {}): Step {
  return stepSchema.parse({ id: "A", title: "t", ...more });
}

function crew(more: Partial<Crew> = {}): Crew {
  return { agent: null, chosen: {}, fallbackModels: {}, unusable: {}, rests: {}, now: 0, ...more };
}

const rest = (until: number) => ({ until, why: "limit", times: 1 });
const loggedOut = { kind: "failed", class: "auth", message: "not logged in", times: null } as const;
const missing = (agent: string) => ({
  kind: "missing" as const,
  misses: [{ agent, kind: "not-installed" as const, why: "", fix: "" }],
});

/** A turn in a few words, so that tables stay readable. */
function turn(of: Record<string, unknown>, more: Partial<Crew>): string {
  const taken = nextTurn(step(of), crew(more));
  if (taken.kind === "go") return `${taken.agent}${taken.model === null ? "" : ` with ${taken.model}`}`;
  if (taken.kind === "wait") return `wait for ${taken.agent} until ${taken.until / hour}`;
  return `${taken.halt.reason}${"agent" in taken.halt ? ` ${taken.halt.agent}` : ""}`;
}

const both = { agent: ["claude", "codex"] };
const fallbackModels = { claude: ["sonnet", "haiku"] };

describe("whose turn it is", () => {
  test.each<[string, Record<string, unknown>, Partial<Crew>, string]>([
    ["the step's agent, with the step's model", { agent: "claude", model: "opus" }, {}, "claude with opus"],
    ["`auto` when nobody says", {}, {}, "auto"],
    ["the first of a list", both, {}, "claude"],
    ["the next one while the first rests", both, { rests: { claude: rest(hour) } }, "codex"],
    ["the first again when its rest is over", both, { rests: { claude: rest(hour) }, now: hour }, "claude"],
    [
      "whoever is back first when all rest",
      both,
      { rests: { claude: rest(3 * hour), codex: rest(2 * hour) } },
      "wait for codex until 2",
    ],
    ["the next one when the first can't log in", both, { unusable: { claude: loggedOut } }, "codex"],
    ["the next one when the first is not there", both, { unusable: { claude: missing("claude") } }, "codex"],
    [
      "nobody when the first can't log in and the second is not there",
      both,
      { unusable: { claude: loggedOut, codex: missing("codex") } },
      "agent-unusable claude",
    ],
    [
      "nobody when none is there",
      both,
      { unusable: { claude: missing("claude"), codex: missing("codex") } },
      "no-agent",
    ],
    [
      "the one that rests, when the other can't be used at all",
      both,
      { unusable: { claude: loggedOut }, rests: { codex: rest(hour) } },
      "wait for codex until 1",
    ],
    [
      "`auto` waits for whom it chose",
      {},
      { chosen: { auto: "claude" }, rests: { claude: rest(hour) } },
      "wait for claude until 1",
    ],
    [
      "another model while one rests",
      { agent: "claude", model: "opus" },
      { fallbackModels, rests: { "claude:opus": rest(hour) } },
      "claude with sonnet",
    ],
    [
      "another model when the agent's own choice is not available",
      { agent: "claude" },
      { fallbackModels, unusable: { "claude:": { ...loggedOut, class: "model" } } },
      "claude with sonnet",
    ],
    [
      "no model of an agent that rests as a whole",
      { ...both, model: "opus" },
      { fallbackModels, rests: { claude: rest(hour) } },
      "codex",
    ],
    [
      "the next agent, without the first one's model, when every model rests",
      { ...both, model: "opus" },
      {
        fallbackModels,
        rests: { "claude:opus": rest(hour), "claude:sonnet": rest(hour), "claude:haiku": rest(hour) },
      },
      "codex",
    ],
    ["a model that rests alone is waited for", { agent: "claude", model: "opus" }, {
      rests: { "claude:opus": rest(hour) },
    }, "wait for claude until 1"],
    ["the command line's agent", both, { agent: "gemini" }, "gemini"],
  ])("%s", (_name, of, more, expected) => {
    expect(turn(of, more)).toBe(expected);
  });

  test("a command and a tape are what they are", () => {
    expect(agentsFor(step({ command: "true" }), "claude")).toEqual(["command"]);
    expect(agentsFor(step({ agent: "tape", tape: "t.json" }), "claude")).toEqual(["tape"]);
  });
});
