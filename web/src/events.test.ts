import { expect, test } from "vitest";

import { changeInWords, whoInWords } from "./events";

test.each([
  [{ field: "name", before: "a", after: "b" }, "Name: “a” → “b”"],
  [{ field: "disabled", before: "false", after: "true" }, "Paused: no → yes"],
  [{ field: "disabled", before: "true", after: "false" }, "Paused: yes → no"],
  [{ field: "hint", before: "ak_1234…", after: "ak_5678…" }, "Key: ak_1234… → ak_5678…"],
  [{ field: "colour", before: null, after: "red" }, "colour: none → red"],
])("%o is told as %s", (change, expected) => {
  expect(changeInWords(change)).toBe(expected);
});

test("an end is told as an instant, and none as never", () => {
  expect(changeInWords({ field: "expiresAt", before: null, after: "2027-06-15T12:00:00.000000Z" }, "en")).toMatch(/^Expires: never → Jun 1[456], 2027, /);
});

test("who did it is told with how they proved it", () => {
  expect(whoInWords({ actor: "local", credential: "LOCAL" })).toBe("the local operator");
  expect(whoInWords({ actor: "command-line", credential: "COMMAND_LINE" })).toBe("an operator, on the command line");
  expect(whoInWords({ actor: "anna", credential: "OIDC" })).toBe("anna, signed in");
  expect(whoInWords({ actor: "7", credential: "API_KEY" })).toBe("a program, with the API key 7");
});
