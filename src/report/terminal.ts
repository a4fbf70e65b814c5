/** What an output can show. */
export interface Terminal {
  color: boolean;
  unicode: boolean;
  /** Whether lines can be rewritten in place. */
  live: boolean;
}

/**
 * What an output can show, from its kind and the environment. Pure.
 *
 * `NO_COLOR` (https://no-color.org) wins over `FORCE_COLOR`; `TERM=dumb` and CI have neither color nor a live view.
 */
export function terminalOf(isTty: boolean, env: Record<string, string | undefined>): Terminal {
  const dumb = env.TERM === "dumb";
  const ci = isSet(env.CI) && env.CI !== "false";
  const forced = isSet(env.FORCE_COLOR) && env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  const refused = isSet(env.NO_COLOR) || env.FORCE_COLOR === "0" || env.FORCE_COLOR === "false" || dumb;
  return { color: !refused && (isTty || forced), unicode: isUtf8(env), live: isTty && !dumb && !ci };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

/** The locale's character set, in the order in which the C library looks; CI logs without a locale are UTF-8. */
function isUtf8(env: Record<string, string | undefined>): boolean {
  const locale = [env.LC_ALL, env.LC_CTYPE, env.LANG].find(isSet);
  if (locale === undefined) return isSet(env.CI) || isSet(env.TERM_PROGRAM);
  return /utf-?8/i.test(locale);
}
