/** What a person needs besides the list of commands and options. Exit codes as in `src/model/halt.ts`. */
export const exitCodeHelp = `Exit codes:
  0    every step passes
  2    usage, plan, registry or repository state invalid: nothing was started
  3    a person must decide or answer (approve, reject, answer)
  4    blocked: a step is out of attempts, its breaker is open, it cannot be verified or set up, or waits for ever
  5    a limit of the run or the day was reached with work left (iterations, time, money, tokens)
  6    no usable agent: none installed, not logged in, or limited for too long
  7    landing impossible: branch diverged or gone, push refused, checkout in the way, disk full
  70   internal error
  75   another run holds the lock
  130  stopped by Ctrl-C (143: SIGTERM, 129: SIGHUP), work kept`;

/** Commands as the person would write them. */
export function exampleHelp(command: (...words: string[]) => string): string {
  const examples: [string, string][] = [
    [command(), "work until every step passes or a person is needed"],
    [command("--once"), "one iteration"],
    [command("--max-time", "2h", "--push"), "a night's work: two hours at most, pushed"],
    [command("--limit", "day.usd=20"), "20 dollars a day, whatever was started when"],
    [command("--dry-run", "--step", "US-003"), "what would be sent, without sending it"],
    [command("status"), "where every step stands"],
    [command("approve", "US-004"), "open a gate"],
    [command("answer", "US-003", "Use UTC everywhere"), "answer an agent's question"],
    [command("init"), "start in your own repository"],
  ];
  const width = Math.max(...examples.map(([words]) => words.length));
  return `Examples:\n${examples.map(([words, meaning]) => `  ${words.padEnd(width)}  ${meaning}`).join("\n")}`;
}
