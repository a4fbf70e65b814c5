import { describe, expect, test } from "vitest";
import { hostAllowed, hostPattern } from "../../src/model/hosts.ts";
import { sandboxSchema, sandboxSettings } from "../../src/model/sandbox.ts";

describe("a list of hosts", () => {
  test.each<[string, string, number, boolean]>([
    ["api.example.com", "api.example.com", 443, true],
    ["api.example.com", "API.Example.com.", 80, true],
    ["api.example.com", "api.example.com", 22, false],
    ["api.example.com", "evil-api.example.com", 443, false],
    ["api.example.com", "api.example.com.evil.org", 443, false],
    ["*.example.com", "a.b.example.com", 443, true],
    ["*.example.com", "example.com", 443, false],
    ["*.example.com", "evilexample.com", 443, false],
    ["example.com:8443", "example.com", 8443, true],
    ["example.com:8443", "example.com", 443, false],
    ["example.com:*", "example.com", 5432, true],
    ["127.0.0.1:4000", "127.0.0.1", 4000, true],
  ])("%s and %s:%s: %s", (pattern, host, port, allowed) => {
    expect(hostAllowed(["other.org", pattern], host, port)).toBe(allowed);
  });

  test.each(["*", "*.", "https://example.com", "example.com/path", "a b", "", "ex*mple.com"])(
    "`%s` is none",
    (text) => {
      expect(hostPattern.safeParse(text).success).toBe(false);
    },
  );

  test("stands for all, or for one of those who reach the network", () => {
    const hosts = ["api.example.com"];
    const read = (network: unknown) => sandboxSettings(sandboxSchema.parse({ network })).network;
    expect(read(hosts)).toEqual({ agents: hosts, validators: hosts, setup: hosts });
    expect(read({ agents: hosts, validators: "none" })).toEqual({ agents: hosts, validators: "none", setup: "open" });
    expect(sandboxSchema.safeParse({ network: [] }).success).toBe(false);
  });
});
