import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";

/** What decides about one connection. */
export type Allowed = (host: string, port: number) => boolean;

/**
 * An HTTP proxy at a Unix socket: `CONNECT` for whatever is encrypted, forwarding for plain HTTP. What is not allowed gets
 * 403 and a line that says so. It does not keep the process alive, and an old socket at the path is replaced.
 */
export async function openProxy(path: string, allowed: Allowed): Promise<void> {
  await rm(path, { force: true });
  const server = createServer((incoming, response) => forward(incoming, response, allowed));
  server.on("connect", (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    tunnel(incoming.url ?? "", client, head, allowed);
  });
  server.on("clientError", (_error, client) => client.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  server.unref();
}

function tunnel(target: string, client: Duplex, head: Buffer, allowed: Allowed): void {
  client.on("error", () => client.destroy());
  const url = parse(`http://${target}`);
  const port = Number(/:(\d+)$/.exec(target)?.[1] ?? 443);
  if (url === null || !allowed(hostOf(url), port)) {
    client.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n${refusal(target)}`);
    return;
  }
  const upstream = connect(port, hostOf(url), () => {
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    if (head.length > 0) upstream.write(head);
    upstream.pipe(client).pipe(upstream);
  });
  upstream.on("error", () => client.destroy());
  client.on("close", () => upstream.destroy());
}

function forward(incoming: IncomingMessage, response: ServerResponse, allowed: Allowed): void {
  const url = parse(incoming.url ?? "");
  const port = Number(url?.port || 80);
  if (url === null || url.protocol !== "http:" || !allowed(hostOf(url), port)) {
    response.writeHead(403, { connection: "close" }).end(refusal(incoming.url ?? ""));
    return;
  }
  const { "proxy-connection": _proxy, ...headers } = incoming.headers;
  const outgoing = request(
    { host: hostOf(url), port, method: incoming.method, path: `${url.pathname}${url.search}`, headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  outgoing.on("error", () => response.destroy());
  incoming.pipe(outgoing);
}

/** An IPv6 address stands in brackets in an address only. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

function parse(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function refusal(target: string): string {
  return `capstan: ${target.slice(0, 200)} is not in the plan's list of hosts (sandbox.network)\n`;
}
