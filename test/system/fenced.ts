import { supervise } from "../../src/system/supervise.ts";

// Supervises a process in the sandbox whose command line it is given, until it is killed.
const fence = JSON.parse(process.argv[2] ?? "[]") as string[];
const { done } = supervise({
  fence,
  argv: ["sh", "-c", "echo x > ready; while :; do sleep 0.2; done"],
  cwd: process.cwd(),
  env: { PATH: process.env.PATH ?? "" },
  mark: "test.fenced.1",
  stop: { signal: "SIGTERM", graceMs: 1000 },
});
await done;
