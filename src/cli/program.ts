import { Command, InvalidArgumentError, Option } from "commander";
import { sandboxLevels } from "../model/sandbox-level.ts";
import { exampleHelp, exitCodeHelp } from "./help.ts";
import { parseCount, type Parsed, parseDollars, parseDuration, parseLimit } from "./options.ts";

/** A command as it was written: its name, its words, its flags. */
export interface Invoked {
  command: string;
  words: string[];
  flags: Record<string, unknown>;
}

export interface ProgramOptions {
  version: string;
  write: { out: (text: string) => void; err: (text: string) => void };
  columns: number;
  paste: (...words: string[]) => string;
  /** Called at most once, with what was asked for. */
  invoke: (invoked: Invoked) => void;
}

const gate = ["<gate>", "id of the gate's step"] as const;
const step = ["<step>", "id of the step"] as const;
const note = ["--note <text>", "why; goes into the next brief"] as const;
const push = ["--push [remote]", "push branch and ledger together"] as const;
const json = ["--json", "as JSON"] as const;

/** The commands and their options: parsing and help come from this one table. Loads nothing that a command needs. */
export function createProgram(options: ProgramOptions): Command {
  const program = new Command("capstan")
    .description(
      "Runs coding agents step by step through a plan: a fresh process every time, and only verified work lands.",
    )
    .version(options.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("-C <dir>", "work in this directory")
    .option("--plan <file>", "the plan, when it is not prd.json at the root or in scripts/ralph")
    .option("--branch <name>", "the branch to land on, when it is not the plan's branchName")
    .exitOverride()
    .configureHelp({ helpWidth: Math.min(options.columns, 110), showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: options.write.out,
      writeErr: options.write.err,
      // The one message of a usage error is made in main.ts.
      outputError: () => {},
    });
  const on = (command: Command) =>
    command.action(() => {
      options.invoke({ command: command.name(), words: command.args, flags: command.optsWithGlobals() });
    });

  const loop = on(
    program.command("loop", { isDefault: true })
      .description("work until every step passes or a person is needed (the default)")
      .usage("[options]")
      // Any unknown word lands here: main.ts says which command was probably meant.
      .allowExcessArguments()
      .option("--once", "one iteration")
      .addOption(parsed("--max-iterations <n>", "iterations of this run", parseCount))
      .addOption(parsed("--max-time <duration>", "time of this run, such as 90m or 2h", parseDuration))
      .addOption(parsed("--max-cost <usd>", "US dollars of this run", parseDollars))
      .addOption(parsed("--max-tokens <n>", "tokens of this run", parseCount))
      .addOption(
        parsed("--limit <name=n>", "any limit, such as day.usd=20 or step.attempts=3 (repeatable)", parseLimit, true),
      )
      .addOption(parsed("--max-wait <duration>", "how long a limited agent may be waited for", parseDuration))
      .option("--step <id>", "work on this step only")
      .option("--agent <name>", "use this agent, except for steps that run a command or a tape")
      .option("--dry-run", "show the decision and the brief; start and change nothing")
      .option(...push)
      .option("--no-checkout", "leave the checkout as it is")
      .addOption(
        new Option("--sandbox <level>", "fence agents in where it works, always or never").choices(sandboxLevels),
      )
      .option("--json", "the event stream as NDJSON")
      .option("--quiet", "print only why it stopped")
      .option("--verbose", "print what agents say and do, and output of failing validators")
      .option("--timestamps", "put the time (UTC) in front of every line"),
  );

  on(program.command("status").description("where every step stands, and what waits for you").option(...json));
  on(program.command("approve").description("open a gate").argument(...gate).option(...note).option(...push));
  on(
    program.command("reject").description("send a gate's work back").argument(...gate).option(...note).option(...push),
  );
  on(
    program.command("answer").description("answer an agent's question")
      .argument(...step).argument("<text>", "the answer; goes into the next brief").option(...push),
  );
  on(
    program.command("retry").description(
      "let a step be tried again that its circuit breaker stopped, or whose agent rests",
    )
      .argument(...step).option(...note).option(...push),
  );
  on(
    program.command("reopen").description("let a step that passed, or ran out of attempts, be worked on again")
      .argument(...step).option(...note).option(...push),
  );
  on(
    program.command("brief").description("print exactly what an agent would be sent; its size by section on stderr")
      .addOption(new Option("--step <id>", "the step; without it, the next one")),
  );
  on(
    program.command("explain").description("why a step passed, failed or waits")
      .argument(...step).option(...json),
  );
  on(
    program.command("log").description("what happened, newest last")
      .addOption(parsed("-n, --lines <n>", "only the newest", parseCount)).option(...json),
  );
  on(program.command("validate").description("check plan and registries; every problem in one message"));
  on(program.command("init").description("start in this repository: plan, validators, script; overwrites nothing"));
  on(
    program.command("import").description("convert a plan of another format")
      .argument("<file>", "what to read").option("--out <file>", "where to write it", "prd.json"),
  );
  on(
    program.command("quickstart").description("set up the example that runs offline, without an account")
      .argument("[dir]", "a new directory for it (not in a checkout of Capstan)")
      .option("--reset", "start it over"),
  );
  on(program.command("doctor").description("check git, Node, agents, plan and registries").option(...json));

  program.addHelpText("after", () => {
    const help = program.createHelp();
    help.prepareContext({ helpWidth: Math.min(options.columns, 110) });
    const rows = help.visibleOptions(loop).filter((option) => option.long !== "--help");
    const width = Math.max(...rows.map((option) => help.optionTerm(option).length));
    const lines = rows.map((option) => help.formatItem(help.optionTerm(option), width, option.description, help));
    return `\nOptions of loop:\n${lines.join("\n")}\n\n${exampleHelp(options.paste)}\n\n${exitCodeHelp}`;
  });
  return program;
}

/** `many`: the option may be repeated; its value is a list then. */
function parsed<T>(flags: string, description: string, parse: (text: string) => Parsed<T>, many = false): Option {
  return new Option(flags, description).argParser((text: string, before: unknown) => {
    const result = parse(text);
    if (!result.ok) throw new InvalidArgumentError(`It ${result.message}`);
    return many ? [...before as T[] | undefined ?? [], result.value] : result.value;
  });
}
