import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/e2e-real/**", "node_modules/**"],
    pool: "forks",
    // Most of the time goes into waiting for git and other programs: leave no core free.
    maxWorkers: "100%",
    // Generous: a busy machine is no failure, and only a test that hangs pays for it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
