import { type ParseError, printParseErrorCode } from "jsonc-parser";
import type { Problem } from "../model/plan.ts";
import type { Position } from "./lines.ts";

/**
 * The problems that a JSON parser's errors mean to a person. Comments and trailing commas leave the rest readable and
 * are listed all; after anything else only the first one is told, since what follows it is guesswork (`isFatal`).
 */
export function syntaxProblems(
  source: { body: string; file: string; position: (offset: number) => Position },
  errors: readonly ParseError[],
): { problems: Problem[]; isFatal: boolean } {
  const problems: Problem[] = [];
  const seen = new Set<number>();
  for (const error of errors) {
    if (seen.has(error.offset)) continue;
    seen.add(error.offset);
    const { line, column } = source.position(error.offset);
    const at = { file: source.file, path: "", line };
    if (printParseErrorCode(error.error) === "InvalidCommentToken") {
      const hint = "Delete the comment, or keep its text in a key such as `notes`";
      problems.push({ ...at, message: "JSON has no comments", hint });
    } else if (isTrailingComma(source.body, error.offset)) {
      problems.push({
        ...at,
        message: `A comma stands before \`${source.body[error.offset]}\``,
        hint: "Delete the comma",
      });
    } else return { problems: [{ ...at, ...explain(source, error, column) }], isFatal: true };
  }
  return { problems, isFatal: false };
}

const comment = String.raw`\/\/[^\n]*\n|\/\*[^]*?\*\/`;
const valueThenComma = new RegExp(String.raw`[\]}"\w](?:\s|${comment})*,(?:\s|${comment})*$`);

function isTrailingComma(body: string, offset: number): boolean {
  if (body[offset] !== "}" && body[offset] !== "]") return false;
  return valueThenComma.test(body.slice(Math.max(0, offset - 1000), offset));
}

function explain(
  source: { body: string; file: string },
  error: ParseError,
  column: number,
): { message: string; hint: string } {
  const { body, file } = source;
  if (/^(?:<{7}|>{7}) /m.test(body)) {
    return {
      message: "Not valid JSON: it holds the markers of a merge conflict",
      hint: "Resolve the conflict, then run again",
    };
  }
  const code = printParseErrorCode(error.error);
  const rest = body.slice(error.offset, error.offset + 2000);
  if (
    rest.trim() === "" || (code === "UnexpectedEndOfString" && error.offset + error.length >= body.trimEnd().length)
  ) {
    return {
      message: `Not valid JSON: the text ends in the middle (column ${column})`,
      hint: `The file looks cut off: finish it, or take the last committed one with \`git checkout -- ${file}\``,
    };
  }
  const found = JSON.stringify(rest.slice(0, Math.min(Math.max(error.length, 1), 20)));
  return {
    message: `Not valid JSON: ${words[code] ?? "unexpected text"}, found ${found} (column ${column})`,
    hint: "Correct the text there, then check it with `capstan validate`",
  };
}

const words: Record<string, string> = {
  InvalidSymbol: "a word that is not in double quotes",
  InvalidNumberFormat: "a number that JSON does not know",
  PropertyNameExpected: "a key in double quotes is expected",
  ValueExpected: "a value is expected",
  ColonExpected: "a colon is expected",
  CommaExpected: "a comma is expected",
  CloseBraceExpected: "`}` is expected",
  CloseBracketExpected: "`]` is expected",
  EndOfFileExpected: "the end of the file is expected",
  UnexpectedEndOfString: "a text lacks its closing quote",
  UnexpectedEndOfNumber: "a number breaks off",
  InvalidUnicode: "an escape that JSON does not know",
  InvalidEscapeCharacter: "an escape that JSON does not know",
  InvalidCharacter: "a raw control character",
};
