import { ActionIcon, Badge, Box, Checkbox, Code, Group, Paper, Table, Text, Tooltip } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useRef } from "react";

import type { ApiKeyRowFragment } from "../generated";
import { useNow } from "../hooks";
import { STATUSES } from "../listing";
import { relativeTime, timeLeft } from "../time";
import { ApiKeyMenu, type ApiKeyActions } from "./ApiKeyMenu";
import { Instant } from "./Instant";
import { Expires, LastUsed } from "./KeyTimes";

export interface Selection {
  ids: ReadonlySet<string>;
  change: (ids: ReadonlySet<string>) => void;
}

/** A page of keys. */
export function ApiKeyTable({
  apiKeys,
  order,
  isBusy,
  selection,
  actions,
}: {
  apiKeys: ApiKeyRowFragment[];
  /** In which order they are, in words. */
  order: string;
  isBusy: boolean;
  selection: Selection;
  actions: ApiKeyActions;
}) {
  const now = useNow();
  const selected = apiKeys.filter(({ id }) => selection.ids.has(id)).length;
  const areAll = selected === apiKeys.length;
  const toggle = (id: string) => {
    const ids = new Set(selection.ids);
    if (!ids.delete(id)) {
      ids.add(id);
    }
    selection.change(ids);
  };
  return (
    <Paper withBorder radius="md" style={{ overflow: "hidden" }}>
      <Table verticalSpacing="sm" horizontalSpacing="sm" highlightOnHover aria-busy={isBusy}>
        <Table.Caption style={{ captionSide: "top" }} className="visually-hidden">
          Your access tokens, {order.toLowerCase()}
        </Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Td w={1}>
              <Checkbox
                size="xs"
                aria-label="Select all keys on this page"
                checked={areAll}
                indeterminate={selected > 0 && !areAll}
                onChange={() => selection.change(new Set(areAll ? [] : apiKeys.map(({ id }) => id)))}
              />
            </Table.Td>
            <Table.Th>Name</Table.Th>
            <Table.Th visibleFrom="xs">Key</Table.Th>
            <Table.Th visibleFrom="sm">Last used</Table.Th>
            <Table.Th visibleFrom="xs">Expires</Table.Th>
            <Table.Th visibleFrom="sm">Created</Table.Th>
            <Table.Th w={1}>
              <span className="visually-hidden">Actions</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {apiKeys.map((apiKey) => (
            <Row key={apiKey.id} apiKey={apiKey} now={now} isSelected={selection.ids.has(apiKey.id)} toggle={() => toggle(apiKey.id)} actions={actions} />
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}

interface RowProps {
  apiKey: ApiKeyRowFragment;
  now: Date;
  isSelected: boolean;
  toggle: () => void;
  actions: ApiKeyActions;
}

function Row({ apiKey, now, isSelected, toggle, actions }: RowProps) {
  const bin = useRef<HTMLButtonElement>(null);
  return (
    <Table.Tr bg={isSelected ? "var(--mantine-color-default-hover)" : undefined}>
      <Table.Td>
        <Checkbox size="xs" aria-label={`Select the key ${apiKey.name}`} checked={isSelected} onChange={toggle} />
      </Table.Td>
      <Table.Th scope="row" fw={400} style={{ overflowWrap: "anywhere" }}>
        <Group gap="xs">
          <Text fw={500} size="sm">
            {apiKey.name}
          </Text>
          {apiKey.status !== "ACTIVE" && (
            <Badge variant="default" size="sm" tt="none">
              {STATUSES[apiKey.status]}
            </Badge>
          )}
        </Group>
        <Box hiddenFrom="xs">
          <Hints apiKey={apiKey} now={now} />
        </Box>
      </Table.Th>
      <Table.Td visibleFrom="xs">
        <Hints apiKey={apiKey} now={now} />
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <LastUsed at={apiKey.lastUsedAt} now={now} />
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <Expires at={apiKey.expiresAt} now={now} />
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Instant at={apiKey.createdAt} words={relativeTime(new Date(apiKey.createdAt), now)} />
      </Table.Td>
      <Table.Td>
        <Group gap={0} wrap="nowrap">
          <ApiKeyMenu apiKey={apiKey} actions={actions} />
          <Tooltip label="Delete">
            <ActionIcon
              ref={bin}
              variant="subtle"
              color="red"
              size="lg"
              aria-label={`Delete the key ${apiKey.name}`}
              onClick={() => actions.remove(apiKey, bin.current)}
            >
              <IconTrash size={18} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

/** What the key's secret starts with; during a rotation, also the one that ends. */
function Hints({ apiKey, now }: { apiKey: ApiKeyRowFragment; now: Date }) {
  const old = apiKey.secrets[1];
  return (
    <>
      <Code>{apiKey.hint}</Code>
      {old?.expiresAt && (
        <Text size="xs" c="dimmed" mt={4}>
          {old.hint} ends {timeLeft(new Date(old.expiresAt), now)}
        </Text>
      )}
    </>
  );
}
