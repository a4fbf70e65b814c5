/** Turns chunks of bytes into lines. Never throws for what the bytes are. */
export interface LineSplitter {
  write(chunk: Buffer): void;
  /** Delivers the last line when it had no newline. */
  end(): void;
}

const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Calls `onLine` with every line, without its line break; invalid UTF-8 is replaced by U+FFFD.
 *
 * Memory stays below `maxLineBytes` plus one chunk: of a longer line the first `maxLineBytes` are delivered,
 * followed by a note of how many bytes were left out.
 */
export function splitLines(onLine: (line: string) => void, maxLineBytes: number): LineSplitter {
  let parts: Buffer[] = [];
  let kept = 0;
  let skipped = 0;

  const keep = (part: Buffer) => {
    const room = maxLineBytes - kept;
    const fitting = part.length > room ? part.subarray(0, room) : part;
    if (fitting.length > 0) parts.push(fitting);
    kept += fitting.length;
    skipped += part.length - fitting.length;
    // A line that arrives byte by byte would hold one buffer object for each.
    if (parts.length > 1024) parts = [Buffer.concat(parts)];
  };
  const deliver = () => {
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    const line = skipped === 0 ? bytes.toString("utf8", 0, withoutReturn(bytes)) : cut(bytes, skipped);
    parts = [];
    kept = 0;
    skipped = 0;
    onLine(line);
  };

  return {
    write: (chunk) => {
      let from = 0;
      for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, from)) {
        keep(chunk.subarray(from, at));
        deliver();
        from = at + 1;
      }
      if (from < chunk.length) keep(chunk.subarray(from));
    },
    end: () => {
      if (kept + skipped > 0) deliver();
    },
  };
}

function withoutReturn(line: Buffer): number {
  return line.at(-1) === carriageReturn ? line.length - 1 : line.length;
}

function cut(bytes: Buffer, skipped: number): string {
  return `${bytes.toString("utf8", 0, characterStart(bytes))} [${skipped} more bytes left out]`;
}

/** Where a multi-byte character that was cut at the end begins, so that it is left out instead of garbled. */
function characterStart(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
