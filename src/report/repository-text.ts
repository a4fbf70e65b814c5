import type { RepositoryProblem } from "../model/halt.ts";
import type { Message, NextStep, Words } from "./message.ts";
import { shellWord } from "./paste.ts";

type Texts = {
  [K in RepositoryProblem["kind"]]: (
    problem: Extract<RepositoryProblem, { kind: K }>,
    words: Words,
  ) => { title: string; details?: string[]; next: NextStep[] };
};

const texts: Texts = {
  "not-a-repository": (problem) => ({
    title: `Not a git repository: ${problem.dir}`,
    next: [
      { command: `git -C ${shellWord(problem.dir)} init`, text: "make it one, then commit what is there" },
      { text: "Or name another directory with -C DIR" },
    ],
  }),
  unreadable: (problem) => ({
    title: `git cannot read the repository at ${problem.dir}`,
    details: [problem.message],
    next: [{ command: `git -C ${shellWord(problem.dir)} status`, text: "shows the same, and often what helps" }],
  }),
  "git-missing": () => ({
    title: "git is not installed, or not on PATH",
    next: [
      { command: "sudo apt-get install git", text: "on Debian and Ubuntu" },
      { command: "xcode-select --install", text: "on macOS" },
    ],
  }),
  "git-too-old": (problem) => ({
    title: `git ${problem.version} is too old: ${problem.needed} or newer is needed`,
    next: [{ command: "git --version", text: "shows which one is found first on PATH, once a newer one is installed" }],
  }),
  "inside-lane": (problem) => ({
    title: `This is an agent's own process or lane (${problem.dir}): a loop inside of a loop is refused`,
    next: [{ text: "Start it from your own checkout, outside of any agent" }],
  }),
  bare: () => ({
    title: "This is a bare repository: it has no checkout to work on",
    next: [{ command: "git clone . ../checkout", text: "make a checkout of it, then run there" }],
  }),
  "no-commits": () => ({
    title: "The repository has no commits yet",
    next: [{ command: `git add -A && git commit -m "Initial commit"`, text: "commit what is there" }],
  }),
  "detached-without-branch": () => ({
    title: "HEAD is detached and the plan names no branchName: there is no branch to land on",
    next: [
      { command: "git switch -c my-branch", text: "make a branch here" },
      { text: `Or set "branchName" in the plan, or name one with --branch NAME` },
    ],
  }),
  "operation-in-progress": (problem) => ({
    title: `The checkout is in the middle of a ${problem.operation}`,
    next: [
      ...(problem.operation === "bisect"
        ? []
        : [{ command: `git ${problem.operation} --continue`, text: "finish it" }]),
      problem.operation === "bisect"
        ? { command: "git bisect reset", text: "end it" }
        : { command: `git ${problem.operation} --abort`, text: "or give it up" },
    ],
  }),
  "bad-branch-name": (problem) => ({
    title: `The branch cannot be called "${problem.name}": ${problem.why}`,
    next: [{ text: `Set "branchName" in the plan to a name such as "capstan/work", or give --branch NAME` }],
  }),
  "cannot-check-out": (problem) => ({
    title: `Cannot check out ${problem.branch}: uncommitted changes are in the way`,
    details: [...problem.paths, ...(problem.paths.length === 0 ? [problem.message] : [])],
    next: [
      { command: "git stash --include-untracked", text: "put the changes aside (git stash pop brings them back)" },
      { text: "Or leave the checkout alone with --no-checkout" },
    ],
  }),
  "branch-checked-out-elsewhere": (problem) => ({
    title: `Branch ${problem.branch} is checked out in another worktree: ${problem.worktree}`,
    next: [
      { command: `git -C ${shellWord(problem.worktree)} switch --detach`, text: "free it there" },
      { text: "Or run Capstan in that worktree, or give --no-checkout" },
    ],
  }),
  "branch-deleted": (problem, { paste }) => ({
    title: `Branch ${problem.branch} was deleted while the run used it`,
    next: [
      { command: `git branch ${shellWord(problem.branch)} ${problem.was}`, text: "bring it back as it was" },
      { command: paste(), text: "then start the loop again: it takes up the work of the attempt" },
    ],
  }),
  "no-remote": (problem, { paste }) => {
    const { remote, remotes, branch } = problem;
    const others = remotes.length === 0 ? "there is none" : `the remotes are ${remotes.join(", ")}`;
    return {
      title: remote === null
        ? `There is no remote that ${branch} belongs to: ${others}`
        : `There is no remote ${remote}: ${others}`,
      next: remotes.length === 0
        ? [
          { command: `git remote add ${shellWord(remote ?? "origin")} URL`, text: "name one, then start again" },
          { text: "Or leave out --push" },
        ]
        : [
          { command: paste("--push", remotes[0]!), text: "pushes there" },
          {
            command: `git config ${shellWord(`branch.${branch}.pushRemote`)} ${shellWord(remotes[0]!)}`,
            text: "makes it the branch's own",
          },
        ],
    };
  },
  "partial-clone": (problem) => ({
    title: "This is a partial clone and some of its objects could not be fetched",
    details: [problem.message],
    next: [{ command: "git fetch --refetch --no-filter", text: "complete the clone" }],
  }),
  submodule: (problem) => ({
    title: `The submodule ${problem.path} is not available locally`,
    details: [problem.message],
    next: [{ command: `git submodule update --init -- ${shellWord(problem.path)}`, text: "fetch it" }],
  }),
  "plan-outside": (problem) => ({
    title: `The plan is outside the repository: ${problem.file}`,
    details: [`The repository is ${problem.root}`],
    next: [
      { command: `mv ${shellWord(problem.file)} ${shellWord(problem.root)}`, text: "move it there" },
      { text: "Or name another plan with --plan FILE, or another directory with -C DIR" },
    ],
  }),
  "setup-failed": (problem, { paste }) => ({
    title: `The setup command failed: ${problem.command}`,
    details: [`In ${problem.dir}`, problem.output.trimEnd()],
    next: [
      { command: paste(), text: `tries again, once it works; "setup" in the plan names another command, false none` },
    ],
  }),
  "state-folder": (problem) => ({
    title: `Cannot use the state folder ${problem.dir}`,
    details: [problem.message],
    next: [
      { command: `mkdir -p ${shellWord(problem.dir)}`, text: "make it, and make it writable for you" },
      { text: "Or set XDG_STATE_HOME to a folder that you can write to" },
    ],
  }),
  disk: (problem) => ({
    title: "The disk is full, or not writable",
    details: [problem.message],
    next: [{ command: "df -h .", text: "shows what is left; nothing that has landed is lost" }],
  }),
  "not-writable": (problem) => ({
    title: "A folder that every run needs is not writable",
    details: [problem.message],
    next: [
      { text: `Make ${shellWord(problem.dir)} writable for you` },
      { text: "Or, where it is the checkout, leave that alone with --no-checkout" },
    ],
  }),
  "git-failed": (problem, { paste }) => ({
    title: `git failed: ${problem.command}`,
    details: [problem.message],
    next: [{ command: paste("doctor"), text: "looks for what is wrong" }],
  }),
};

/** Why nothing can be started in this repository, and what to do. */
export function repositoryMessage(problem: RepositoryProblem, words: Words): Message {
  const make = texts[problem.kind] as (problem: RepositoryProblem, words: Words) => ReturnType<Texts["bare"]>;
  return { mark: "bad", details: [], ...make(problem, words) };
}
