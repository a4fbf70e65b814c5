import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classifier } from "../../src/agents/faults.ts";
import { readBuiltInRegistries } from "../../src/registries/built-in.ts";
import { loadRegistries } from "../../src/registries/load.ts";
import { failures as builtIn } from "../support/failures.ts";

async function load(own: unknown) {
  const text = JSON.stringify(own, null, 2);
  return loadRegistries(await readBuiltInRegistries(), { failures: { file: "registries/failures.json", text } });
}

async function loaded(own: unknown) {
  const result = await load(own);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.registries.failures;
}

async function problems(own: unknown): Promise<string[]> {
  const result = await load(own);
  return result.ok
    ? []
    : result.problems.map(({ path, line, message, hint }) =>
      [`${path}:${line} ${message}`, ...hint === undefined ? [] : [hint]].join(". ")
    );
}

describe("a repository's entries lie over ours", () => {
  test("a policy replaces ours, and everything else stays", async () => {
    const policy = { kind: "back-off", who: "agent", firstSeconds: 5, mostSeconds: 60, times: 3 } as const;
    const failures = await loaded({ $schema: "x", network: { policy } });
    expect(failures.network).toEqual({ ...builtIn.network, policy });
    expect(failures.auth).toEqual(builtIn.auth);
  });

  test("defaults of a policy are ours, not those of the one that it replaces", async () => {
    const failures = await loaded({ "rate-limit": { policy: { kind: "back-off" } } });
    expect(failures["rate-limit"].policy).toEqual({
      kind: "back-off",
      who: "agent",
      firstSeconds: 30,
      mostSeconds: 900,
      times: 8,
    });
  });

  test("phrases and statuses join ours, and classify", async () => {
    const failures = await loaded({ network: { phrases: ["company proxy*down"] }, overloaded: { statuses: [520] } });
    const classify = classifier(failures);
    expect(classify({ message: "The Company-Proxy in Oslo is down" }).class).toBe("network");
    expect(classify({ message: "connection reset" }).class).toBe("network");
    expect(classify({ message: "", status: 520 }).class).toBe("overloaded");
    expect(classify({ message: "", status: 529 }).class).toBe("overloaded");
  });
});

test("everything that is wrong is one message with places, and nothing is taken over", async () => {
  expect(
    await problems({
      netwrok: { policy: { kind: "retry" } },
      auth: { policy: { kind: "wait", restMinutes: -1 } },
      server: { policy: { kind: "back-off", firstSeconds: 60, mostSeconds: 10 }, phrase: ["x"] },
      unknown: { policy: { kind: "ignore" } },
      refused: { phrases: ["a*b*c*d", "x"], statuses: [200] },
      model: 3,
    }),
  ).toEqual([
    "auth.policy.restMinutes:10 Expected a number above 0, found -1",
    "model:37 Expected an object, found 3",
    "server.policy.firstSeconds:16 60 must not be greater than `mostSeconds`",
    "server.phrase:19 The key `phrase` is unknown. Did you mean `phrases`?",
    "refused.statuses[0]:34 Expected a number of at least 400, found 200",
    'refused.phrases[0]:30 "a*b*c*d" must not hold more than two `*`',
    'refused.phrases[1]:31 "x" must have at least 3 characters',
    'unknown.policy.kind:25 Expected `retry`, `shrink`, `wait`, `back-off`, `give-up` or `block`, found "ignore"',
    "netwrok:2 The key `netwrok` is unknown. Did you mean `network`?",
  ]);
});

describe("phrases", () => {
  const classify = classifier(builtIn);

  test.each([
    ["a number is a whole number", "request 14290 failed", "unknown"],
    ["a number is whole at its beginning, too", "read 1429 bytes", "unknown"],
    ["a number at an edge", "HTTP 429", "rate-limit"],
    ["a blank may be a dash", "rate-limit exceeded", "rate-limit"],
    ["a blank may be an underscore", "error: rate_limit", "rate-limit"],
    ["a blank may be nothing", "RateLimit", "rate-limit"],
    ["a gap ends with its line", "the model\nis fast, file not found", "unknown"],
    ["a gap has an end", `the model ${"x".repeat(100)} not found`, "unknown"],
    ["a file that may not be read is no login", "cat: secret.txt: Permission denied", "unknown"],
  ])("%s", (_rule, message, expected) => {
    expect(classify({ message }).class).toBe(expected);
  });

  test("what they hold is text, never a pattern", async () => {
    const odd = "a.c (b|d)+ [e] \\d $^ {2}";
    const own = classifier(await loaded({ refused: { phrases: [odd] } }));
    expect(own({ message: odd }).class).toBe("refused");
    expect(own({ message: "abc bb e 5 22" }).class).toBe("unknown");
  });

  test("no text makes them take long", async () => {
    const own = classifier(await loaded({ refused: { phrases: ["aa*aa*ab", "a a a a a a a a a a*b"] } }));
    const texts = fc.constantFrom("a", "aa ", "a-", "429", "model", " not", "\n", "ab");
    fc.assert(fc.property(fc.array(texts, { minLength: 500, maxLength: 1500 }), (parts) => {
      const started = performance.now();
      own({ message: parts.join("") });
      expect(performance.now() - started).toBeLessThan(1_000);
    }));
  });
});
