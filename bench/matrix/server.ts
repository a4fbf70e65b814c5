import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { messagesProtocol } from "../../src/agents/tape/messages.ts";
import type { ModelRequest, Protocol } from "../../src/agents/tape/server.ts";
import type { Turn } from "../../src/agents/tape/tape.ts";
import { chatProtocol } from "../../test/e2e-real/chat.ts";
import { geminiProtocol } from "../../test/e2e-real/gemini.ts";
import { responsesProtocol } from "../../test/e2e-real/responses.ts";
import { bodyOf, type Failure, type Family } from "./failures.ts";

const protocols: readonly [Protocol, Family][] = [
  [messagesProtocol, "anthropic"],
  [responsesProtocol, "openai"],
  [chatProtocol, "openai"],
  [geminiProtocol, "gemini"],
];

export interface FailingServer {
  url: string;
  /** Requests to the model so far. */
  requests(): number;
  close(): Promise<void>;
}

/** A model on loopback that fails in one way as long as it is the first attempt, and answers after that. */
export async function startFailingServer(
  { fault, times = Infinity }: Failure,
  answer: (request: ModelRequest) => Turn,
): Promise<FailingServer> {
  let requests = 0;
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const found = protocols.find(([protocol]) => request.method === "POST" && protocol.serves(pathname));
    const body = await buffer(request);
    if (found === undefined) return json(response, 404, { error: { message: `Nothing at ${pathname}` } });
    const [protocol, family] = found;
    const asked = protocol.read(JSON.parse(body.toString()), body.length, pathname);
    requests += 1;
    // Some ask again without a stream when one fails: that fails in the same way.
    const events = asked === null ? [] : protocol.stream(answer(asked), asked);
    if (requests > times || (asked !== null && /^- Attempt: (?!1\b)\d/m.test(asked.prompt))) {
      if (asked === null) return json(response, 400, { error: { message: "Not a streaming request" } });
      stream(response, events);
      response.end();
      return;
    }
    switch (fault.kind) {
      case "status":
        return json(response, fault.status, bodyOf(fault, family), fault.retryAfterSeconds);
      case "torn":
        stream(response, events.slice(0, 2));
        setTimeout(() => response.destroy(), 50);
        return;
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "garbage":
        stream(response, ["data: {not json\n\n"]);
        response.end();
        return;
      case "hang":
        if (fault.inStream) stream(response, events.slice(0, 2));
        return;
      case "refused":
        response.destroy();
    }
  };
  const server = createServer((request, response) => void reply(request, response).catch(() => response.destroy()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  if (fault.kind === "refused") await close();
  return { url: `http://127.0.0.1:${port}`, requests: () => requests, close };
}

function stream(response: ServerResponse, events: readonly string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const event of events) response.write(event);
}

function json(response: ServerResponse, status: number, body: unknown, retryAfterSeconds?: number): void {
  const wait = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  response.writeHead(status, { "content-type": "application/json", ...wait });
  response.end(JSON.stringify(body));
}
