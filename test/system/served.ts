// Prints the process id of its fork server; then ends, or stays until its standard input does.
import { exec } from "../../src/system/exec.ts";

const [how = ""] = process.argv.slice(2);
const env = { PATH: process.env.PATH ?? "" };
const { stdout } = await exec(["sh", "-c", "echo $PPID"], { env, cwd: "/", quick: true });
process.stdout.write(stdout);
if (how === "stay") process.stdin.resume();
