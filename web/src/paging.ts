// Which part of a list is on the screen.

import type { RangeFragment } from "./generated";

export const PAGE_SIZE = 20;

/** The arguments of a connection. */
export interface PageRange {
  first?: number;
  after?: string | null;
  last?: number;
  before?: string | null;
}

export const FIRST_PAGE: PageRange = { first: PAGE_SIZE };

export function nextPage({ endCursor }: RangeFragment): PageRange {
  return { first: PAGE_SIZE, after: endCursor };
}

export function previousPage({ startCursor }: RangeFragment): PageRange {
  return { last: PAGE_SIZE, before: startCursor };
}

/** How many there are: "1 key", "1,000 keys". */
export function counted(count: number, one: string, several: string): string {
  return count === 1 ? `1 ${one}` : `${count.toLocaleString()} ${several}`;
}
