// Which keys the list shows, and in which order.

import type { ApiKeyOrder, ApiKeysQueryVariables, ApiKeyStatus } from "./generated";
import type { PageRange } from "./paging";

export interface Listing {
  /** A part of the name, as it was typed. */
  search: string;
  status: ApiKeyStatus | "";
  order: OrderName;
}

export type OrderName = "newest" | "oldest" | "name" | "used" | "unused" | "ending";

interface Order {
  label: string;
  /** Undefined for the order that the server has of its own. */
  by?: ApiKeyOrder;
}

export const ORDERS: Record<OrderName, Order> = {
  newest: { label: "Newest first" },
  oldest: { label: "Oldest first", by: { field: "CREATED_AT", direction: "ASC" } },
  name: { label: "By name", by: { field: "NAME", direction: "ASC" } },
  used: { label: "Last used first", by: { field: "LAST_USED_AT", direction: "DESC" } },
  unused: { label: "Longest unused first", by: { field: "LAST_USED_AT", direction: "ASC" } },
  ending: { label: "First to expire", by: { field: "EXPIRES_AT", direction: "ASC" } },
};

export const STATUSES: Record<ApiKeyStatus, string> = { ACTIVE: "Active", DISABLED: "Paused", EXPIRED: "Expired" };

export const EVERYTHING: Listing = { search: "", status: "", order: "newest" };

/** Whether some keys may be left out. */
export function isFiltered({ search, status }: Listing): boolean {
  return search.trim() !== "" || status !== "";
}

export function variablesOf(listing: Listing, range: PageRange): ApiKeysQueryVariables {
  const search = listing.search.trim();
  const filter = { nameContains: search === "" ? undefined : search, status: listing.status === "" ? undefined : listing.status };
  return { ...range, filter: isFiltered(listing) ? filter : undefined, orderBy: ORDERS[listing.order].by };
}
