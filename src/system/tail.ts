/** The end of a stream, in bounded memory. */
export interface Tail {
  push(chunk: Buffer): void;
  /** The last bytes as text, from the first whole character on. */
  text(): string;
}

/** Keeps the last `limit` bytes. */
export function keepTail(limit: number): Tail {
  let chunks: Buffer[] = [];
  let held = 0;
  const compact = () => {
    const all = Buffer.concat(chunks);
    // A copy: a view would keep the whole of what it was cut from alive.
    const last = Buffer.from(all.subarray(Math.max(0, all.length - limit)));
    chunks = [last];
    held = last.length;
  };
  return {
    push: (chunk) => {
      chunks.push(chunk);
      held += chunk.length;
      if (held > 2 * limit + 64 * 1024 || chunks.length > 1024) compact();
    },
    text: () => {
      compact();
      const [last = Buffer.alloc(0)] = chunks;
      let start = 0;
      while (start < 3 && start < last.length && (last[start]! & 0b1100_0000) === 0b1000_0000) start++;
      return last.toString("utf8", start);
    },
  };
}
