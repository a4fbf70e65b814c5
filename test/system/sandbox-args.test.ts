import { describe, expect, test } from "vitest";
import { sandboxSchema, sandboxSettings } from "../../src/model/sandbox.ts";
import { fenceArgs, type FenceFacts, type Mount } from "../../src/system/sandbox-args.ts";

const facts: FenceFacts = {
  bwrap: "/usr/bin/bwrap",
  prlimit: "/usr/bin/prlimit",
  caps: { processes: 100, fileBytes: 5000, memoryBytes: 7000 },
  isRoot: false,
  mounts: [],
  cwd: "/state/lane",
  network: "open",
};

/** The mounts that bubblewrap is told to make, in its order. */
function mounted(mounts: Mount[]): string[] {
  const args = fenceArgs({ ...facts, mounts });
  const told = args.slice(args.indexOf("/proc") + 1, args.indexOf("--chdir")).join(" ");
  return told.split(/ (?=--)/).filter((part) => part !== "" && !part.startsWith("--ro-bind-try /proc/"));
}

const hidden = (path: string): Mount => ({ path, access: "hidden" });
const read = (path: string, from?: string): Mount => ({ path, access: "read", ...from !== undefined && { from } });
const write = (path: string, from?: string): Mount => ({ path, access: "write", ...from !== undefined && { from } });

describe("what a process in the sandbox sees", () => {
  test.each<[string, Mount[], string[]]>([
    ["a hidden folder is empty and read-only", [hidden("/home")], ["--tmpfs /home", "--remount-ro /home"]],
    [
      "a lane in a hidden home is written, whatever the order",
      [write("/home/u/state/lane"), hidden("/home")],
      ["--tmpfs /home", "--bind /home/u/state/lane /home/u/state/lane", "--remount-ro /home"],
    ],
    [
      "the object store of a hidden checkout is read",
      [hidden("/srv/shop"), read("/srv/shop/.git/objects")],
      ["--tmpfs /srv/shop", "--ro-bind-try /srv/shop/.git/objects /srv/shop/.git/objects", "--remount-ro /srv/shop"],
    ],
    ["what is not hidden need not be shown", [read("/opt/tool"), hidden("/home")], [
      "--tmpfs /home",
      "--remount-ro /home",
    ]],
    ["a hidden folder in a hidden folder is hidden once", [hidden("/home"), hidden("/home/u/shop")], [
      "--tmpfs /home",
      "--remount-ro /home",
    ]],
    [
      "a checkout in a folder of tools that is shown stays hidden",
      [hidden("/home"), read("/home/u/go"), hidden("/home/u/go/src/shop")],
      [
        "--tmpfs /home",
        "--ro-bind-try /home/u/go /home/u/go",
        "--tmpfs /home/u/go/src/shop",
        "--remount-ro /home",
        "--remount-ro /home/u/go/src/shop",
      ],
    ],
    [
      "a folder that stands in for another shows nothing of it, except what is named",
      [write("/home/u/.cargo", "/state/tools/.cargo"), read("/home/u/.cargo/bin"), hidden("/home")],
      [
        "--tmpfs /home",
        "--bind /state/tools/.cargo /home/u/.cargo",
        "--ro-bind-try /home/u/.cargo/bin /home/u/.cargo/bin",
        "--remount-ro /home",
      ],
    ],
    [
      "a checkout below /tmp is not even made visible as a folder",
      [write("/tmp", "/state/tmp"), hidden("/tmp/shop")],
      ["--bind /state/tmp /tmp"],
    ],
    [
      "what may be written wins over what may be read and what is hidden",
      [hidden("/home"), read("/home/u/x"), write("/home/u/x")],
      ["--tmpfs /home", "--bind /home/u/x /home/u/x", "--remount-ro /home"],
    ],
    ["a reviewer's lane below a writable folder is read", [write("/state"), read("/state/lane")], [
      "--bind /state /state",
      "--ro-bind-try /state/lane /state/lane",
    ]],
  ])("%s", (_what, mounts, told) => {
    expect(mounted(mounts)).toEqual(told);
  });
});

describe("the command line of the sandbox", () => {
  test("the whole system is read-only, processes of others are not seen, and it ends with its parent", () => {
    const args = fenceArgs(facts).join(" ");
    expect(args).toMatch(/^\/usr\/bin\/bwrap .*--ro-bind \/ \/ --dev \/dev --proc \/proc/);
    for (const flag of ["--unshare-pid", "--unshare-ipc", "--die-with-parent", "--cap-drop ALL"]) {
      expect(args).toContain(flag);
    }
    expect(args).toMatch(
      /--chdir \/state\/lane -- \/usr\/bin\/prlimit --nproc=100 --fsize=5000 --data=7000 --core=0 --$/,
    );
  });

  test.each([["open", false], ["none", true]] as const)("network %s", (network, unshared) => {
    expect(fenceArgs({ ...facts, network }).includes("--unshare-net")).toBe(unshared);
  });

  test("without prlimit there are no caps, and nothing else changes", () => {
    expect(fenceArgs({ ...facts, prlimit: null }).at(-1)).toBe("--");
  });

  test("root keeps what installing packages needs, and nothing that reaches a mount", () => {
    const args = fenceArgs({ ...facts, isRoot: true });
    expect(args).toContain("CAP_CHOWN");
    expect(args.filter((arg) => /SYS_|PTRACE|MKNOD|DAC_READ_SEARCH|NET_ADMIN|RAWIO/.test(arg))).toEqual([]);
    expect(fenceArgs(facts)).not.toContain("--cap-add");
  });
});

describe("the plan's `sandbox`", () => {
  const open = { agents: "open", validators: "open", setup: "open" };
  test.each<[unknown, "auto" | "none" | undefined, object]>([
    ["auto", undefined, { level: "auto", network: open, read: [], write: [] }],
    ["required", undefined, { level: "required" }],
    ["required", "none", { level: "none" }],
    [{ level: "required", network: "none" }, undefined, {
      level: "required",
      network: { agents: "none", validators: "none", setup: "none" },
    }],
    [{ network: { validators: "none" }, write: ["~/.cache/x"] }, "auto", {
      level: "auto",
      network: { ...open, validators: "none" },
      write: ["~/.cache/x"],
    }],
  ])("%j with %s from the command line", (plan, level, settings) => {
    expect(sandboxSettings(sandboxSchema.parse(plan), level)).toMatchObject(settings);
  });

  test.each(["sometimes", { level: "on" }, { read: ["relative"] }, { write: ["~/../etc"] }, { netwrok: "none" }])(
    "refuses %j",
    (plan) => {
      expect(sandboxSchema.safeParse(plan).success).toBe(false);
    },
  );
});
