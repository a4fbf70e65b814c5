import { describe, expect, it } from "vitest";
import { createRedactor, secrets } from "../../src/system/redact.ts";
import { leakLines, leaksIn } from "../../src/validators/guard/secrets.ts";
import { fakeSecrets, fakeToken } from "../support/fake-secrets.ts";
import { createRig } from "./rig.ts";

const redactor = createRedactor({ SOME_TOKEN: fakeToken });
const random = "q7Rk2vX9mB4nZ8cL1wT6";

/** What the validator says about a file that comes with this text. */
function leaks(after: string, path = "src/config.ts", before: string | null = null): string[] {
  return leakLines(leaksIn([{ path, from: path, before, after }], redactor), redactor);
}

describe("a change that adds a secret is stopped", () => {
  it.each(Object.entries(fakeSecrets))("%s", (_, secret) => {
    const found = leaks(`const a = 1;\nconst b = "${secret}";\n`);
    expect(found).toEqual([expect.stringMatching(/^src\/config\.ts:2: looks like a secret \(/)]);
    expect(found.join()).not.toContain(secret.split("\n")[1] ?? secret);
  });

  it.each([
    `const apiKey = "${random}";`,
    `  "client_secret": "${random}",`,
    `DB_PASSWORD=${random}`,
    `export AUTH_TOKEN='${random}' # the real one`,
    `auth_token: ${random}`,
    `:secret => "${random}"`,
    `password := \`${random}\``,
  ])("high entropy under a name of a secret: %s", (line) => {
    const found = leaks(`${line}\n`);
    expect(found).toEqual([expect.stringContaining("high entropy")]);
    expect(found.join()).not.toContain(random);
  });

  it("a value that was given to agents, whatever it looks like and whatever a comment says", () => {
    const found = leaks(`// capstan:allow-secret\nx = ${fakeToken}\n`, "notes.md");
    expect(found).toEqual([
      "notes.md:2: looks like a secret (the value of a secret variable of the environment)\n  + x = [redacted]",
    ]);
  });
});

describe("a change is not stopped by", () => {
  it.each([
    ["a secret that was there before", `a\nkey ${fakeSecrets.github}\n`, `key ${fakeSecrets.github}\n`],
    ["one that goes", "", `key ${fakeSecrets.github}\n`],
  ])("%s", (_, after, before) => expect(leaks(after, "a.txt", before)).toEqual([]));

  it.each([
    "const apiKey = process.env.API_KEY;",
    'const apiKey = "your-api-key-goes-here-1234";',
    'apiKey: "${{ secrets.NPM_TOKEN_2024_PUBLISH }}"',
    "API_KEY=<paste your key 1234567890 here>",
    'token = "xxxxxxxxxxxxxxxxxxxxxxxx1"',
    `const cacheKey = "${random}";`,
    'const queryKey = "users.list.page.2.of.10";',
    '"i18n_key": "settings.account2.delete1.confirm"',
    'access_key_id = "AKIAIOSFODNN7EXAMPLE"',
    'token: "3f2504e0-4f89-11d3-9a0c-0305e82c3301"',
    'const tokenUrl = "https://login.test/oauth2/v2.0/token1234";',
    "secret_path=/run/secrets/db_password_2024",
    'password = readPassword("prompt1234567890")',
    'const passwordInputPlaceholder = "Enter 8 to 20 characters";',
    "const tokenizer = new Tokenizer(input1234567890abc);",
    `"integrity": "sha512-${random}${random}=="`,
    'git = "0123456789abcdef0123456789abcdef01234567"',
    "class sk-loading-spinner-with-a-long-name",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    'const session_token = "access-token-cookie-name";',
  ])("what only looks like one: %s", (line) => expect(leaks(`${line}\n`)).toEqual([]));

  it("a digest in a lock file, and what a comment says is none", () => {
    expect(leaks(`  auth-token "${random}"\n  secret: ${random}\n`, "yarn.lock")).toEqual([]);
    expect(leaks(`const t = "${fakeSecrets.github}"; // capstan:allow-secret\n`)).toEqual([]);
    expect(leaks(`# capstan:allow-secret (of the sample server)\ntoken=${random}\nother_token=${random}2\n`))
      .toHaveLength(1);
  });
});

describe("the validator", () => {
  const guarded = [{ id: "secrets", command: undefined, builtin: "secrets" as const }, { id: "any", command: "true" }];
  const given = { base: { a: "1" }, result: { a: "1", ".env": `TOKEN=${fakeSecrets.github}` }, validators: guarded };

  it("blocks with the line, without the secret, and can be allowed by the step or by the paths of an own entry", async () => {
    await using rig = await createRig();
    const found = await rig.verify(given);
    expect(found.passed).toBe(false);
    expect(found.verdicts[0]).toMatchObject({
      blocks: true,
      digest: ".env:1: looks like a secret (GitHub token)\n  + TOKEN=[redacted]",
    });
    expect((await rig.verify({ ...given, step: { allows: ["secrets"] } })).passed).toBe(true);
    const narrowed = [{ ...guarded[0]!, paths: ["**", "!**/.env"] }, guarded[1]!];
    expect((await rig.verify({ ...given, validators: narrowed })).passed).toBe(true);
    expect((await rig.verify({ ...given, base: given.result })).passed).toBe(true);
  });

  it("keeps no file with a secret in it, and everything else", async () => {
    await using rig = await createRig();
    const result = { ...given.result, a: `2\n${fakeSecrets.stripe}`, b: "2" };
    const kept = await rig.withhold({ ...given, result });
    expect(kept.tree).toEqual({ a: "1", b: "2" });
    expect(kept.changed).toEqual(["b"]);
    expect(kept.lines).toEqual([
      ".env:1: looks like a secret (GitHub token)",
      "a:2: looks like a secret (Stripe key)",
    ]);
    expect((await rig.withhold({ ...given, result: { a: "1", b: "2" } })).tree).toEqual({ a: "1", b: "2" });
    expect((await rig.withhold({ ...given, step: { allows: ["secrets"] } })).tree).toEqual(given.result);
  });

  it("knows what agents were given", async () => {
    await using rig = await createRig();
    const result = { a: `the key is ${fakeToken}-learned` };
    expect((await rig.verify({ ...given, result })).passed).toBe(true);
    secrets.learn({ AN_API_KEY: `${fakeToken}-learned` });
    const found = await rig.verify({ ...given, result });
    expect(found.verdicts[0]).toMatchObject({ blocks: true });
    expect(JSON.stringify(found)).not.toContain(fakeToken);
  });
});
