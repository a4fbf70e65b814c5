/** How deep a plan or registry may nest: far beyond any use, far from the end of the stack. */
export const maxDepth = 200;

export const tooDeep = Symbol("too deep");

/**
 * The plain value of strict JSON in which no key repeats; `undefined` when it is not that, `tooDeep` when it nests too
 * deep. The engine's own parser is many times cheaper than one that keeps positions, but it keeps the last of repeated
 * keys in silence: so the members are counted.
 */
export function readValue(body: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const members = countMembers(value, 0);
  if (members === tooDeep) return tooDeep;
  return members === countColons(body) ? value : undefined;
}

/** Counts the members of all objects in a value, and drops those called `__proto__`. */
function countMembers(value: unknown, depth: number): number | typeof tooDeep {
  if (typeof value !== "object" || value === null) return 0;
  if (depth > maxDepth) return tooDeep;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Array.isArray(value) ? value as unknown[] : Object.values(value)) {
    const below = countMembers(inner, depth + 1);
    if (below === tooDeep) return tooDeep;
    count += below;
  }
  if (Object.hasOwn(value, "__proto__")) Reflect.deleteProperty(value, "__proto__");
  return count;
}

/** Counts the members that are written in valid JSON. */
function countColons(body: string): number {
  let count = 0;
  for (let index = 0; index < body.length; index += 1) {
    const code = body.charCodeAt(index);
    if (code === 58) count += 1;
    else if (code === 34) index = endOfString(body, index);
  }
  return count;
}

function endOfString(body: string, start: number): number {
  for (let end = body.indexOf('"', start + 1); end !== -1; end = body.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (body[end - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return body.length;
}
