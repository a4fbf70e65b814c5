import type { Observed } from "../loop/ports.ts";
import { look } from "./observe.ts";
import { refNames } from "./refs.ts";
import { chooseRemote } from "./remote.ts";
import { askRef, fetchRefs } from "./remote-git.ts";
import type { Repo } from "./repo.ts";

/**
 * Sees the plan here, or where it was pushed to: a fresh clone has the branch of the plan only after the start has
 * fetched it. Changes nothing but what is remembered of the remote.
 */
export async function findPlan(repo: Repo): Promise<Observed> {
  const here = await look(repo);
  // A plan that is wrong, or that was deleted in the checkout, is known.
  if (here.ok || repo.tip === null || repo.tip.texts.has(repo.place.planPath)) return here;
  if (here.halt.reason !== "invalid" || repo.parsed !== null) return here;
  const { push = false, branch } = repo.options;
  // Whoever wants neither has no plan: that is said without asking a network.
  if (push === false && branch === undefined) return here;
  const chosen = await chooseRemote(repo);
  if (!chosen.ok) return { ok: false, halt: { reason: "repository", problem: chosen.problem } };
  const { remote } = chosen;
  if (remote === null) return here;
  const ref = refNames.branch(repo.branch!);
  const asked = await askRef(repo, remote, ref);
  if (!asked.ok) return push === false ? here : unreachable(remote, asked.message);
  if (asked.oid === null) return here;
  const message = await fetchRefs(repo, remote, [`+${ref}:${refNames.seen(remote, ref)}`]);
  if (message !== null) return unreachable(remote, message);
  const there = await look(repo, asked.oid);
  // What was read of the remote is not what the branch here holds.
  repo.tip = null;
  repo.ledger = null;
  return there;
}

function unreachable(remote: string, message: string): Observed {
  return { ok: false, halt: { reason: "remote-unreachable", remote, message, begun: false } };
}
