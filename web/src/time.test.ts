import { expect, test } from "vitest";

import { relativeTime, timeLeft } from "./time";

const now = new Date("2026-11-24T12:00:00Z");

test.each([
  ["2026-11-24T12:00:00Z", "now"],
  ["2026-11-24T11:59:01Z", "now"],
  ["2026-11-24T12:00:30Z", "now"],
  ["2026-11-24T11:59:00Z", "1 minute ago"],
  ["2026-11-24T10:00:01Z", "1 hour ago"],
  ["2026-11-23T12:00:00Z", "yesterday"],
  ["2026-11-21T12:00:00Z", "3 days ago"],
  ["2026-11-10T12:00:00Z", "2 weeks ago"],
  ["2026-01-01T12:00:00Z", "10 months ago"],
  ["2025-11-01T12:00:00Z", "last year"],
  ["2026-11-26T12:00:00Z", "in 2 days"],
])("%s is %s", (at, expected) => {
  expect(relativeTime(new Date(at), now, "en")).toBe(expected);
});

test.each([
  ["2026-11-24T12:00:10Z", "in 1 minute"],
  ["2026-11-24T12:29:00Z", "in 29 minutes"],
  ["2026-11-24T12:59:50Z", "in 1 hour"],
  ["2026-11-25T11:59:00Z", "in 24 hours"],
  ["2026-12-24T11:59:00Z", "in 30 days"],
  ["2027-02-22T11:59:00Z", "in 3 months"],
  ["2027-11-24T11:59:00Z", "in 12 months"],
  ["2036-11-24T11:59:00Z", "in 10 years"],
])("until %s it is %s", (end, expected) => {
  expect(timeLeft(new Date(end), now, "en")).toBe(expected);
});
