/**
 * Every group of nodes that wait for each other, as one cycle of indexes per group: each needs the next, the last needs
 * the first. Linear in nodes and edges, and safe for chains of any length.
 */
export function findCycles(edges: readonly (readonly number[])[]): number[][] {
  return components(edges)
    .filter((group) => group.length > 1 || edges[at(group, 0)]?.includes(at(group, 0)))
    .map((group) => cycleIn(edges, group))
    .toSorted((a, b) => at(a, 0) - at(b, 0));
}

/** Tarjan's strongly connected components, with an explicit stack instead of recursion. */
function components(edges: readonly (readonly number[])[]): number[][] {
  const order = new Int32Array(edges.length).fill(-1);
  const low = new Int32Array(edges.length);
  const isOpen = new Uint8Array(edges.length);
  const open: number[] = [];
  const found: number[][] = [];
  let count = 0;
  const enter = (node: number): { node: number; next: number } => {
    order[node] = low[node] = count;
    count += 1;
    open.push(node);
    isOpen[node] = 1;
    return { node, next: 0 };
  };
  for (let start = 0; start < edges.length; start += 1) {
    if (at(order, start) !== -1) continue;
    const work = [enter(start)];
    for (let frame = work.at(-1); frame !== undefined; frame = work.at(-1)) {
      const { node } = frame;
      const target = edges[node]?.[frame.next];
      frame.next += 1;
      if (target !== undefined) {
        if (at(order, target) === -1) work.push(enter(target));
        else if (isOpen[target] === 1) low[node] = Math.min(at(low, node), at(order, target));
        continue;
      }
      work.pop();
      const parent = work.at(-1)?.node;
      if (parent !== undefined) low[parent] = Math.min(at(low, parent), at(low, node));
      if (low[node] !== order[node]) continue;
      const group = open.splice(open.lastIndexOf(node));
      for (const member of group) isOpen[member] = 0;
      found.push(group);
    }
  }
  return found;
}

/** The shortest way from the group's first node back to itself. */
function cycleIn(edges: readonly (readonly number[])[], group: readonly number[]): number[] {
  const first = group.reduce((least, node) => Math.min(least, node));
  const members = new Set(group);
  const from = new Map<number, number>();
  const queue = [first];
  for (let head = 0; head < queue.length; head += 1) {
    const node = at(queue, head);
    for (const target of edges[node] ?? []) {
      if (target === first) return pathTo(node, from);
      if (!members.has(target) || from.has(target)) continue;
      from.set(target, node);
      queue.push(target);
    }
  }
  throw new Error("Internal error: a strongly connected group without a cycle");
}

function pathTo(end: number, from: ReadonlyMap<number, number>): number[] {
  const path = [end];
  for (let node = from.get(end); node !== undefined; node = from.get(node)) path.push(node);
  return path.toReversed();
}

function at(list: ArrayLike<number>, index: number): number {
  const value = list[index];
  if (value === undefined) throw new RangeError(`Internal error: no element ${index}`);
  return value;
}
