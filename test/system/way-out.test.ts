import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { sandboxSchema, sandboxSettings } from "../../src/model/sandbox.ts";
import { exec } from "../../src/system/exec.ts";
import { openSandbox } from "../../src/system/sandbox.ts";
import { supervise } from "../../src/system/supervise.ts";
import { noSandbox, titled } from "../support/sandbox.ts";
import { tempDir } from "../support/tmp.ts";

/** Asks through the proxy that the environment names, by plain HTTP and by CONNECT; prints what came back. */
const ask = `
  const http = require("node:http");
  const proxy = new URL(process.env.HTTP_PROXY);
  const base = { host: proxy.hostname, port: proxy.port };
  const [plain, tunnel] = process.argv.slice(1);
  http.get({ ...base, path: plain }, (r) => {
    let text = "";
    r.on("data", (part) => text += part);
    r.on("end", () => {
      console.log(r.statusCode, text.trim());
      const c = http.request({ ...base, method: "CONNECT", path: tunnel });
      c.on("connect", (answer, socket) => {
        console.log(answer.statusCode);
        if (answer.statusCode !== 200) return socket.destroy();
        socket.write("GET / HTTP/1.0\\r\\n\\r\\n");
        socket.on("data", (part) => process.stdout.write(part.toString().split("\\r\\n\\r\\n")[1] ?? ""));
      });
      c.end();
    });
  });
`;

async function serve(text: string): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => response.end(text)).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

async function open(hosts: string[]) {
  const temp = await tempDir();
  const [root, stateDir] = [join(temp.path, "shop"), join(temp.path, "s/r")];
  const [lane, tmp] = [join(stateDir, "lane"), join(stateDir, "tmp")];
  for (const dir of [lane, tmp, join(root, ".git/objects")]) await mkdir(dir, { recursive: true });
  const env = { PATH: process.env.PATH ?? "", HOME: join(temp.path, "home") };
  await mkdir(env.HOME);
  const settings = sandboxSettings(sandboxSchema.parse({ network: { agents: hosts } }));
  const opened = await openSandbox({ root, commonDir: join(root, ".git"), stateDir, env }, settings);
  if (!opened.ok) throw new Error(JSON.stringify(opened.why));
  const fence = await opened.sandbox.fence({ profile: "developer", lane, cwd: lane, scratch: [tmp], tmp });
  return { fence, lane, env, [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose]() };
}

describe.skipIf(noSandbox !== null)(titled("a process whose network is a list of hosts"), () => {
  test("reaches those through the proxy, and nobody else in any way", async () => {
    const [named, other] = [await serve("named"), await serve("other")];
    await using at = await open([`127.0.0.1:${named.port}`]);
    const { fence, lane, env } = at;
    try {
      const node = "Deno" in globalThis ? "node" : process.execPath;
      const run = async (port: number) => {
        const argv = [...fence, node, "-e", ask, `http://127.0.0.1:${port}/`, `127.0.0.1:${port}`];
        return (await exec(argv, { cwd: lane, env })).stdout.toString();
      };
      expect(await run(named.port)).toBe("200 named\n200\nnamed");
      expect(await run(other.port)).toMatch(
        /^403 capstan: http:\/\/127\.0\.0\.1:\d+\/ is not in the plan's list of hosts.*\n403\n$/,
      );
      const past =
        `require("node:net").connect(${named.port}, "127.0.0.1").on("error", (e) => console.log(e.code)).on("connect", () => console.log("in"))`;
      expect((await exec([...fence, node, "-e", past], { cwd: lane, env })).stdout.toString()).toBe("ECONNREFUSED\n");
    } finally {
      named.server.close();
      other.server.close();
    }
  });

  test("ends with its own code, by its own signals, and with what it printed", async () => {
    await using at = await open(["example.com"]);
    const { fence, lane, env } = at;
    const plain = await exec([...fence, "sh", "-c", "echo out; echo err >&2; exit 7"], { cwd: lane, env });
    expect([plain.exit, plain.stdout.toString(), plain.stderr]).toEqual([{ kind: "code", code: 7 }, "out\n", "err\n"]);
    const lines: string[] = [];
    const running = supervise({
      argv: ["sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"],
      fence,
      cwd: lane,
      env,
      mark: `test.way-out-${process.pid}.1`,
      stop: { signal: "SIGTERM", graceMs: 10_000 },
      onStdoutLine: (line) => {
        lines.push(line);
        if (line === "ready") running.stop({ kind: "interrupted", signal: "SIGINT" });
      },
    });
    expect((await running.done).exit).toMatchObject({ kind: "code", code: 3 });
    expect(lines).toEqual(["ready", "bye"]);
  });
});
