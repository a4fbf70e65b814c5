// Adds up vitest's JSON reports and the failed parts of the run, prints the closing line, sets the exit code.
import { readFileSync } from "node:fs";

const [failedParts, ...files] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;
for (const file of files) {
  try {
    const report = JSON.parse(readFileSync(file, "utf8"));
    passed += report.numPassedTests;
    failed += report.numFailedTests;
    skipped += report.numPendingTests + report.numTodoTests;
  } catch (error) {
    console.log(`No report in ${file}: ${error.message}`);
    failed += 1;
  }
}
// A part can fail without a failing test (types, lint, a timeout): it counts as one failure.
if (failed === 0) failed = Number(failedParts);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 ? 1 : 0;
