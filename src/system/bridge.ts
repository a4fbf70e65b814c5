import { spawn } from "node:child_process";
import { constants } from "node:os";
import { connect, createServer, type Socket } from "node:net";
import process from "node:process";

/**
 * Runs inside of a sandbox without network: listens on the sandbox's own loopback, hands every connection to a Unix socket,
 * and is the command that it starts, as far as anybody outside can tell. Arguments: the socket, the port, the command.
 */
const [socket = "", port = "", command = "", ...args] = process.argv.slice(2);
const open = new Set<Socket>();

const server = createServer((client) => {
  const upstream = connect(socket);
  for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
    open.add(one);
    one.on("error", () => other.destroy());
    one.on("close", () => {
      open.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }
});

// Signals go to everybody in the group: the command decides what they mean.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) process.on(signal, () => undefined);

server.listen(Number(port), "127.0.0.1", () => {
  const child = spawn(command, args, { stdio: "inherit" });
  const end = (code: number): void => {
    process.exitCode = code;
    server.close();
    for (const one of open) one.destroy();
  };
  child.once("error", () => end(127));
  child.once("exit", (code, signal) => end(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
});
