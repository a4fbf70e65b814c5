import { createCommitter } from "../lanes/commits.ts";
import { createGit } from "../lanes/git.ts";
import type { NewRecord } from "../loop/ports.ts";
import { type Context, printHalt } from "./context.ts";
import type { Workplace } from "./wire.ts";

/** Who decides: `Name <email>` as git knows it. */
export async function person({ place }: Workplace): Promise<string> {
  return await createCommitter(createGit(place), place.env, () => undefined).identity();
}

/** Appends a person's decision to the ledger and pushes it when asked to; the exit code. */
export async function recordDecision(context: Context, workplace: Workplace, record: NewRecord): Promise<number> {
  const { repository } = workplace;
  const halt = await repository.append(record) ?? await repository.push();
  return halt === null ? 0 : printHalt(context, halt);
}

/** Prints what was done and what comes next. */
export function printDone({ io, paste }: Context, done: string, next: string): void {
  io.out.write(
    `${io.out.style.mark("ok")} ${done}\n\nNext\n  ${io.out.style.paint("accent", paste())}  ${
      io.out.style.paint("dim", next)
    }\n`,
  );
}
