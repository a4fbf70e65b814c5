import { describe, expect, test } from "vitest";
import { resumeAt } from "../../src/agents/resume-at.ts";

/** The end of the limit that a message names, said at a time; `null` when it names none. */
function end(message: string, at: string, zone = "UTC"): string | null {
  const time = resumeAt(message, Date.parse(at), zone);
  return time === undefined ? null : new Date(time).toISOString();
}

describe("the forms in which providers say it", () => {
  const now = "2026-11-20T15:00:00Z";

  test.each([
    ["retry-after: Fri, 20 Nov 2026 16:30:00 GMT", "2026-11-20T16:30:00.000Z"],
    [`{"retry_after":30}`, "2026-11-20T15:00:30.000Z"],
    [`{"type":"usage_limit_reached","resets_in_seconds":5400}`, "2026-11-20T16:30:00.000Z"],
    [`{"rate_limit_info":{"status":"rejected","resetsAt":1795195206}}`, "2026-11-20T17:20:06.000Z"],
    [`{"resets_at": 1795195206}`, "2026-11-20T17:20:06.000Z"],
    [`reset: 1795195206000`, "2026-11-20T17:20:06.000Z"],
    ["You've hit your usage limit. Try again at Nov 21st, 2026 3:05 PM.", "2026-11-21T15:05:00.000Z"],
    ["try again at Jan 2nd, 2027 9:00 AM", "2027-01-02T09:00:00.000Z"],
    ["resets 7pm UTC", "2026-11-20T19:00:00.000Z"],
    ["resets 7pm Europe/Paris", "2026-11-20T18:00:00.000Z"],
    ["resets 7pm (Etc/GMT+5)", "2026-11-21T00:00:00.000Z"],
    ["resets 7pm sharp", "2026-11-20T19:00:00.000Z"],
    ["limits reset 2026 times", null],
  ])("%s", (message, expected) => {
    expect(end(message, now)).toBe(expected);
  });

  test("a time without a zone is that of this machine", () => {
    expect(end("resets 7pm", now, "Asia/Tokyo")).toBe("2026-11-21T10:00:00.000Z");
    expect(end("resets 7pm UTC", now, "Asia/Tokyo")).toBe("2026-11-20T19:00:00.000Z");
  });

  test("a time that passed a moment ago is over, and not a day away", () => {
    expect(end("resets 3pm (UTC)", "2026-11-20T15:00:02Z")).toBe("2026-11-20T15:00:00.000Z");
    expect(end("resets 3pm (UTC)", "2026-11-20T15:20:00Z")).toBe("2026-11-21T15:00:00.000Z");
  });
});

describe("clocks that change between the message and the reset", () => {
  test.each([
    // Paris: 2027-03-28 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00.
    ["spring, after the gap", "resets 9am (Europe/Paris)", "2027-03-27T20:00:00Z", "2027-03-28T07:00:00.000Z"],
    ["spring, in the gap", "resets 2:30am (Europe/Paris)", "2027-03-27T20:00:00Z", "2027-03-28T01:30:00.000Z"],
    ["spring, before the gap", "resets 1:59am (Europe/Paris)", "2027-03-27T20:00:00Z", "2027-03-28T00:59:00.000Z"],
    ["autumn, after both", "resets 9am (Europe/Paris)", "2026-10-24T20:00:00Z", "2026-10-25T08:00:00.000Z"],
    ["autumn, twice: the later", "resets 2:30am (Europe/Paris)", "2026-10-24T20:00:00Z", "2026-10-25T01:30:00.000Z"],
    ["autumn, between both", "resets 2:30am (Europe/Paris)", "2026-10-25T00:45:00Z", "2026-10-25T01:30:00.000Z"],
    ["autumn, before both", "resets 1:59am (Europe/Paris)", "2026-10-24T20:00:00Z", "2026-10-24T23:59:00.000Z"],
    // New York: 2027-03-14 02:00 becomes 03:00, 2026-11-01 02:00 becomes 01:00.
    ["spring, across the ocean", "resets 7am (America/New_York)", "2027-03-14T03:00:00Z", "2027-03-14T11:00:00.000Z"],
    ["autumn, across the ocean", "resets 7am (America/New_York)", "2026-11-01T03:00:00Z", "2026-11-01T12:00:00.000Z"],
    // Lord Howe moves by half an hour: 2026-10-04 02:00 becomes 02:30, 2027-04-04 02:00 becomes 01:30.
    ["half an hour on", "resets 9am (Australia/Lord_Howe)", "2026-10-03T12:00:00Z", "2026-10-03T22:00:00.000Z"],
    ["half an hour back", "resets 9am (Australia/Lord_Howe)", "2027-04-03T12:00:00Z", "2027-04-03T22:30:00.000Z"],
    [
      "a date beyond the change",
      "resets Mar 29, 9am (Europe/Paris)",
      "2027-03-20T12:00:00Z",
      "2027-03-29T07:00:00.000Z",
    ],
    ["no change at all", "resets 9am (Asia/Kathmandu)", "2026-11-20T12:00:00Z", "2026-11-21T03:15:00.000Z"],
  ])("%s", (_when, message, at, expected) => {
    expect(end(message, at)).toBe(expected);
  });
});
