/**
 * One made-up secret of each kind, put together here so that no scanner takes this file for a leak.
 * Each is a text as it may stand in a file, and the part of it that must never be shown.
 */
const mixed = (length: number) => "aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW0xY".repeat(8).slice(0, length);
const hex = (length: number) => "0123456789abcdef".repeat(8).slice(0, length);
const upper = (length: number) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".slice(0, length);

const secretly = "private".toUpperCase();

export const fakeSecrets: Readonly<Record<string, string>> = {
  aws: `AKIA${upper(16)}`,
  google: `AIza${mixed(35)}`,
  "google oauth": `ya29.${mixed(40)}`,
  azure: `AccountKey=${mixed(86)}==`,
  github: `ghp_${mixed(36)}`,
  "github fine-grained": `github_pat_${mixed(82)}`,
  gitlab: `glpat-${mixed(20)}`,
  slack: `xoxb-${hex(12)}-${mixed(24)}`,
  "slack webhook": `hooks.slack.com/services/T${upper(8)}/B${upper(8)}/${mixed(24)}`,
  stripe: `sk_live_${mixed(24)}`,
  anthropic: `sk-ant-api03-${mixed(80)}`,
  openai: `sk-proj-${mixed(60)}`,
  npm: `npm_${mixed(36)}`,
  pypi: `pypi-AgE${mixed(60)}`,
  huggingface: `hf_${mixed(34)}`,
  sendgrid: `SG.${mixed(22)}.${mixed(43)}`,
  twilio: `SK${hex(32)}`,
  digitalocean: `dop_v1_${hex(64)}`,
  telegram: `123456789:AA${mixed(33)}`,
  vault: `hvs.${mixed(30)}`,
  "private key": `-----BEGIN RSA ${secretly} KEY-----\n${
    Array.from({ length: 20 }, () => mixed(64)).join("\n")
  }\n-----END RSA ${secretly} KEY-----`,
};

/** Seen by nobody but the process that gets it, like a real one. */
export const fakeToken = `${mixed(12)}-known-by-value`;
