/** A plan as it is found in another tool's file, before it gets our keys and missing ids. */
export interface Found {
  root: Record<string, unknown>;
  steps: Record<string, unknown>[];
  /** Shell commands that check the whole plan. */
  commands: string[];
  changes: string[];
}

interface Heading {
  level: number;
  text: string;
}

const storyHeading = /^\[?([A-Za-z][A-Za-z0-9]*-\d[\w.]*)\]?\s*[:.–—-]+\s*(.+)$/;
const taskHeading = /^(Task|Iteration|Step|Story|Phase)\s+(\d[\w.]*)\s*[:.–—-]*\s*(.*)$/i;
const checkbox = /^(\s*)(?:[-*+]|\d+[.)])\s+\[([ xX/~-])\]\s+(.+)$/;
const bullet = /^\s*(?:[-*+]|\d+[.)])\s+(.+)$/;
const label = /^(?:[-*]\s+)?\*\*([A-Za-z ]+?):?\*\*:?\s*(.*)$/;
const laterSection = /\b(?:optional|future|nice to have|out of scope|non-goals?)\b/i;

/**
 * Reads a markdown plan: stories (`### US-001: Title`), ralphex tasks (`### Task 1: Title`, `## Validation Commands`), or,
 * where it has neither, a checklist whose nested lines are the criteria.
 */
export function readMarkdown(text: string): Found {
  const lines = withoutFences(text.replace(/^\uFEFF/, "").split(/\r?\n/));
  const root = readRoot(lines);
  const commands = readCommands(lines);
  const stories = readStories(lines);
  if (stories.length > 0) {
    return { root, steps: stories, commands, changes: ["Headings are read as steps, their checklists as criteria"] };
  }
  const { steps, skipped } = readChecklist(lines);
  const changes = steps.length === 0 ? [] : ["The checklist is read as steps"];
  return {
    root,
    steps,
    commands,
    changes: [...changes, ...skipped.map((heading) => `The section "${heading}" is left out`)],
  };
}

/** What stands in a code fence is an example, no part of the plan. */
function withoutFences(lines: readonly string[]): string[] {
  let isFenced = false;
  return lines.map((line) => {
    const isFence = /^\s*(?:```|~~~)/.test(line);
    if (isFence) isFenced = !isFenced;
    return isFence || isFenced ? "" : line;
  });
}

function headingOf(line: string): Heading | null {
  const match = /^(#{1,6})\s+(.+?)\s*#*\s*$/.exec(line);
  return match === null ? null : { level: match[1]?.length ?? 1, text: match[2] ?? "" };
}

function readRoot(lines: readonly string[]): Record<string, unknown> {
  const at = lines.findIndex((line) => headingOf(line)?.level === 1);
  const title = headingOf(lines[at] ?? "")?.text.replace(
    /^(?:PRD|Plan|Product Requirements(?: Document)?)\s*[:–—-]\s*/i,
    "",
  );
  const overview = lines.findIndex((line) =>
    /^(?:introduction|overview|goal|summary)\b/i.test(headingOf(line)?.text ?? "")
  );
  const description = paragraphAfter(lines, at) || (overview === -1 ? "" : paragraphAfter(lines, overview));
  return { ...title === undefined ? {} : { project: title }, ...description === "" ? {} : { description } };
}

function paragraphAfter(lines: readonly string[], heading: number): string {
  const start = lines.findIndex((line, index) => index > heading && line.trim() !== "");
  if (heading === -1 || start === -1) return "";
  const rest = lines.slice(start);
  const end = rest.findIndex((line) => line.trim() === "" || headingOf(line) !== null || checkbox.test(line));
  return rest.slice(0, end === -1 ? rest.length : end).map((line) => line.trim()).join(" ");
}

function readCommands(lines: readonly string[]): string[] {
  const at = lines.findIndex((line) => /^(?:validation commands|quality gates)\b/i.test(headingOf(line)?.text ?? ""));
  if (at === -1) return [];
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => headingOf(line) !== null);
  return rest.slice(0, end === -1 ? rest.length : end).flatMap((line) => {
    const command = bullet.test(line) ? /`([^`]+)`/.exec(line)?.[1] : undefined;
    return command === undefined ? [] : [command.trim()];
  });
}

interface Story extends Record<string, unknown> {
  id: string;
  title: string;
  description: string;
  acceptanceCriteria: string[];
  passes: boolean;
}

function readStories(lines: readonly string[]): Story[] {
  const stories: Story[] = [];
  let body: string[] | null = null;
  let level = 0;
  const bodies: string[][] = [];
  for (const line of lines) {
    const heading = headingOf(line);
    const named = heading === null || heading.level === 1 ? null : storyName(heading.text);
    if (heading !== null && named !== null) {
      stories.push({ ...named, description: "", acceptanceCriteria: [], passes: false });
      body = [];
      level = heading.level;
      bodies.push(body);
    } else if (heading !== null && heading.level <= level) body = null;
    else body?.push(line);
  }
  return stories.map((story, index) => ({ ...story, ...readStory(bodies[index] ?? []) }));
}

function storyName(text: string): { id: string; title: string } | null {
  const [, id, title] = storyHeading.exec(text) ?? [];
  if (id !== undefined && title !== undefined) return { id, title };
  const [, word, number, rest] = taskHeading.exec(text) ?? [];
  if (word === undefined || number === undefined) return null;
  return { id: `${word.toLowerCase()}-${number}`, title: rest === undefined || rest === "" ? text : rest };
}

function readStory(lines: readonly string[]): Partial<Story> {
  const description: string[] = [];
  const acceptanceCriteria: string[] = [];
  const extra: Record<string, unknown> = {};
  let isAllDone = true;
  let under = "description";
  for (const line of lines) {
    const [, name, rest = ""] = label.exec(line) ?? [];
    const box = checkbox.exec(line);
    const item = bullet.exec(line)?.[1];
    if (box !== null) {
      acceptanceCriteria.push(box[3] ?? "");
      isAllDone &&= box[2]?.toLowerCase() === "x";
    } else if (name !== undefined) {
      under = name.toLowerCase();
      const ids = [...rest.matchAll(/[A-Za-z][A-Za-z0-9]*-\d[\w]*/g)].map(([id]) => id);
      if (under.startsWith("depend") && ids.length > 0) extra["needs"] = ids;
      else if (under === "priority" && /^\d+/.test(rest)) extra["priority"] = Number.parseInt(rest, 10);
      else if (under === "description" && rest !== "") description.push(rest);
    } else if (item !== undefined && under.startsWith("acceptance")) {
      acceptanceCriteria.push(item);
      isAllDone = false;
    } else if (under === "description" && line.trim() !== "") description.push(line.trim());
  }
  return {
    ...extra,
    description: description.join("\n"),
    acceptanceCriteria,
    passes: isAllDone && acceptanceCriteria.length > 0,
  };
}

function readChecklist(lines: readonly string[]): { steps: Record<string, unknown>[]; skipped: string[] } {
  const steps: { title: string; acceptanceCriteria: string[]; passes: boolean; indent: number }[] = [];
  const skipped = new Set<string>();
  let later: string | null = null;
  for (const line of lines) {
    const heading = headingOf(line);
    if (heading !== null) later = laterSection.test(heading.text) ? heading.text : null;
    const box = checkbox.exec(line);
    const last = steps.at(-1);
    const indent = box?.[1]?.replaceAll("\t", "    ").length ?? 0;
    if (later !== null && box !== null) skipped.add(later);
    else if (box === null || later !== null) {
      const nested = /^\s{2,}/.test(line) ? bullet.exec(line)?.[1] : undefined;
      if (nested !== undefined && later === null) last?.acceptanceCriteria.push(nested);
    } else if (last !== undefined && indent > last.indent) last.acceptanceCriteria.push(box[3] ?? "");
    else steps.push({ title: box[3] ?? "", acceptanceCriteria: [], passes: box[2]?.toLowerCase() === "x", indent });
  }
  return { steps: steps.map(({ indent: _indent, ...step }) => step), skipped: [...skipped] };
}
