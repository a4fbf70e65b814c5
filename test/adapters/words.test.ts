import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classifier } from "../../src/agents/faults.ts";
import { markersIn } from "../../src/agents/markers.ts";
import { resumeAt } from "../../src/agents/resume-at.ts";
import { failures } from "../support/failures.ts";
import { argumentsOf, fill, fillDeep } from "../../src/agents/template.ts";

const fault = classifier(failures);

describe("markers in the final message", () => {
  test.each([
    ["on a line of its own", "All done.\n<promise>COMPLETE</promise>", true],
    ["at the very end of a sentence", "All done. <promise>COMPLETE</promise>\n", true],
    ["with spaces", "<promise> COMPLETE </promise>", true],
    ["in the middle of a sentence", "I will print <promise>COMPLETE</promise> once all is done", false],
    ["in a fenced block", "Ralph's prompt says:\n```\n<promise>COMPLETE</promise>\n```\nNot yet.", false],
    ["in an unclosed fence", "```xml\n<promise>COMPLETE</promise>", false],
    ["in inline code", "say `<promise>COMPLETE</promise>`", false],
    ["in a quotation", "> <promise>COMPLETE</promise>", false],
    ["nowhere", "COMPLETE", false],
  ])("completion %s", (_, text, expected) => {
    expect(markersIn(text).saidComplete).toBe(expected);
  });

  test("an echoed brief is not the agent's own word", () => {
    const brief = "Do it, then print\n<promise>COMPLETE</promise>\nor ask:\n<gate>your question</gate>";
    expect(markersIn(`You said:\n${brief}\nWorking on it.`, brief)).toEqual({ saidComplete: false });
    expect(markersIn(`${brief}\n\nDone.\n<promise>COMPLETE</promise>`, brief).saidComplete).toBe(true);
  });

  test("the last question counts and may have several lines", () => {
    const text = "<gate>First?</gate>\nSome thoughts.\n<gate>\nWhich database:\nPostgres or SQLite?\n</gate>";
    expect(markersIn(text)).toEqual({ saidComplete: false, question: "Which database:\nPostgres or SQLite?" });
    expect(markersIn("the tag `<gate>x</gate>` asks, and <gate>y</gate> too")).toEqual({ saidComplete: false });
    expect(markersIn("<gate>  </gate>")).toEqual({ saidComplete: false });
  });
});

describe("when a limit ends", () => {
  const now = Date.parse("2026-11-20T15:00:00Z");
  const utc = (message: string, at = now) => {
    const time = resumeAt(message, at, "UTC");
    return time === undefined ? null : new Date(time).toISOString();
  };

  test.each([
    ["429 Too Many Requests, retry-after: 90", "2026-11-20T15:01:30.000Z"],
    ["Suggested retry after 3600s.", "2026-11-20T16:00:00.000Z"],
    ["Please retry in 20.5s", "2026-11-20T15:00:20.500Z"],
    ["You've hit your usage limit. Try again in 3 hours 20 minutes.", "2026-11-20T18:20:00.000Z"],
    ["try again in 2d 1h", "2026-11-22T16:00:00.000Z"],
    ["resets in 45 min", "2026-11-20T15:45:00.000Z"],
    ["Claude AI usage limit reached|1795195206", "2026-11-20T17:20:06.000Z"],
    ["The limit resets at 2026-11-21T08:00:00+01:00", "2026-11-21T07:00:00.000Z"],
    ["You've hit your session limit · resets 7pm (Europe/Paris)", "2026-11-20T18:00:00.000Z"],
    ["You've hit your limit · resets 4pm (Europe/Vilnius)", "2026-11-21T14:00:00.000Z"],
    ["Your limit will reset at 7pm (Asia/Tokyo).", "2026-11-21T10:00:00.000Z"],
    ["You're out of extra usage · resets 9pm", "2026-11-20T21:00:00.000Z"],
    ["resets 5:30am", "2026-11-21T05:30:00.000Z"],
    ["resets 12am (America/New_York)", "2026-11-21T05:00:00.000Z"],
    ["resets at 19:00", "2026-11-20T19:00:00.000Z"],
    ["weekly limit · resets Nov 25, 5pm (UTC)", "2026-11-25T17:00:00.000Z"],
    ["resets Jan 2 at 9am", "2027-01-02T09:00:00.000Z"],
    ["resets 7pm (Middle/Earth)", "2026-11-20T19:00:00.000Z"],
    ["retried 5 times (total retry wait time: 10.90 seconds)", null],
    ["it resets 3 counters", null],
    ["Rate limited.", null],
  ])("%s", (message, expected) => {
    expect(utc(message)).toBe(expected);
  });

  test("clocks that change before the reset", () => {
    // Paris leaves summer time on 2026-10-25 at 03:00, and enters it on 2027-03-28 at 02:00.
    expect(utc("resets 7am (Europe/Paris)", Date.parse("2026-10-24T20:00:00Z"))).toBe("2026-10-25T06:00:00.000Z");
    expect(utc("resets 7am (Europe/Paris)", Date.parse("2027-03-27T20:00:00Z"))).toBe("2027-03-28T05:00:00.000Z");
    // 02:30 happens twice, then never: the later of both, then the moment after the gap.
    expect(utc("resets 2:30am (Europe/Paris)", Date.parse("2026-10-24T20:00:00Z"))).toBe("2026-10-25T01:30:00.000Z");
    expect(utc("resets 2:30am (Europe/Paris)", Date.parse("2027-03-27T20:00:00Z"))).toBe("2027-03-28T01:30:00.000Z");
  });

  test("a time of day is within the next 25 hours, or passed a moment ago", () => {
    const zones = ["UTC", "Europe/Paris", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"];
    fc.assert(fc.property(
      fc.integer({ min: Date.UTC(2025, 0), max: Date.UTC(2030, 0) }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom("am", "pm"),
      fc.constantFrom(...zones),
      (at, hour, half, zone) => {
        const time = resumeAt(`resets ${hour}${half} (${zone})`, at, "UTC")!;
        expect(time).toBeGreaterThan(at - 15 * 60_000);
        expect(time - at).toBeLessThanOrEqual(25 * 3_600_000);
      },
    ));
  });
});

describe("classes of failures", () => {
  test.each([
    ["You've hit your org's monthly usage limit", undefined, "rate-limit"],
    ["You've hit your individual spend limit", undefined, "billing"],
    ["Your usage allocation has been disabled by your admin", undefined, "admin-disabled"],
    ["You've hit your usage limit.", undefined, "rate-limit"],
    ["insufficient_quota", 429, "billing"],
    ["You exceeded your current quota. Please retry in 20s", 429, "rate-limit"],
    ["forbidden", 403, "auth"],
    ["something odd", 502, "server"],
    ["something odd", 503, "overloaded"],
    ["bad request", 400, "unknown"],
    ["", undefined, "unknown"],
  ])("%s (%s) is %s", (message, status, expected) => {
    expect(fault({ message, status }).class).toBe(expected);
  });

  test("never throws, and never lets a message grow", () => {
    fc.assert(fc.property(fc.string({ maxLength: 5000 }), (message) => {
      expect(fault({ message }).message.length).toBeLessThanOrEqual(2000);
    }));
  });
});

describe("placeholders", () => {
  test("known values, fallbacks and other braces", () => {
    const values = { model: "sonnet", "env.KEY": "k", empty: "" };
    expect(fill("{model}-{env.KEY}", values)).toBe("sonnet-k");
    expect(fill("{env.TIMEOUT|180000}", values)).toBe("180000");
    expect(fill("{env.MISSING}", values)).toBeNull();
    expect(fill("{empty}", values)).toBeNull();
    expect(fill('{"json": {}}', values)).toBe('{"json": {}}');
    expect(fillDeep({ a: ["{model}", 1], b: "{nope}", c: null }, values)).toEqual({
      a: ["sonnet", 1],
      b: undefined,
      c: null,
    });
  });

  test("a value is never read as a template again", () => {
    expect(fill("{brief}", { brief: "{env.SECRET}", "env.SECRET": "s" })).toBe("{env.SECRET}");
  });

  test("groups appear only with their value", () => {
    const args = ["-p", { when: "model", args: ["--model", "{model}"] }, "{brief}"];
    expect(argumentsOf({ args }, { brief: "do it" })).toEqual(["-p", "do it"]);
    expect(argumentsOf({ args }, { brief: "do it", model: "opus" })).toEqual(["-p", "--model", "opus", "do it"]);
  });
});
