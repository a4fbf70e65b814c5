import type { Turn } from "../../src/agents/tape/tape.ts";
import type { Cli } from "./install.ts";

type Input = Turn["tools"][number]["input"];
type Call = { name: string; input: Input };

/** How each CLI calls "write a file" and "run a command". */
interface Dialect {
  write(path: string, content: string): Call;
  run(command: string): Call;
}

const heredoc = (path: string, content: string) => `cat > '${path}' <<'END'\n${content}END\n`;

export const dialects: Record<Cli, Dialect> = {
  claude: {
    write: (path, content) => ({ name: "Write", input: { file_path: path, content } }),
    run: (command) => ({ name: "Bash", input: { command, description: "Run it" } }),
  },
  codex: {
    write: (path, content) => ({ name: "exec_command", input: { cmd: heredoc(path, content) } }),
    run: (command) => ({ name: "exec_command", input: { cmd: command } }),
  },
  opencode: {
    write: (path, content) => ({ name: "write", input: { filePath: path, content } }),
    run: (command) => ({ name: "bash", input: { command, description: "Run it" } }),
  },
  gemini: {
    write: (path, content) => ({ name: "write_file", input: { file_path: path, content } }),
    run: (command) => ({ name: "run_shell_command", input: { command } }),
  },
  copilot: {
    write: (path, content) => ({ name: "create", input: { path, file_text: content } }),
    run: (command) => ({ name: "bash", input: { command, description: "Run it" } }),
  },
  pi: {
    write: (path, content) => ({ name: "write", input: { path, content } }),
    run: (command) => ({ name: "bash", input: { command } }),
  },
};

/** Translates the calls `write` and `run` of a tape into the words of a CLI. */
export function translate(turn: Turn, cli: Cli): Turn {
  const tools = turn.tools.map(({ name, input }) => {
    if (name === "write") return dialects[cli].write(input.path as string, input.content as string);
    if (name === "run") return dialects[cli].run(input.command as string);
    throw new Error(`No client knows the call ${name}`);
  });
  return { ...turn, tools };
}

/** What a person who uses this CLI has in the environment and at home. */
export interface Person {
  env: Record<string, string>;
  /** Below HOME. */
  files: Record<string, unknown>;
  /** The model of every step. */
  model?: string;
}

/** A person whose CLI is set up for the model server at `url`. */
export function personOf(cli: Cli, url: string): Person {
  switch (cli) {
    case "claude":
      return { env: { ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: "test-key" }, files: {} };
    case "codex":
      return { env: { OPENAI_API_KEY: "test-key" }, files: { ".codex/config.toml": codexConfig(url) } };
    case "opencode":
      return {
        env: { OPENAI_API_KEY: "test-key" },
        files: { ".config/opencode/opencode.json": opencodeConfig(url) },
      };
    case "gemini":
      return { env: { GEMINI_API_KEY: "test-key", GOOGLE_GEMINI_BASE_URL: url }, files: {}, model: "gemini-2.5-pro" };
    case "copilot":
      return {
        env: {
          COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
          COPILOT_PROVIDER_TYPE: "openai",
          COPILOT_PROVIDER_API_KEY: "test-key",
          COPILOT_MODEL: "fake-model",
          COPILOT_OFFLINE: "true",
        },
        files: {},
      };
    case "pi":
      return { env: {}, files: { ".pi/agent/models.json": piModels(url) }, model: "fake/fake-model" };
  }
}

function codexConfig(url: string): string {
  return `model = "gpt-5.5"
model_provider = "fake"

[model_providers.fake]
name = "fake"
base_url = "${url}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
`;
}

function opencodeConfig(url: string): object {
  const limit = { context: 200_000, output: 8192 };
  return {
    share: "disabled",
    permission: "allow",
    model: "fake/fake-model",
    small_model: "fake/fake-model",
    provider: {
      fake: {
        npm: "@ai-sdk/openai-compatible",
        name: "Fake",
        options: { baseURL: `${url}/v1`, apiKey: "test-key" },
        models: { "fake-model": { name: "Fake", limit, cost: { input: 3, output: 15, cache_read: 0.3 } } },
      },
    },
  };
}

function piModels(url: string): object {
  return {
    providers: {
      fake: {
        baseUrl: `${url}/v1`,
        apiKey: "test-key",
        api: "openai-completions",
        models: [{
          id: "fake-model",
          name: "Fake",
          reasoning: false,
          input: ["text"],
          cost: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 },
          contextWindow: 200_000,
          maxTokens: 8192,
        }],
      },
    },
  };
}
