import { expect, test } from "vitest";

import { fieldProblem, inWords } from "./fields";

test("the schema's names and the instants of a message become words", () => {
  expect(inWords("`name` is empty; give the key a name")).toBe("The name is empty; give the key a name");
  expect(inWords("each of `scopes` must be short")).toBe("Each of the scopes must be short");
  const late = inWords("`expiresAt` is too late; keys end on 2027-11-24T22:37:43Z", "en");
  expect(late).toMatch(/^The expiry is too late; keys end on Nov 2[345], 2027, /);
  expect(inWords("`other` is `7`")).toBe("`other` is `7`");
});

test("a problem is told at its own field alone", () => {
  const problem = { kind: "input", field: "name", message: "`name` is empty" } as const;
  expect(fieldProblem(problem, "name")).toBe("The name is empty");
  expect(fieldProblem(problem, "scopes")).toBeUndefined();
  expect(fieldProblem({ kind: "not-found" }, "name")).toBeUndefined();
  expect(fieldProblem(undefined, "name")).toBeUndefined();
});
