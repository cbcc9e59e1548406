import { CombinedError } from "urql";
import { expect, test } from "vitest";

import { problemOf } from "./client";
import { ProviderOutage } from "./oidc";

const answered = (extensions: Record<string, unknown>) =>
  problemOf(new CombinedError({ graphQLErrors: [{ message: "words", extensions }] }));

test("the server's codes become the page's problems", () => {
  expect(answered({ code: "UNAUTHENTICATED" })).toEqual({ kind: "signed-out" });
  expect(answered({ code: "NOT_FOUND" })).toEqual({ kind: "not-found" });
  expect(answered({ code: "UNAVAILABLE" })).toEqual({ kind: "unavailable", message: "words" });
  expect(answered({ code: "BAD_USER_INPUT", field: "name" })).toEqual({ kind: "input", field: "name", message: "words" });
  expect(answered({ code: "INTERNAL", requestId: "7" })).toEqual({ kind: "failed", message: "words (request 7)" });
  expect(answered({})).toEqual({ kind: "failed", message: "words" });
});

test("no answer at all is an outage", () => {
  expect(problemOf(new CombinedError({ networkError: new Error("Failed to fetch") })).kind).toBe("unavailable");
});

test("an identity provider that does not renew the session is told of by its own words", () => {
  const problem = problemOf(new CombinedError({ networkError: new ProviderOutage("words") }));
  expect(problem).toEqual({ kind: "unavailable", message: "words" });
});
