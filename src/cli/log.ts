import type { Context } from "./context.ts";
import { look } from "./look.ts";
import { recordLine } from "./record-text.ts";

/** Shows what happened to this plan, newest last, in the reader's time zone. */
export async function log(context: Context, flags: { json?: boolean; lines?: number }): Promise<number> {
  const looked = await look(context, { readOnly: true });
  if (!looked.ok) return looked.code;
  const history = await looked.workplace.repository.history();
  const records = history.filter((record) => record.kind !== "snapshot").slice(-(flags.lines ?? history.length));
  const { out } = context.io;
  if (flags.json === true) {
    out.write(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    return 0;
  }
  if (records.length === 0) out.write("Nothing has happened yet\n");
  out.write(
    records.map((record) => `${out.style.paint("dim", localTime(record.at))} ${recordLine(record, out.style)}\n`).join(
      "",
    ),
  );
  return 0;
}

/** `2026-01-02 03:04` where the reader is. */
export function localTime(iso: string): string {
  const at = new Date(iso);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${
    two(at.getMinutes())
  }`;
}
