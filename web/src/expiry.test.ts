import { expect, test } from "vitest";

import { endOf } from "./expiry";

const now = new Date("2026-11-24T12:00:30.500Z");

test("a number of days is counted from now, to the minute", () => {
  expect(endOf({ span: "30", date: "" }, now)).toBe("2026-12-24T12:00:00.000Z");
  expect(endOf({ span: "365", date: "2030-01-01" }, now)).toBe("2027-11-24T12:00:00.000Z");
});

test("a date is the last day on which the key works, where the reader is", () => {
  const end = new Date(endOf({ span: "date", date: "2027-02-28" }, now) ?? "");
  expect([end.getFullYear(), end.getMonth(), end.getDate(), end.getHours(), end.getMinutes()]).toEqual([2027, 1, 28, 23, 59]);
});

test("what is not a date is no end", () => {
  for (const date of ["", "soon", "275760-10-01"]) {
    expect(endOf({ span: "date", date }, now), date).toBeUndefined();
  }
});

test("never is not the same as unchanged", () => {
  expect(endOf({ span: "never", date: "" }, now)).toBeNull();
  expect(endOf({ span: "keep", date: "" }, now)).toBeUndefined();
});
