import { describe, expect, test } from "vitest";
import { type Trial, type Trip, tripKinds } from "../../src/model/breaker.ts";
import type { Notice } from "../../src/model/event.ts";
import { exitCodes, type Halt, type RepositoryProblem } from "../../src/model/halt.ts";
import { howToGoOnHeading } from "../../src/model/gate.ts";
import { evidenceLevels } from "../../src/model/verdict.ts";
import { exitText, stopText } from "../../src/report/exit-text.ts";
import { haltMessage } from "../../src/report/halt-text.ts";
import { type Message, messageLines } from "../../src/report/message.ts";
import { noticeText } from "../../src/report/notice-text.ts";
import { agentEndText, evidenceTexts } from "../../src/report/outcome-text.ts";
import { pasteFor } from "../../src/report/paste.ts";
import { repositoryMessage } from "../../src/report/repository-text.ts";
import type { Exit, StopReason } from "../../src/model/process.ts";

import { plainStyle } from "./stream.ts";

const now = Date.UTC(2026, 0, 2, 3, 4, 5);
const words = { paste: pasteFor("npm run loop -- -C ../shop"), now };
const holder = {
  run: "r",
  by: "Ann <ann@example.com>",
  host: "build-7",
  pid: 4711,
  since: "2026-01-01T01:00:00.000Z",
  seen: "2026-01-01T01:15:00.000Z",
  staleMs: 300_000,
};
const oid = "0123456789abcdef0123456789abcdef01234567";

const trial: Trial = {
  step: "US-001",
  stepHash: "h",
  attempt: 1,
  at: "2026-01-02T03:00:00.000Z",
  agent: "claude",
  outcome: "failed",
  counts: "same-failure",
  failure: "failed abc",
  signature: "",
  gauge: { failing: null, percent: null, tree: null },
  summary: "test failed",
};
const trip: Trip = {
  kind: "same-failure",
  at: "2026-01-02T03:00:00.000Z",
  times: 1,
  tried: [trial, { ...trial, attempt: 2 }, { ...trial, attempt: 3 }],
  evidence: "Validator `test` failed:\n1 failed: adds up",
};

// One value of every kind: a kind that is added to the model does not compile here until it is listed.
const halts: { [R in Halt["reason"]]: Extract<Halt, { reason: R }> } = {
  complete: { reason: "complete" },
  invalid: {
    reason: "invalid",
    problems: [
      {
        file: "prd.json",
        path: "userStories[1].needs[0]",
        line: 12,
        message: "no step `US-9`",
        hint: "did you mean US-09?",
      },
      { file: "prd.json", path: "", line: null, message: "is empty" },
    ],
  },
  repository: { reason: "repository", problem: { kind: "bare" } },
  sandbox: { reason: "sandbox", why: { kind: "missing" } },
  gate: { reason: "gate", step: "US-004", handoff: "## What to decide\nRelease it?" },
  question: { reason: "question", step: "US-003", question: "Which time zone?", handoff: "" },
  "out-of-attempts": { reason: "out-of-attempts", step: "US-002", attempts: 3, summary: "test fails" },
  breaker: { reason: "breaker", step: "US-001", scope: "step", trip, until: now + 1_500_000, left: 2 },
  unverifiable: { reason: "unverifiable", step: "US-002" },
  stuck: { reason: "stuck", steps: [{ step: "US-005", waitsFor: ["US-006"] }] },
  limit: { reason: "limit", scope: "run", limit: "money", used: 5.01, allowed: 5 },
  "limit-unenforceable": { reason: "limit-unenforceable", limit: "money", agent: "gemini", step: "US-003" },
  "out-of-budget": { reason: "out-of-budget", step: "US-003", limit: "money", used: 3.2, allowed: 3 },
  "no-agent": {
    reason: "no-agent",
    misses: [{ agent: "claude", kind: "not-installed", why: "not installed", fix: "npm install -g it" }],
  },
  "agent-limited": {
    reason: "agent-limited",
    step: "US-001",
    agent: "claude",
    until: now + 3_600_000,
    why: "rate limited",
    maxWaitMs: 60_000,
  },
  "agent-unusable": { reason: "agent-unusable", agent: "codex", class: "auth", message: "not logged in", times: null },
  blocked: { reason: "blocked", step: "US-002", class: "refused", why: "refused by the model: no" },
  diverged: { reason: "diverged", what: "branch", ref: "refs/heads/main", remote: "origin" },
  "remote-unreachable": { reason: "remote-unreachable", remote: "origin", message: "no route to host", begun: false },
  leased: { reason: "leased", remote: "origin", holder, staleAt: 1_767_230_400_000 },
  "lease-lost": {
    reason: "lease-lost",
    remote: "origin",
    branch: "work",
    seen: "refs/capstan/remotes/origin/heads/work",
    holder,
    unpushed: 2,
  },
  "lease-refused": { reason: "lease-refused", remote: "origin", message: "declined" },
  "push-refused": { reason: "push-refused", remote: "origin", message: "protected branch" },
  parked: {
    reason: "parked",
    step: "US-001",
    commit: oid,
    ref: "refs/capstan/parked/x/US-001",
    paths: ["a b.ts"],
    by: "edits",
  },
  locked: { reason: "locked", holder: { pid: 4121, host: "a", since: "2026-01-02T03:04:05Z" } },
  interrupted: { reason: "interrupted", signal: "SIGINT" },
  internal: { reason: "internal", message: "x is not a function", stack: "Capstan 0.1.0\n    at f (a.ts:1:1)" },
};

const problems: { [K in RepositoryProblem["kind"]]: Extract<RepositoryProblem, { kind: K }> } = {
  "not-a-repository": { kind: "not-a-repository", dir: "/tmp/x" },
  "git-missing": { kind: "git-missing" },
  "git-too-old": { kind: "git-too-old", version: "2.20.1", needed: "2.38" },
  unreadable: { kind: "unreadable", dir: "/tmp/x", message: "fatal: detected dubious ownership" },
  bare: { kind: "bare" },
  "no-commits": { kind: "no-commits" },
  "detached-without-branch": { kind: "detached-without-branch" },
  "operation-in-progress": { kind: "operation-in-progress", operation: "rebase" },
  "bad-branch-name": { kind: "bad-branch-name", name: "-x", why: "starts with a dash" },
  "cannot-check-out": { kind: "cannot-check-out", branch: "work", paths: ["a.ts"], message: "" },
  "branch-checked-out-elsewhere": { kind: "branch-checked-out-elsewhere", branch: "work", worktree: "/tmp/w" },
  "branch-deleted": { kind: "branch-deleted", branch: "work", was: oid },
  "partial-clone": { kind: "partial-clone", message: "missing blob" },
  submodule: { kind: "submodule", path: "lib/x", message: "no url" },
  "plan-outside": { kind: "plan-outside", file: "../prd.json", root: "/tmp/x" },
  "no-remote": { kind: "no-remote", remote: null, remotes: ["fork", "upstream"], branch: "work" },
  "setup-failed": { kind: "setup-failed", command: "npm ci", dir: "/tmp/lane", output: "ERR" },
  "state-folder": { kind: "state-folder", dir: "/home/ann/.local", message: "EACCES" },
  "inside-lane": { kind: "inside-lane", dir: "/tmp/lane" },
  disk: { kind: "disk", message: "ENOSPC" },
  "not-writable": { kind: "not-writable", dir: "/tmp/x", message: "EACCES: permission denied" },
  "git-failed": { kind: "git-failed", command: "git fsck", message: "bad object" },
};

const notices: { [K in Notice["kind"]]: Extract<Notice, { kind: K }> } = {
  "plan-converted": { kind: "plan-converted", changes: ["tasks are read as steps"] },
  "plan-named": { kind: "plan-named", plan: "test-ab12cd", commit: oid },
  "keys-unused": {
    kind: "keys-unused",
    keys: [{ key: "workflow", steps: [] }, { key: "tier", steps: ["A", "B", "C", "D"] }],
  },
  "edits-committed": { kind: "edits-committed", commit: oid, paths: ["prd.json"] },
  "reopened-by-hand": { kind: "reopened-by-hand", step: "US-001", why: "commit" },
  "passed-by-hand": { kind: "passed-by-hand", step: "US-001" },
  "pass-restored": { kind: "pass-restored", step: "US-001" },
  "plan-unreadable": { kind: "plan-unreadable", message: "line 3", file: "prd.json" },
  "plan-unused": { kind: "plan-unused", file: "prd.json", branch: "work" },
  "identity-missing": { kind: "identity-missing", used: "Capstan <capstan@localhost>" },
  unsigned: { kind: "unsigned", why: "the key needs a passphrase" },
  sandbox: { kind: "sandbox", level: "none", why: { kind: "missing" } },
  "validators-detected": { kind: "validators-detected", validators: [{ id: "test", command: "npm test" }] },
  "no-validators": { kind: "no-validators" },
  setup: { kind: "setup", command: "npm ci", why: "first", dir: "/tmp/lane" },
  "setup-failed": { kind: "setup-failed", command: "npm ci", output: "ERR" },
  "branch-created": { kind: "branch-created", branch: "work", from: "main" },
  "branch-moved": { kind: "branch-moved", branch: "work", from: oid, to: oid },
  "branch-adopted": { kind: "branch-adopted", branch: "work", commit: oid },
  "checkout-left": { kind: "checkout-left", branch: "work", why: "HEAD is on main" },
  recovered: { kind: "recovered", what: "the work of a killed run" },
  "records-skipped": { kind: "records-skipped", count: 2, ref: "refs/capstan/ledger/x" },
  fetched: { kind: "fetched", remote: "origin", branch: true, ledger: false },
  "fetch-failed": { kind: "fetch-failed", remote: "origin", message: "no route" },
  pushed: { kind: "pushed", remote: "origin", refs: ["work"] },
  "taken-back": { kind: "taken-back", step: "US-001", commit: oid, by: "Ann <ann@example.com>" },
  "no-lease": { kind: "no-lease", remote: "origin", message: "declined" },
  "lease-watched": { kind: "lease-watched", remote: "origin", holder, forMs: 120_000 },
  "lease-taken-over": { kind: "lease-taken-over", remote: "origin", holder },
  deepened: { kind: "deepened", remote: "origin" },
  "lfs-not-sent": { kind: "lfs-not-sent", remote: "origin", branch: "work" },
  "lane-rebuilt": { kind: "lane-rebuilt", why: "index damaged" },
  "processes-swept": { kind: "processes-swept", count: 1 },
  stopping: { kind: "stopping", signal: "SIGINT", step: "US-001" },
  killing: { kind: "killing", signal: "SIGINT", step: "US-001" },
  anomaly: {
    kind: "anomaly",
    step: "US-001",
    anomaly: { kind: "same-call", tool: "Bash", detail: "npm test", count: 6 },
    killed: false,
  },
  breaker: { kind: "breaker", state: "open", step: "US-001", scope: "step", trip },
  tampering: { kind: "tampering", what: ["registries/validators.json"], restored: true, diff: "--- a\n+++ a\n" },
  "benign-normalized": { kind: "benign-normalized", what: ["it committed"] },
  "agent-chosen": { kind: "agent-chosen", agent: "claude", version: "2.1.4", among: ["claude", "codex"] },
  "agent-missing": {
    kind: "agent-missing",
    misses: [{ agent: "claude", kind: "not-installed", why: "not installed", fix: "npm install -g it" }],
  },
  "failure-handled": {
    kind: "failure-handled",
    step: "US-001",
    agent: "claude",
    title: "rate limited",
    action: { kind: "rest", until: now + 60_000 },
  },
  replayed: { kind: "replayed", step: "US-001", onto: oid },
  withheld: { kind: "withheld", step: "US-001", lines: ["a.env:1: looks like a secret (GitHub token)"] },
  "red-first": { kind: "red-first", step: "US-001", found: { kind: "vacuous", validators: ["unit-tests"] } },
};

/** What a person can paste: our own command in the form that was used, or one of the system's. */
const pasteable = /^(npm run loop -- -C \.\.\/shop( |$)|git |sudo apt-get |xcode-select |df |mkdir |mv |kill )/;

function checkMessage(message: Message): void {
  expect(message.title).not.toMatch(/[.!]$/);
  expect(message.title).toMatch(/^([A-Z0-9]|git |claude |codex |gemini |origin )/);
  for (const { command, text } of message.next) {
    if (command !== undefined) expect(command).toMatch(pasteable);
    expect(text).not.toBe("");
  }
  const all = messageLines(message, plainStyle, 80).join("\n");
  expect(all).not.toMatch(/\b(can't|don't|won't|isn't|doesn't|it's|you're)\b/i);
  expect(all).not.toMatch(/undefined|\[object|NaN/);
}

describe("every halt", () => {
  test.each(Object.values(halts))("$reason says what happened and what to do", (halt) => {
    const message = haltMessage(halt, words);
    checkMessage(message);
    if (halt.reason !== "complete") expect(message.next.length).toBeGreaterThan(0);
  });

  test.each(Object.values(halts).filter(({ reason }) => exitCodes[reason] !== 0 && reason !== "repository"))(
    "$reason offers a command in the form that the person used",
    (halt) => {
      const commands = haltMessage(halt, words).next.map(({ command }) => command ?? "");
      expect(commands.some((command) => command.startsWith("npm run loop -- -C ../shop"))).toBe(true);
    },
  );

  test.each(Object.values(halts).filter(({ reason }) => reason !== "internal"))(
    "$reason shows no stack trace",
    (halt) => expect(messageLines(haltMessage(halt, words), plainStyle, 80).join("\n")).not.toMatch(/^\s+at /m),
  );

  test.each(["iterations", "time", "money", "tokens"] as const)(
    "a limit of %s says which and how to go on",
    (limit) => {
      const message = haltMessage({ reason: "limit", scope: "run", limit, used: 120_000, allowed: 120_000 }, words);
      checkMessage(message);
      expect(message.title).toContain("work left");
    },
  );

  test("a day's limit says when it frees, what is not in the sum, and how to go on before", () => {
    const freesAt = new Date(2026, 0, 3).getTime();
    const reached = { scope: "day", limit: "money", used: 20.5, allowed: 20 } as const;
    const message = haltMessage({ reason: "limit", ...reached, about: true, unknown: 2, freesAt }, words);
    expect(message.title).toBe("The limit of $20.00 a day is reached (about $20.50 used), with work left");
    expect(message.details).toEqual(["2 attempts of unknown cost are not in it"]);
    expect(message.next[0]?.text).toBe("goes on where it stopped, from 2026-01-03 00:00 on");
    expect(message.next[1]?.command).toContain("--limit day.usd=40");
  });

  test("a step's budget says what was used of it", () => {
    const used = { limit: "tokens", used: 1_200_000, allowed: 1_000_000 } as const;
    const { title, next } = haltMessage({ reason: "out-of-budget", step: "US-003", ...used }, words);
    expect(title).toBe("US-003 has used up its budget of 1M tokens (1.2M tokens used)");
    expect(next[1]?.command).toContain("--limit step.tokens=2000000");
    expect(next[2]?.text).toContain(`"budgetTokens"`);
  });

  test("every problem of an invalid plan is listed with file, line and path", () => {
    const { details } = haltMessage(halts.invalid, words);
    expect(details).toEqual([
      "prd.json:12 userStories[1].needs[0]: no step `US-9` (did you mean US-09?)",
      "prd.json: is empty",
    ]);
  });

  test("a handoff on the screen leaves out how to go on, which stands below it", () => {
    const handoff = `# Gate\n\n## What to decide\nRelease it?\n\n## ${howToGoOnHeading}\n- Open the gate: \`x\`\n`;
    const gate = haltMessage({ ...halts.gate, handoff }, words);
    const question = haltMessage({ ...halts.question, handoff }, words);
    for (const { details, next } of [gate, question]) {
      expect(details.join("\n")).toContain("Release it?");
      expect(details.join("\n")).not.toMatch(/How to go on|Open the gate/);
      expect(next.length).toBeGreaterThan(1);
    }
  });

  test("a rejected gate says by whom and why, and which steps may be redone", () => {
    const rejected = { by: "Ada <ada@example.com>", note: "wrong\ncolor", redo: ["US-002", "US-003"] };
    const message = haltMessage({ ...halts.gate, rejected }, words);
    checkMessage(message);
    expect(message.title).toBe("US-004 was rejected by Ada <ada@example.com>: wrong color");
    expect(message.next.map(({ command }) => command)).toEqual([
      `npm run loop -- -C ../shop reopen US-002 --note "wrong color"`,
      `npm run loop -- -C ../shop reopen US-003 --note "wrong color"`,
      "npm run loop -- -C ../shop approve US-004",
      "npm run loop -- -C ../shop",
    ]);
    const many = { ...rejected, redo: Array.from({ length: 9 }, (_, index) => `US-${index}`) };
    expect(haltMessage({ ...halts.gate, rejected: many }, words).next[5]!.text).toContain("4 steps before");
  });

  test.each(
    [
      ["not-installed", "doctor", "once it is installed"],
      ["not-logged-in", "doctor", "once you are logged in"],
      ["broken", "doctor", "once it works"],
      ["unknown", "validate", "once the name is put right or declared"],
      ["step", "validate", "once the step has what its agent reads"],
    ] as const,
  )("a missing agent (%s) says what helps with exactly that", (kind, command, text) => {
    const miss = { agent: "x", kind, why: "no x", fix: "" };
    const [first] = haltMessage({ reason: "no-agent", misses: [miss] }, words).next;
    expect(first!.command).toBe(`npm run loop -- -C ../shop ${command}`);
    expect(first!.text).toContain(text);
  });

  test.each(tripKinds.flatMap((kind) => (["step", "plan"] as const).map((scope) => [kind, scope] as const)))(
    "a breaker that opened for %s (of the %s) says what repeated, what was tried, what it saw and how to go on",
    (kind, scope) => {
      const message = haltMessage({ ...halts.breaker, scope, trip: { ...trip, kind } }, words);
      checkMessage(message);
      const all = messageLines(message, plainStyle, 120).join("\n");
      expect(all).toContain("attempt 2 (claude) failed: test failed");
      expect(all).toContain("1 failed: adds up");
      expect(all).toMatch(/One more attempt is allowed after .* \(in 25m 00s\)/);
      expect(all.includes("2 attempts are left")).toBe(scope === "step");
      expect(all).toContain("npm run loop -- -C ../shop retry US-001");
      expect(all.includes("doctor")).toBe(kind === "auth");
    },
  );

  test("a gate shows its handoff", () => {
    expect(messageLines(haltMessage(halts.gate, words), plainStyle, 80).join("\n")).toContain("Release it?");
  });
});

test.each(Object.values(problems))("the repository problem $kind says what to do", (problem) => {
  const message = repositoryMessage(problem, words);
  checkMessage(message);
  expect(message.next.length).toBeGreaterThan(0);
});

test.each(Object.values(notices))("the notice $kind is one sentence", (notice) => {
  const { title } = noticeText(notice, words);
  expect(title).not.toMatch(/[.!]$|\n|undefined|NaN/);
  expect(title).toMatch(/^[A-Z0-9]|^(git|prd\.json) /);
});

test("an agent that said that all is done is quoted, not believed", () => {
  const end = { kind: "finished", finalText: "", saidComplete: true } as const;
  expect(agentEndText(end)).toBe("finished, saying that all is done");
  expect(agentEndText({ ...end, saidComplete: false })).toBe("finished");
  expect(agentEndText({ ...end, question: "Which?" })).toBe("asks a question");
});

test("only step evidence is called verified, and a repository check is called checked", () => {
  expect(evidenceLevels.filter((level) => evidenceTexts[level] === "verified")).toEqual(["step"]);
  expect(evidenceTexts.repo).toBe("checked");
  expect(evidenceTexts["by-hand"]).toBe("by hand");
});

const exits: [Exit, string][] = [
  [{ kind: "code", code: 3 }, "ended with exit code 3"],
  [{ kind: "signal", signal: "SIGKILL", sentBy: "other" }, "ended by SIGKILL from outside"],
  [{ kind: "spawn-failed", errno: "ENOENT", message: "no such program" }, "could not be started: no such program"],
  [
    { kind: "signal", signal: "SIGKILL", sentBy: "us", why: { kind: "timeout", limitMs: 60_000 } },
    "stopped after its limit of 1m 00s",
  ],
];
test.each(exits)("an end tells its reason before its code or signal: %j", (exit, text) => {
  expect(exitText(exit)).toBe(text);
});

const stops: { [K in StopReason["kind"]]: Extract<StopReason, { kind: K }> } = {
  timeout: { kind: "timeout", limitMs: 60_000 },
  idle: { kind: "idle", limitMs: 600_000 },
  completion: { kind: "completion", limitMs: 5000 },
  interrupted: { kind: "interrupted", signal: "SIGINT" },
  limit: { kind: "limit", reached: { scope: "iteration", limit: "tokens", used: 510_000, allowed: 500_000 } },
  anomaly: { kind: "anomaly", what: "it forked without end" },
  "output-limit": { kind: "output-limit", limitBytes: 1024 * 1024 },
};
test.each(Object.values(stops))("the stop reason $kind has a text", (why) => {
  expect(stopText(why)).toMatch(/^stopped/);
});
