import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messagesProtocol } from "../../src/agents/tape/messages.ts";
import type { ModelRequest } from "../../src/agents/tape/server.ts";
import type { Turn } from "../../src/agents/tape/tape.ts";

/** A server of which the test writes every byte. */
export async function rawServer(answer: (response: ServerResponse, request: number) => void) {
  let requests = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => answer(response, ++requests));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    env: { ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: url },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const request: ModelRequest = { model: "claude-opus-5-5", prompt: "", rounds: 0, tools: [], bytes: 400 };
/** A turn as the API streams it. */
export const streamed = (turn: Turn) => messagesProtocol.stream(turn, request);
/** Begins a streamed reply. */
export const open = (response: ServerResponse) => response.writeHead(200, { "content-type": "text/event-stream" });

/** The same turn with another reason to stop. */
export const stopsWith = (reason: string, turn: Turn) =>
  streamed(turn).join("").replace(/"stop_reason":"[a-z_]+"/, `"stop_reason":"${reason}"`);
