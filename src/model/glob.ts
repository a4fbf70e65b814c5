/**
 * A matcher of repository-relative paths (`/` separators) against globs: the one meaning of a glob in Capstan.
 *
 * `*` and `?` stay inside a segment, `**` spans segments (none included), `[a-z]`, `[!a]` and `{a,b}` work, `\` escapes.
 * Dotfiles match like other files. A glob whose last segment has no wildcard also matches everything below it, so `src`
 * and `src/` name a folder. A glob that starts with `!` takes paths away from what the others match. Case counts.
 */
export function globMatcher(globs: readonly string[]): (path: string) => boolean {
  const wanted = globs.filter((glob) => !glob.startsWith("!")).map(globToRegExp);
  const unwanted = globs.filter((glob) => glob.startsWith("!")).map((glob) => globToRegExp(glob.slice(1)));
  return (path) => wanted.some((glob) => glob.test(path)) && !unwanted.some((glob) => glob.test(path));
}

function globToRegExp(glob: string): RegExp {
  const segments = glob.split("/").filter((segment) => segment !== "" && segment !== ".");
  let groups = 0;
  const once: Once = (source) => {
    groups += 1;
    return `(?=(?<g${groups}>${source}))\\k<g${groups}>`;
  };
  const parts = splitBraces(segments.join("/")).map((part) => oneToSource(part, once));
  return new RegExp(`^(?:${parts.join("|")})$`, "s");
}

/**
 * The source of a group that keeps its first match. What stands between two wildcards is best found as far left as it
 * can be, so nothing is lost; trying the other places too would take hours for one long path and a handful of stars.
 */
type Once = (source: string) => string;

/** Expands `{a,b}` into whole globs, so that an alternative may hold slashes. Unbalanced braces stand for themselves. */
function splitBraces(glob: string): string[] {
  const open = firstUnescaped(glob, "{");
  if (open === -1) return [glob];
  const pieces: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < glob.length; at++) {
    const char = glob[at];
    if (char === "\\") at++;
    else if (char === "{") depth++;
    else if (char === "," && depth === 1) {
      pieces.push(glob.slice(from, at));
      from = at + 1;
    } else if (char === "}" && --depth === 0) {
      if (pieces.length === 0) break;
      pieces.push(glob.slice(from, at));
      const [head, tail] = [glob.slice(0, open), glob.slice(at + 1)];
      return pieces.flatMap((piece) => splitBraces(head + piece + tail));
    }
  }
  return splitBraces(`${glob.slice(0, open)}\\{${glob.slice(open + 1)}`);
}

function firstUnescaped(glob: string, wanted: string): number {
  for (let at = 0; at < glob.length; at++) {
    if (glob[at] === "\\") at++;
    else if (glob[at] === wanted) return at;
  }
  return -1;
}

function oneToSource(glob: string, once: Once): string {
  const segments = glob.split("/");
  const runs: string[][] = [[]];
  for (const segment of segments) {
    if (segment === "**") runs.push([]);
    else runs.at(-1)!.push(segment);
  }
  const [first = [], ...others] = runs.map((run) => run.map((segment) => segmentToSource(segment, once)));
  const rest = others.pop();
  const tail = /[*?[]/.test((segments.at(-1) ?? "").replaceAll(/\\./g, "")) ? "" : "(?:/.*)?";
  if (rest === undefined) return first.join("/") + tail;
  const middle = others.filter((run) => run.length > 0).map((run) => once(`(?:[^/]+/)*?${folders(run)}`));
  return folders(first) + middle.join("") + (rest.length === 0 ? ".+" : `(?:[^/]+/)*${rest.join("/")}${tail}`);
}

function folders(sources: readonly string[]): string {
  return sources.map((source) => `${source}/`).join("");
}

function segmentToSource(segment: string, once: Once): string {
  const pieces = [""];
  for (let at = 0; at < segment.length; at++) {
    const char = segment[at]!;
    let source = literal(char);
    if (char === "*") {
      while (segment[at + 1] === "*") at++;
      pieces.push("");
      continue;
    }
    if (char === "?") source = "[^/]";
    else if (char === "\\" && at + 1 < segment.length) source = literal(segment[++at]!);
    else if (char === "[") {
      const close = segment.indexOf("]", at + 2);
      if (close !== -1) {
        source = classToSource(segment.slice(at + 1, close));
        at = close;
      }
    }
    pieces.push(pieces.pop()! + source);
  }
  const [first = "", ...others] = pieces;
  const last = others.pop();
  if (last === undefined) return first;
  return `${first}${others.map((piece) => once(`[^/]*?${piece}`)).join("")}[^/]*${last}`;
}

function classToSource(body: string): string {
  const negated = /^[!^]/.test(body);
  const chars = (negated ? body.slice(1) : body).replaceAll(/[\\\]^[]/g, "\\$&");
  try {
    const source = `[${negated ? "^/" : ""}${chars}]`;
    void new RegExp(source);
    return source;
  } catch {
    return literal(`[${body}]`);
  }
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
