import type { FileSpec } from "../../test/support/repo.ts";
import type { World } from "./world.ts";

/** One hostile or broken agent: what it attempts, the program, and how one sees that it got through. */
export interface Hostile {
  name: string;
  /** The breach, to be read after "attempts to". */
  attempts: string;
  /**
   * What it runs, by `sh -c` in its lane. `$REPO`, `$GIT`, `$BASE`, `$PERSON` and `$STATE` stand for the checkout, its git
   * folder, the folder around everything, the person's home and the state folder of this repository.
   */
  script: string;
  /** It leaves its lane by absolute path: without a sandbox only what is put back is held (`undone`). */
  leaves?: true;
  undone?: true;
  /** It does the step's work too, so that it may land. */
  works?: true;
  /** Other paths that may land with it. */
  lands?: readonly string[];
  /** @default {1} */
  maxAttempts?: number;
  step?: Record<string, unknown>;
  plan?: Record<string, unknown>;
  files?: Record<string, FileSpec>;
  validators?: Record<string, string | Record<string, unknown>>;
  /** Beside what must hold after every agent: a sentence when it got through. */
  breached?(world: World): Promise<string | null>;
}

/** The step's work, done honestly. */
export const work = "echo one > one.txt";
