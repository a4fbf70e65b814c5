import module from "node:module";

// As in bin/capstan.js, for those who start this file themselves.
module.enableCompileCache?.();
const { main } = await import("./src/cli/main.ts");

/** The entry: argv in, exit code out. */
process.exitCode = await main(process.argv.slice(2));
