import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRig, logsOf } from "./rig.ts";

const has = (path: string) => `test -f ${path}`;

describe("verify", () => {
  it("passes with evidence step when a named validator was red before, and runs others on the result only", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: { a: "1" },
      result: { a: "1", b: "1" },
      validators: [{ id: "has-b", command: has("b") }, { id: "has-a", command: has("a") }],
      step: { validators: ["has-b"] },
    });
    expect(found).toMatchObject({ passed: true, evidence: "step", fingerprint: "" });
    expect(found.verdicts.map(({ validator, status, attribution }) => [validator, status, attribution])).toEqual([
      ["has-b", "pass", "fixed"],
      ["has-a", "pass", "clean"],
    ]);
    expect(found.ran.toSorted()).toEqual(["base has-b", "result has-a", "result has-b"]);
    const finished = found.events.filter(({ kind }) => kind === "validator-finished");
    expect(finished).toHaveLength(2);
  });

  it("takes a criterion of the step as a named validator", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: {},
      result: { b: "1" },
      validators: [],
      step: { completionCriteria: [has("b")] },
    });
    expect(found).toMatchObject({ passed: true, evidence: "step" });
    expect(Object.keys(await logsOf(rig)).toSorted()).toEqual([
      "US-001_criterion-1.base.log",
      "US-001_criterion-1.log",
    ]);
  });

  it("blocks what regressed, and says what failed", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: { a: "1" },
      result: { b: "1" },
      validators: [{
        id: "has-a",
        command: `${has("a")} || { echo "error: a is gone"; exit 3; }`,
        fix: "Bring it back.",
      }],
    });
    expect(found.passed).toBe(false);
    expect(found.verdicts[0]).toMatchObject({
      status: "fail",
      attribution: "regressed",
      blocks: true,
      exit: { kind: "code", code: 3 },
      digest: "Exit code 3\nerror: a is gone",
      fix: "Bring it back.",
    });
    expect(found.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(found.ran).toEqual(["result has-a", "result has-a", "base has-a"]);
  });

  it("does not block what was broken before, unless the step names it", async () => {
    await using rig = await createRig();
    const given = {
      base: { a: "1" },
      result: { a: "2" },
      validators: [{ id: "red", command: "exit 1" }, { id: "green", command: "true" }],
    };
    const found = await rig.verify(given);
    expect(found).toMatchObject({ passed: true, evidence: "repo" });
    expect(found.verdicts[0]).toMatchObject({ attribution: "broken-before", blocks: false });
    const named = await rig.verify({ ...given, step: { validators: ["red"] } });
    expect(named.passed).toBe(false);
    expect(named.verdicts[0]).toMatchObject({ attribution: "broken-before", blocks: true });
  });

  it("blocks what was broken before when nothing else could verify the change", async () => {
    await using rig = await createRig();
    const given = { base: { a: "1" }, result: { a: "2" }, validators: [{ id: "red", command: "exit 1" }] };
    expect(await rig.verify(given)).toMatchObject({ passed: false, verdicts: [{ blocks: true }] });
    expect(await rig.verify({ ...given, step: { trust: "agent" } })).toMatchObject({ passed: true, evidence: "agent" });
  });

  it("calls a validator flaky that passes when it runs again on the same files", async () => {
    await using rig = await createRig();
    const once = `test -e ${rig.dir}/seen || { touch ${rig.dir}/seen; echo "error: first time"; exit 1; }`;
    const found = await rig.verify({ base: {}, result: { a: "1" }, validators: [{ id: "odd", command: once }] });
    expect(found.passed).toBe(true);
    expect(found.verdicts[0]).toMatchObject({ status: "flaky", attribution: null, blocks: false });
    expect(found.verdicts[0]?.digest).toContain("error: first time");
    rig.restart();
    const again = await rig.verify({ base: {}, result: { a: "1" }, validators: [{ id: "odd", command: once }] });
    expect(again.verdicts[0]).toMatchObject({ status: "pass", cached: false });
  });

  it("does not let a flaky base excuse a change that breaks something", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: { base: "1" },
      result: { a: "1" },
      // Red on the base the first time, green the second; always red on the result.
      validators: [{
        id: "odd",
        command: `test -f base && { test -e ${rig.dir}/seen || { touch ${rig.dir}/seen; exit 1; }; }`,
      }],
    });
    expect(found.verdicts[0]).toMatchObject({ attribution: "regressed", blocks: true });
  });

  it("gives evidence step when a test of the change fails on the base alone", async () => {
    await using rig = await createRig();
    const suite = { id: "test", command: `for t in tests/*; do sh "$t" || exit 1; done` };
    const base = { "tests/a": "true" };
    const proven = await rig.verify({
      base,
      result: { ...base, src: "1", "tests/b": "test -f src" },
      validators: [{ id: "lint", command: "true" }, suite],
    });
    expect(proven).toMatchObject({ passed: true, evidence: "step" });
    expect(proven.ran.filter((one) => !one.startsWith("result"))).toEqual(["evidence test", "base test"]);
    const idle = await rig.verify({ base, result: { ...base, src: "2", "tests/b": "true" }, validators: [suite] });
    expect(idle).toMatchObject({ passed: true, evidence: "repo" });
    const tests = await rig.verify({ base, result: { ...base, "tests/b": "true" }, validators: [suite] });
    expect(tests).toMatchObject({ passed: true, evidence: "repo" });
  });

  it("takes no test of the change for evidence where the validator was red before anyway", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: { "tests/a": "test -f src" },
      result: { "tests/a": "test -f src", src: "1", "tests/b": "test -f src" },
      validators: [{ id: "test", command: `for t in tests/*; do sh "$t" || exit 1; done` }],
    });
    expect(found).toMatchObject({ passed: true, evidence: "repo" });
  });

  it("is already true when nothing changed and the named validators are green", async () => {
    await using rig = await createRig();
    const given = { base: { a: "1" }, result: { a: "1" }, validators: [{ id: "has-a", command: has("a") }] };
    const named = await rig.verify({ ...given, step: { validators: ["has-a"] } });
    expect(named).toMatchObject({ passed: true, evidence: "already-true", verdicts: [{ attribution: "clean" }] });
    expect(named.ran).toEqual(["result has-a"]);
    expect(await rig.verify(given)).toMatchObject({ passed: true, evidence: "repo" });
  });

  it("does not pass what nothing verified, unless the agent is trusted", async () => {
    await using rig = await createRig();
    const given = { base: {}, result: { "a.json": "{}" }, validators: [{ id: "json", builtin: "json" as const }] };
    expect(await rig.verify(given)).toMatchObject({ passed: false, fingerprint: "" });
    expect(await rig.verify({ ...given, step: { trust: "agent" } })).toMatchObject({ passed: true, evidence: "agent" });
  });

  it("fails on a named validator that does not exist", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: {},
      result: { a: "1" },
      validators: [{ id: "ok", command: "true" }],
      step: { validators: ["gone"] },
    });
    expect(found.passed).toBe(false);
    expect(found.verdicts[1]).toMatchObject({ validator: "gone", status: "error", blocks: true });
    expect(found.verdicts[1]?.digest).toContain(`"gone"`);
  });

  it("stops a validator that hangs, with everything it started, and says so", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: {},
      result: { a: "1" },
      validators: [{ id: "hang", command: "test ! -f a || { sleep 300 & sleep 300; }", timeoutMinutes: 0.005 }],
    });
    expect(found.verdicts[0]).toMatchObject({
      status: "error",
      attribution: "regressed",
      exit: { kind: "signal", signal: "SIGTERM", sentBy: "us", why: { kind: "timeout", limitMs: 300 } },
    });
    expect(found.verdicts[0]?.digest).toContain("did not end within");
  });

  it("does not let a validator pass that exits 0 after it was stopped", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: {},
      result: { a: "1" },
      validators: [{
        id: "sly",
        command: "trap 'exit 0' TERM; while test -f a; do sleep 0.02; done",
        timeoutMinutes: 0.005,
      }],
    });
    expect(found.verdicts[0]).toMatchObject({ status: "error", exit: { kind: "code", code: 0 }, blocks: true });
  });

  it("reports a death by signal as an error that explains itself", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: {},
      result: { a: "1" },
      validators: [{ id: "dies", command: "kill -9 $$" }],
    });
    expect(found.verdicts[0]).toMatchObject({
      status: "error",
      exit: { kind: "signal", signal: "SIGKILL", sentBy: "other" },
    });
    expect(found.verdicts[0]?.digest).toMatch(/Ended by SIGKILL, which the runner did not send/);
  });

  it("stops a flood and bounds what it keeps of it", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: {},
      result: { a: "1" },
      validators: [{ id: "flood", command: "test ! -f a || yes 'error: again and again and again and again'" }],
    });
    expect(found.verdicts[0]).toMatchObject({ status: "error", attribution: "regressed" });
    expect(found.verdicts[0]?.digest).toContain("printed more than 64 MB");
    expect(Buffer.byteLength(found.verdicts[0]?.digest ?? "")).toBeLessThanOrEqual(4096);
    const logs = await logsOf(rig);
    expect(Buffer.byteLength(logs["flood.log"] ?? "")).toBeLessThan(4.1 * 1024 * 1024);
  });

  it("runs commands with a fresh home and temporary folder, closed input and a clean environment", async () => {
    await using rig = await createRig({ KEEP: "yes" });
    const command =
      `test ! -s /dev/stdin && test -z "$(ls -A "$HOME" "$TMPDIR" | grep -v :)" && touch "$HOME/x" "$TMPDIR/x"` +
      ` && test "$KEEP" = yes && test -n "$CAPSTAN_RUN" && test "$CI" = true && test -z "$npm_config_x"` +
      ` && echo "home=$HOME" && ! read -r line`;
    const found = await rig.verify({
      base: {},
      result: { a: "1" },
      validators: [{ id: "one", command }, { id: "two", command: `${command} && true` }],
    });
    expect(found.verdicts.map(({ status, digest }) => [status, digest.split("home")[0]])).toEqual([
      ["pass", ""],
      ["pass", ""],
    ]);
    const logs = await logsOf(rig);
    expect(logs["one.log"]).not.toBe(logs["two.log"]);
    expect(await readdir(join(rig.dir, "tmp"))).toEqual([]);
  });

  it("takes protected files from the base for the validator that protects them, and only for it", async () => {
    await using rig = await createRig();
    const validators = [
      { id: "guarded", command: "sh check", protects: ["check"] },
      { id: "open", command: "sh check" },
    ];
    const found = await rig.verify({ base: { check: "test -f b" }, result: { check: "true" }, validators });
    expect(found.verdicts.map(({ validator, status }) => [validator, status])).toEqual([
      ["guarded", "fail"],
      ["open", "pass"],
    ]);
  });

  it("lets no command rewrite what another one protects, while both judge the change", async () => {
    await using rig = await createRig();
    const validators = [
      { id: "tests", command: "sh test" },
      { id: "other", command: "true" },
      { id: "more", command: "true " },
      { id: "guarded", command: "sh check", protects: ["check"] },
    ];
    const base = { check: "test -f b", test: "true" };
    const found = await rig.verify({ base, result: { ...base, test: "echo true > check", a: "1" }, validators });
    expect(found.verdicts.find(({ validator }) => validator === "guarded")?.status).toBe("fail");
  });

  it("runs a package script that the change redefined as it was, and says so", async () => {
    await using rig = await createRig();
    const json = (test: string) => JSON.stringify({ scripts: { test } });
    const found = await rig.verify({
      base: { "package.json": json("test -f b") },
      result: { "package.json": json("true"), a: "1" },
      validators: [{ id: "test", command: "npm test" }, { id: "other", command: "echo other; exit 1" }],
      step: { validators: ["test", "other"] },
    });
    expect(found.verdicts[0]).toMatchObject({ status: "fail", blocks: true });
    expect(found.verdicts[0]?.digest).toContain("ran as they were before it: test (package.json)");
    expect(found.verdicts[1]?.digest).toBe("Exit code 1\nother");
  });

  it("remembers what was green on the same tree, also in a later run, and nothing that was red", async () => {
    await using rig = await createRig();
    const validators = [{ id: "green", command: "true" }, { id: "red", command: "test ! -f a" }];
    const given = { base: {}, result: { a: "1" }, validators };
    await rig.verify(given);
    rig.restart();
    const found = await rig.verify(given);
    expect(found.verdicts.map(({ validator, status, cached }) => [validator, status, cached])).toEqual([
      ["green", "pass", true],
      ["red", "fail", false],
    ]);
    expect(found.ran).toEqual(["result red", "result red"]);
    const other = await rig.verify({ ...given, result: { a: "2" } });
    expect(other.ran).toContain("result green");
    const changed = await rig.verify({ ...given, validators: [{ id: "green", command: "true " }] });
    expect(changed.ran).toContain("result green");
    expect(JSON.parse(await readFile(join(rig.dir, "state", "verdicts.json"), "utf8"))).toHaveLength(4);
  });

  it("runs the same command once when a criterion repeats it", async () => {
    await using rig = await createRig();
    const command = `echo x >> ${rig.dir}/count`;
    const found = await rig.verify({
      base: { a: "1" },
      result: { a: "1" },
      validators: [{ id: "test", command }],
      step: { completionCriteria: [command] },
    });
    expect(found.verdicts).toHaveLength(2);
    expect(await readFile(join(rig.dir, "count"), "utf8")).toBe("x\n");
  });

  it("reports a lane that can't be prepared as an error of the change that broke it", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: {},
      result: { lock: "1" },
      validators: [{ id: "ok", command: "true" }],
      unprepared: "lock",
    });
    expect(found.passed).toBe(false);
    expect(found.verdicts[0]).toMatchObject({ status: "error", attribution: "regressed", digest: "npm ci failed" });
  });

  it("ends at once when the run is interrupted", async () => {
    await using rig = await createRig();
    const controller = new AbortController();
    const started = performance.now();
    const verifying = rig.verify({
      base: {},
      result: { a: "1" },
      validators: [{ id: "slow", command: `touch ${rig.dir}/started; sleep 300` }],
      signal: controller.signal,
    });
    while (!(await readdir(rig.dir)).includes("started")) await new Promise((resolve) => setImmediate(resolve));
    controller.abort({ kind: "interrupted", signal: "SIGINT" });
    expect(await verifying).toMatchObject({ passed: false, verdicts: [] });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it("looks for what the step must produce, in what the tree holds", async () => {
    await using rig = await createRig();
    const validators = [{ id: "produces", builtin: "produces" as const }];
    const step = { produces: ["docs/**/*.md", "out/report.json"] };
    const missing = await rig.verify({ base: {}, result: { "docs/a.md": "x" }, validators, step });
    expect(missing.verdicts[0]).toMatchObject({ status: "fail", attribution: "broken-before", blocks: true });
    expect(missing.verdicts[0]?.digest).toContain(`"out/report.json"`);
    const there = await rig.verify({
      base: {},
      result: { "docs/x/a.md": "x", "out/report.json": "{}" },
      validators,
      step,
    });
    expect(there).toMatchObject({ passed: true, evidence: "step" });
  });

  it("runs in the folder of the work that the plan names", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      base: { "app/a": "1" },
      result: { "app/a": "2" },
      validators: [{ id: "here", command: has("a") }],
      plan: { cwd: "app" },
    });
    expect(found.passed).toBe(true);
  });
});
