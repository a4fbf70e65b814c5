/** Makes a command that can be pasted into a shell: `paste("approve", "US-004")`. */
export type Paste = (...words: string[]) => string;

/**
 * Commands in the form in which the person started Capstan: `capstan`, `npx capstan`, `npm run loop --` and the like,
 * with the options (`-C`, `--plan`) that every later command needs too.
 */
export function pasteFor(invocation: string): Paste {
  // `npm run loop --` without arguments is `npm run loop`.
  return (...words) => words.length === 0 ? invocation.replace(/ --$/, "") : withWords(invocation, words);
}

/** An invocation with more words behind it, quoted for a shell. */
export function withWords(invocation: string, words: readonly string[]): string {
  return [invocation, ...words.map(shellWord)].join(" ");
}

/** A word as a POSIX shell reads it back unchanged. */
export function shellWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  if (!/["$`\\!\n]/.test(word)) return `"${word}"`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
