import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TapeError, Turn } from "./tape.ts";

/** What a protocol makes of one request to the model. */
export interface ModelRequest {
  model: string;
  /** The text of the first user message: the brief, with whatever the client adds to it. */
  prompt: string;
  /** How many rounds of tool results the conversation holds already. */
  rounds: number;
  /** Names of the tools that the client offers. */
  tools: string[];
  /** Size of the request: what the reply's token counts are made from. */
  bytes: number;
}

/** One HTTP protocol of a model API, as pure functions. */
export interface Protocol {
  /** Whether a `POST` to this path asks the model for a streamed reply. */
  serves(path: string): boolean;
  /** `null` when the body is not such a request. */
  read(body: unknown, bytes: number, path: string): ModelRequest | null;
  /** The reply as server-sent events, in order. */
  stream(turn: Turn, request: ModelRequest): string[];
  /** The body of a failed reply. */
  failure(error: TapeError): unknown;
}

export interface ModelServer {
  url: string;
  close(): Promise<void>;
}

export interface ModelServerOptions {
  protocols: readonly Protocol[];
  /** What the model says; `null` when it has nothing to say to this request. */
  answer(request: ModelRequest): Turn | null;
}

const maxBodyBytes = 64 * 1024 * 1024;

/** Starts a scripted model server on a free port of the loopback interface. It lives until `close`. */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const failed = new Map<string, number>();
  const server = createServer((request, response) => {
    reply(request, response, options, failed).catch((error: Error) => {
      response.destroy(error);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function reply(
  request: IncomingMessage,
  response: ServerResponse,
  options: ModelServerOptions,
  failed: Map<string, number>,
): Promise<void> {
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  const protocol = request.method === "POST"
    ? options.protocols.find((candidate) => candidate.serves(path))
    : undefined;
  const body = await bodyOf(request);
  if (protocol === undefined) {
    send(response, 404, { error: { type: "not_found_error", message: `Nothing at ${request.method} ${path}` } });
    return;
  }
  const fail = (error: TapeError) =>
    send(response, error.status, protocol.failure(error), error.retryAfterSeconds?.toString());
  const invalid = (message: string) => fail({ status: 400, type: "invalid_request_error", message });
  const asked = body === null ? null : protocol.read(jsonOrNull(body), body.length, path);
  if (asked === null) return invalid("Not a streaming request of this protocol");
  const turn = options.answer(asked);
  if (turn === null) return invalid(`The tape has no turn ${asked.rounds + 1} for this attempt`);

  const { error } = turn;
  if (error !== undefined) {
    const key = `${asked.prompt}\0${asked.rounds}`;
    const times = failed.get(key) ?? 0;
    failed.set(key, times + 1);
    if (error.times === undefined || times < error.times) return fail(error);
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const event of protocol.stream(turn, asked)) {
    if (response.destroyed) return;
    if (!response.write(event)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, body: unknown, retryAfter?: string): void {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
  });
  response.end(JSON.stringify(body));
}

function jsonOrNull(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
}

/** One server-sent event. */
export function sse(data: unknown, event?: string): string {
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** A text in the small pieces in which a model streams it. Characters are never torn apart. */
export function pieces(text: string): string[] {
  return text.match(/[\s\S]{1,48}/gu) ?? [];
}

/** The usual estimate of tokens: four bytes each. */
export function tokensOf(bytes: number): number {
  return Math.ceil(bytes / 4);
}
