/** How one kind of secret looks. */
export interface SecretPattern {
  /** For people. */
  what: string;
  /** Matches the secret itself, or, where there is a first group, that is what stays of the match. */
  pattern: RegExp;
  /** `false` for what is hidden wherever it is printed, but is too often harmless in a file to stop a change. */
  stops: boolean;
}

const stops = true;

/** Keys and tokens of the usual providers. They have no blank in them, so that a stream can be cut at blanks. */
const shapes: readonly SecretPattern[] = [
  { what: "AWS access key", pattern: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/g, stops },
  { what: "Google API key", pattern: /\bAIza[\w-]{35}(?![\w-])/g, stops },
  { what: "Google OAuth token", pattern: /\bya29\.[\w-]{20,}/g, stops },
  { what: "Google OAuth client secret", pattern: /\bGOCSPX-[\w-]{28}/g, stops },
  { what: "Azure storage key", pattern: /\bAccountKey=[A-Za-z\d+/]{86}==/g, stops },
  { what: "GitHub token", pattern: /\bgh[pousr]_[A-Za-z\d]{36,255}\b|\bgithub_pat_\w{60,255}\b/g, stops },
  { what: "GitLab token", pattern: /\bgl(?:pat|dt|rt|ptt|cbt)-[\w-]{20,}/g, stops },
  { what: "Slack token", pattern: /\bxox[abeoprs]-[\w-]{10,}|\bxapp-\d-[\w-]{10,}/g, stops },
  { what: "Slack webhook", pattern: /\bhooks\.slack\.com\/services\/T\w{6,}\/B\w{6,}\/\w{20,}/g, stops },
  { what: "Discord webhook", pattern: /\bdiscord(?:app)?\.com\/api\/webhooks\/\d{15,}\/[\w-]{50,}/g, stops },
  { what: "Stripe key", pattern: /\b(?:[rs]k_(?:live|test)|whsec)_[A-Za-z\d]{16,}/g, stops },
  { what: "Anthropic key", pattern: /(?<![\w-])sk-ant-[\w-]{20,}/g, stops },
  {
    what: "OpenAI key",
    pattern: /(?<![\w-])sk-(?=[\w-]*\d)(?=[\w-]*[A-Z])(?:proj-|svcacct-|admin-|or-v1-)?[\w-]{20,}/g,
    stops,
  },
  { what: "npm token", pattern: /\bnpm_[A-Za-z\d]{36}\b/g, stops },
  { what: "PyPI token", pattern: /\bpypi-AgE[\w-]{50,}/g, stops },
  { what: "Hugging Face token", pattern: /\bhf_[A-Za-z\d]{34,}\b/g, stops },
  { what: "SendGrid key", pattern: /\bSG\.[\w-]{22}\.[\w-]{43}(?![\w-])/g, stops },
  { what: "Twilio key", pattern: /\bSK[\da-f]{32}\b/g, stops },
  { what: "DigitalOcean token", pattern: /\bdo[opr]_v1_[\da-f]{64}\b/g, stops },
  { what: "Telegram token", pattern: /\b\d{8,10}:AA[\w-]{33}(?![\w-])/g, stops },
  { what: "HashiCorp Vault token", pattern: /\bhv[sbr]\.[\w-]{24,}/g, stops },
  { what: "Databricks token", pattern: /\bdapi[\da-f]{32}\b/g, stops },
  { what: "Linear key", pattern: /\blin_api_[A-Za-z\d]{40}\b/g, stops },
  {
    what: "private key",
    pattern:
      /-----BEGIN (?:[A-Z\d]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\w\s+/=\\:,.-]){0,16384}(?:-----END (?:[A-Z\d]+ )*PRIVATE KEY(?: BLOCK)?-----)?/g,
    stops,
  },
  { what: "JSON web token", pattern: /(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/g, stops: false },
  {
    what: "credentials in a URL",
    pattern: /(\bhttps?:\/\/)[^\s/@"'`<>]+@/g,
    stops: false,
  },
  {
    what: "credentials in a URL",
    pattern: /(\b[a-z][a-z\d+.-]{0,20}:\/\/)[^\s/:@"'`<>]*:[^\s/@"'`<>]+@/g,
    stops: false,
  },
];

/**
 * In raw JSON a line break is `\\n`: its letter is no part of the word after it. Runs that may be long begin only where no
 * other one does, so that each is looked at once.
 */
export const secretPatterns: readonly SecretPattern[] = shapes.map(({ pattern, ...shape }) => ({
  ...shape,
  pattern: new RegExp(
    pattern.source
      .replaceAll(/(^|\|)\\b/g, "$1(?:\\b|(?<=\\\\[nrt]))")
      .replaceAll("(?<![\\w-])", "(?:(?<![\\w-])|(?<=\\\\[nrt]))"),
    pattern.flags,
  ),
}));

/** Where one of them may be: a text without any of these needs no closer look. */
export const secretHint =
  /AKIA|ASIA|ABIA|ACCA|AIza|ya29|GOCSPX|AccountKey|gh[pousr]_|github_pat|gl(?:pat|dt|rt|ptt|cbt)-|xox|xapp-|hooks\.slack|webhooks|k_live|k_test|whsec|sk-|npm_|pypi-|hf_|SG\.|SK|_v1_|:AA|hv[sbr]\.|dapi|lin_api|-----BEGIN|eyJ|:\/\/[^\s/]*@/;

/** Variables of the environment whose values are secrets. */
export const secretName = /KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL/i;

/** Names under which a text of high entropy is a secret: `apiKey: "…"`, `DB_PASSWORD=…`. A mere `key` is not. */
export const secretAssignment =
  /(?:^|[^A-Za-z])((?:[\w.-]*[_.-])?(?:api|access|auth|secret|private|client|encryption|signing|session|master|admin|service|webhook|bearer|refresh|db|database|jwt)?[_-]?(?:key|token|secret|passwo?r?d|passphrase|credentials?)(?:[_-]?(?:value|base64|b64|id))?)["']?\s*(?:=>|:=|[:=])\s*(?:(["'`])([^"'`\s]{16,512})\2|([^\s"'`#;,]{16,512})\s*(?:[#;,]|$))/gi;

/** Values that stand for a secret and are none. */
export const placeholder =
  /example|sample|dummy|placeholder|change.?me|your.|redacted|x{4,}|\*{3,}|\.{3}|<.*>|\$\{|\{\{|\$\(|process\.env|os\.environ|getenv|secrets\.|^test|fake|mock|^\$|^%|^[a-z]+(?:[-_.][a-z]+)+$/i;

/** Files that hold digests of others and nothing that a person wrote. */
export const digestFiles = [
  "**/{package-lock.json,npm-shrinkwrap.json,yarn.lock,pnpm-lock.yaml,bun.lock,deno.lock,Cargo.lock,poetry.lock,uv.lock}",
  "**/{Pipfile.lock,Gemfile.lock,composer.lock,go.sum,flake.lock,Package.resolved,packages.lock.json,gradle.lockfile}",
];

/** In a line, or in the one above it: what looks like a secret there is none. */
export const allowComment = "capstan:allow-secret";
