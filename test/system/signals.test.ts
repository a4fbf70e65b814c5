import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onThisRuntime, waitUntil } from "../support/processes.ts";
import { tempDir } from "../support/tmp.ts";

const signalsModule = join(import.meta.dirname, "..", "..", "src", "system", "signals.ts");

/** A process that counts stop signals and stops listening after the second. */
const program = `
import { onSignals } from ${JSON.stringify(signalsModule)};
let count = 0;
const off = onSignals((signal) => {
  console.log(signal);
  if (++count === 2) off();
});
setInterval(() => {}, 1000);
console.log("ready");
`;

describe("onSignals", () => {
  it("hands stop signals over instead of dying from them, until it is switched off", async () => {
    await using dir = await tempDir();
    const file = join(dir.path, "listens.ts");
    await writeFile(file, program);
    const [command = "", ...args] = onThisRuntime(file);
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk) => said += String(chunk));
    const exited = once(child, "exit");
    await waitUntil(() => said.includes("ready"));
    process.kill(child.pid!, "SIGINT");
    await waitUntil(() => said.includes("SIGINT"));
    process.kill(child.pid!, "SIGHUP");
    await waitUntil(() => said.includes("SIGHUP"));
    process.kill(child.pid!, "SIGTERM");
    expect(await exited).toEqual([null, "SIGTERM"]);
    expect(said).toBe("ready\nSIGINT\nSIGHUP\n");
  });
});
