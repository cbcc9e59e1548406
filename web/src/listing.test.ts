import { expect, test } from "vitest";

import { EVERYTHING, isFiltered, variablesOf } from "./listing";

const range = { first: 20 };
const sent = (listing: Parameters<typeof variablesOf>[0]) => JSON.parse(JSON.stringify(variablesOf(listing, range))) as unknown;

test("without a filter and an order, nothing of them is sent", () => {
  expect(sent(EVERYTHING)).toEqual({ first: 20 });
  expect(sent({ ...EVERYTHING, search: "  " })).toEqual({ first: 20 });
  expect(isFiltered({ ...EVERYTHING, search: "  ", order: "name" })).toBe(false);
});

test("a search is sent without the blanks around it, and beside a status", () => {
  expect(sent({ search: " ci ", status: "", order: "newest" })).toEqual({ first: 20, filter: { nameContains: "ci" } });
  expect(sent({ search: "ci", status: "DISABLED", order: "unused" })).toEqual({
    first: 20,
    filter: { nameContains: "ci", status: "DISABLED" },
    orderBy: { field: "LAST_USED_AT", direction: "ASC" },
  });
});
