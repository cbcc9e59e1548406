import { CloseButton, Group, NativeSelect, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useRef } from "react";

import type { ApiKeyStatus } from "../generated";
import { ORDERS, STATUSES, type Listing, type OrderName } from "../listing";

const STATUS_CHOICES = [{ value: "", label: "Any status" }, ...Object.entries(STATUSES).map(([value, label]) => ({ value, label }))];
const ORDER_CHOICES = Object.entries(ORDERS).map(([value, { label }]) => ({ value, label }));

/** Asks which keys are wanted, and in which order. */
export function ListTools({ listing, change }: { listing: Listing; change: (listing: Listing) => void }) {
  const field = useRef<HTMLInputElement>(null);
  const clear = () => {
    change({ ...listing, search: "" });
    field.current?.focus();
  };
  return (
    <Group gap="xs" role="search" aria-label="Access tokens">
      <TextInput
        ref={field}
        type="text"
        inputMode="search"
        aria-label="Search"
        placeholder="Search by name"
        leftSection={<IconSearch size={16} aria-hidden />}
        rightSection={listing.search !== "" && <CloseButton size="sm" aria-label="Clear the search" onClick={clear} />}
        value={listing.search}
        onChange={(event) => change({ ...listing, search: event.currentTarget.value })}
        maxLength={100}
        autoComplete="off"
        flex="1 1 200px"
      />
      <NativeSelect
        aria-label="Status"
        data={STATUS_CHOICES}
        value={listing.status}
        onChange={(event) => change({ ...listing, status: event.currentTarget.value as ApiKeyStatus | "" })}
        flex="1 1 130px"
        maw={{ xs: 170 }}
      />
      <NativeSelect
        aria-label="Order"
        data={ORDER_CHOICES}
        value={listing.order}
        onChange={(event) => change({ ...listing, order: event.currentTarget.value as OrderName })}
        flex="1 1 130px"
        maw={{ xs: 200 }}
      />
    </Group>
  );
}
