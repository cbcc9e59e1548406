// The GraphQL client: urql, because its document cache keeps the results of queries and never those of mutations, so
// that a secret, which only mutations give, is never in it; and because it is small.

import { Client, cacheExchange, fetchExchange, type CombinedError } from "urql";

import { ProviderOutage } from "./oidc";
import { authorizedFetch } from "./session";

export const client = new Client({
  url: "/graphql",
  exchanges: [cacheExchange, fetchExchange],
  preferGetMethod: false,
  fetch: authorizedFetch,
});

/** Marks a request as one about keys, so that a change of keys refreshes it even where it had none to show. */
export const aboutKeys = { additionalTypenames: ["ApiKey"] };

export type Problem =
  | { kind: "signed-out" }
  | { kind: "input"; field: string | undefined; message: string }
  | { kind: "not-found" }
  | { kind: "unavailable"; message: string }
  | { kind: "failed"; message: string };

/** What went wrong, in the words of the page: the server's codes, and what a network can do. */
export function problemOf(error: CombinedError): Problem {
  if (error.networkError instanceof ProviderOutage) {
    return { kind: "unavailable", message: error.networkError.message };
  }
  const first = error.graphQLErrors[0];
  if (!first) {
    return { kind: "unavailable", message: "The server cannot be reached. Check that it runs, then try again; if this was a change, look first whether it was made." };
  }
  switch (first.extensions["code"]) {
    case "UNAUTHENTICATED":
      return { kind: "signed-out" };
    case "BAD_USER_INPUT": {
      const field = first.extensions["field"];
      return { kind: "input", field: typeof field === "string" ? field : undefined, message: first.message };
    }
    case "NOT_FOUND":
      return { kind: "not-found" };
    case "UNAVAILABLE":
      return { kind: "unavailable", message: first.message };
    default: {
      const id = first.extensions["requestId"];
      const reference = typeof id === "string" ? ` (request ${id})` : "";
      return { kind: "failed", message: `${first.message}${reference}` };
    }
  }
}
