import { globMatcher } from "../../model/glob.ts";
import { isTestFile } from "../test-files.ts";
import { addedLines, type FileChange, likeness, type Line, linesOf } from "./changes.ts";
import { type TestLanguage, testLanguages, testName } from "./patterns.ts";

/** Something that the change loosens. `sign` says whether the line is one of before (`-`) or of after (`+`). */
export interface Loosening {
  allows: "tests" | "lint" | "ci" | "coverage";
  path: string;
  what: string;
  sign: "-" | "+";
  line: Line;
}

interface Test {
  name: string;
  line: Line;
  /** From its first line to the next test. */
  body: string[];
  /** How many lines of it can fail. */
  assertions: number;
}

const languages = testLanguages.map((language) => ({ language, matches: globMatcher(language.files) }));

/** Tests that a change deletes, empties, skips, or leaves out by running others alone. Moved and renamed ones are kept. */
export function loosenedTests(changes: readonly FileChange[]): Loosening[] {
  const read = changes.map((change) => {
    const [before, after] = [testsIn(change.from, change.before), testsIn(change.path, change.after)];
    return { change, before, after, vanished: before.filter(({ name }) => !has(after, name)) };
  });
  const appeared = read.flatMap(({ before, after }) => after.filter(({ name }) => !has(before, name)));
  return read.flatMap(({ change, before, after, vanished }) => {
    const { path, from } = change;
    const gone = vanished.filter((test) => !isReplaced(test, appeared));
    const isLost = change.after === null && gone.length === 0 && before.length === 0 && testName.test(baseOf(path));
    const isHidden = from !== path && before.length > 0 && after.length === 0;
    const found: Loosening[] = [
      ...gone.map(({ line }) => loosening(from, "deletes a test", "-", line)),
      ...emptied(before, after).map(({ line }) => loosening(path, "empties a test", "+", line)),
      ...isLost ? [loosening(path, "deletes a test file", "-", { at: 1, text: linesOf(change.before)[0] ?? "" })] : [],
      ...isHidden ? [loosening(from, `makes no test file of it (${path})`, "-", before[0]!.line)] : [],
    ];
    // Its tests are gone for one reason: it is not taken for a test file any more.
    return [...isHidden ? found.slice(-1) : found, ...switchedOff(change)];
  });
}

function loosening(path: string, what: string, sign: "-" | "+", line: Line): Loosening {
  return { allows: "tests", path, what, sign, line };
}

function has(tests: readonly Test[], name: string): boolean {
  return tests.some((test) => test.name === name);
}

/** The same test under another name or in another file: takes one away from those that appeared. */
function isReplaced(test: Test, appeared: Test[]): boolean {
  const at = appeared.findIndex(({ name, body }) =>
    name === test.name || likeness(test.body.slice(1).join("\n"), body.slice(1).join("\n")) >= 0.5
  );
  if (at !== -1) appeared.splice(at, 1);
  return at !== -1;
}

function emptied(before: readonly Test[], after: readonly Test[]): Test[] {
  return after.filter((test) => {
    const old = before.find(({ name }) => name === test.name);
    return old !== undefined && old.assertions > 0 && test.assertions === 0;
  });
}

/** Added lines that skip or focus. A line that says when, or that an `if` stands before, is a condition. */
function switchedOff(change: FileChange): Loosening[] {
  const language = languageOf(change.path);
  if (language === null || change.after === null) return [];
  const lines = linesOf(change.after);
  return addedLines(change).flatMap((line) => {
    if (language.comment.test(line.text)) return [];
    if (language.focus?.test(line.text)) return [loosening(change.path, "runs only some tests", "+", line)];
    if (!language.skip.test(line.text) || isConditional(lines, line)) return [];
    return [loosening(change.path, "skips a test", "+", line)];
  });
}

function isConditional(lines: readonly string[], { at, text }: Line): boolean {
  const before = lines.slice(0, at - 1).findLast((line) => line.trim() !== "") ?? "";
  return [before, text].some((line) =>
    /^\s*(?:\}?\s*else\s+)?(?:(?:if|unless|elif|case)\b|\[\[?\s).*[^;]$|&&\s*skip\b/.test(line)
  );
}

function testsIn(path: string, text: string | null): Test[] {
  const language = languageOf(path);
  if (language === null || text === null) return [];
  const lines = linesOf(text.replaceAll(/^[ \t]*\/\*[\s\S]*?\*\//gm, (block) => block.replaceAll(/[^\n]/g, "")));
  const starts: { name: string; at: number }[] = [];
  let marked = language.mark === undefined;
  lines.forEach((line, index) => {
    if (language.comment.test(line)) return;
    if (language.mark?.test(line)) marked = true;
    const match = marked ? language.test.exec(line) : null;
    if (match === null) return;
    marked = language.mark === undefined;
    starts.push({ name: match.slice(1).find((group) => group !== undefined) ?? line.trim(), at: index });
  });
  return starts.map(({ name, at }, index) => {
    const body = lines.slice(at, starts[index + 1]?.at).filter((line) => !language.comment.test(line));
    const assertions = body.filter((line) => language.assert.test(line) && !language.trivial?.test(line)).length;
    return { name, line: { at: at + 1, text: lines[at]! }, body, assertions };
  });
}

function languageOf(path: string): TestLanguage | null {
  const found = languages.find(({ matches }) => matches(path))?.language;
  return found !== undefined && (found.anywhere || isTestFile(path)) ? found : null;
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
