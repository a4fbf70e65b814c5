/** What an agent says about its own work in its final message: hints, never proof. */
export interface Markers {
  saidComplete: boolean;
  question?: string;
}

const maxQuestion = 4_000;

/**
 * Reads `<promise>COMPLETE</promise>` and `<gate>question</gate>` from a final message.
 *
 * A marker counts only as a line (or lines) of its own or at the very end, outside code and quotations, and not where the message repeats
 * the brief: an agent that explains the markers has not used them.
 */
export function markersIn(finalText: string, brief = ""): Markers {
  const echoed = brief.trim();
  const spoken = withoutQuotations(echoed === "" ? finalText : finalText.replaceAll(echoed, ""));
  const questions = [...spoken.matchAll(/(?:^|\n)[ \t]*<gate>([\s\S]*?)<\/gate>[ \t]*(?=\n|$)/g)];
  const question = (questions.at(-1)?.[1] ?? "").trim().slice(0, maxQuestion);
  const saidComplete = /(?:^|\n)[ \t]*<promise>\s*COMPLETE\s*<\/promise>[ \t]*(?=\n|$)/.test(spoken) ||
    /<promise>\s*COMPLETE\s*<\/promise>\s*$/.test(spoken);
  return { saidComplete, ...(question === "" ? {} : { question }) };
}

/** The text without fenced code, inline code and block quotations. An unclosed fence runs to the end. */
function withoutQuotations(text: string): string {
  const kept: string[] = [];
  let fence: string | null = null;
  for (const line of text.split("\n")) {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (fence !== null) {
      if (mark !== undefined && mark.startsWith(fence)) fence = null;
      continue;
    }
    if (mark !== undefined) fence = mark.slice(0, 3);
    else if (!/^\s*>/.test(line)) kept.push(line);
  }
  return kept.join("\n").replace(/`[^`\n]*`/g, "");
}
