import { ActionIcon, Box, Button, Code, Group, Paper, Skeleton, Stack, Table, Text, Title, Tooltip } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconPlus, IconTrash } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useQuery } from "urql";
import { Link } from "wouter";

import { aboutKeys, problemOf } from "../client";
import { DeleteApiKeyDialog, type Doomed } from "../components/DeleteApiKeyDialog";
import { ProblemNotice } from "../components/ProblemNotice";
import { ApiKeysDocument, ViewerDocument, type ApiKeysQuery, type ApiKeysQueryVariables } from "../generated";
import { useNow, usePageHeading, useSession } from "../hooks";
import { exactTime, relativeTime } from "../time";

const PAGE_SIZE = 20;
const FIRST_PAGE: ApiKeysQueryVariables = { first: PAGE_SIZE };

type ApiKey = ApiKeysQuery["apiKeys"]["edges"][number]["node"];

/** The list of access tokens. */
export function ApiKeysPage() {
  const [variables, setVariables] = useState(FIRST_PAGE);
  const [doomed, setDoomed] = useState<Doomed>();
  const [message, setMessage] = useState("");
  const heading = usePageHeading();
  // Where the focus goes when the dialog is gone: to the button that opened it, or to the heading where that is gone.
  const opener = useRef<HTMLElement>(null);
  const now = useNow();
  const [, refreshViewer] = useQuery({ query: ViewerDocument, pause: true });
  const [{ data, error, fetching, stale }, refresh] = useQuery({
    query: ApiKeysDocument,
    variables,
    requestPolicy: "cache-and-network",
    context: aboutKeys,
  });
  const page = data?.apiKeys;
  const retry = () => {
    refresh({ requestPolicy: "network-only" });
    refreshViewer({ requestPolicy: "network-only" });
  };

  // The token has run out: what comes without one says so at once, rather than at the next click.
  const session = useSession();
  const hasEnded = session.kind === "open" && session.hasEnded;
  useEffect(() => {
    if (hasEnded) {
      retry();
    }
  }, [hasEnded]);

  // The last key of the last page was deleted: there is nothing to see here any more.
  const isBeyondTheEnd = page !== undefined && page.edges.length === 0 && page.totalCount > 0;
  useEffect(() => {
    if (isBeyondTheEnd) {
      setVariables(FIRST_PAGE);
    }
  }, [isBeyondTheEnd]);

  const close = (deleted: boolean) => {
    if (deleted && doomed) {
      setMessage(`The key “${doomed.name}” was deleted.`);
      opener.current = null;
      refresh({ requestPolicy: "network-only" });
    }
    setDoomed(undefined);
  };
  const open = (apiKey: ApiKey) => {
    setMessage("");
    opener.current = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    setDoomed({ id: apiKey.id, name: apiKey.name });
  };
  const left = () => (opener.current ?? heading.current)?.focus();

  return (
    <Stack gap="md">
      <title>Access Tokens</title>
      <Group justify="space-between" align="center" wrap="nowrap">
        <Title order={1} fz={{ base: 20, xs: 26 }} ref={heading} tabIndex={-1} style={{ outline: "none" }}>
          Access Tokens
        </Title>
        <Button component={Link} href="/new" flex="none" leftSection={<IconPlus size={16} aria-hidden />}>
          Add API Key
        </Button>
      </Group>
      <Text c="dimmed" size="sm">
        Programs use these keys to act in your name. A key’s value is shown once, when it is made.
      </Text>
      <Text role="status" size="sm" className={message === "" ? "visually-hidden" : undefined}>
        {message}
      </Text>
      {error && <ProblemNotice problem={problemOf(error)} retry={retry} busy={fetching || stale} />}
      {!page && !error && <Loading />}
      {page && page.totalCount === 0 && !error && <Empty />}
      {page && page.edges.length > 0 && (
        <>
          <Paper withBorder radius="md" style={{ overflow: "hidden" }}>
            <Table verticalSpacing="sm" horizontalSpacing="md" highlightOnHover aria-busy={fetching || stale}>
              <Table.Caption style={{ captionSide: "top" }} className="visually-hidden">
                Your access tokens, newest first
              </Table.Caption>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th visibleFrom="xs">Key</Table.Th>
                  <Table.Th>Created</Table.Th>
                  <Table.Th w={1}>
                    <span className="visually-hidden">Actions</span>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {page.edges.map(({ node }) => (
                  <Row key={node.id} apiKey={node} now={now} remove={() => open(node)} />
                ))}
              </Table.Tbody>
            </Table>
          </Paper>
          <Pager page={page} go={setVariables} />
        </>
      )}
      <DeleteApiKeyDialog doomed={doomed} close={close} left={left} />
    </Stack>
  );
}

function Row({ apiKey, now, remove }: { apiKey: ApiKey; now: Date; remove: () => void }) {
  const createdAt = new Date(apiKey.createdAt);
  return (
    <Table.Tr>
      <Table.Td style={{ overflowWrap: "anywhere" }}>
        <Text fw={500} size="sm">
          {apiKey.name}
        </Text>
        <Box hiddenFrom="xs">
          <Code>{apiKey.hint}</Code>
        </Box>
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <Code>{apiKey.hint}</Code>
      </Table.Td>
      <Table.Td>
        <Tooltip label={exactTime(createdAt)} events={{ hover: true, focus: false, touch: true }}>
          <Text component="time" dateTime={apiKey.createdAt} size="sm" style={{ whiteSpace: "nowrap" }}>
            {relativeTime(createdAt, now)}
          </Text>
        </Tooltip>
        <span className="visually-hidden">{exactTime(createdAt)}</span>
      </Table.Td>
      <Table.Td>
        <Tooltip label="Delete">
          <ActionIcon variant="subtle" color="red" size="lg" aria-label={`Delete the key ${apiKey.name}`} onClick={remove}>
            <IconTrash size={18} aria-hidden />
          </ActionIcon>
        </Tooltip>
      </Table.Td>
    </Table.Tr>
  );
}

function Pager({ page, go }: { page: ApiKeysQuery["apiKeys"]; go: (variables: ApiKeysQueryVariables) => void }) {
  const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
  const count = page.totalCount === 1 ? "1 key" : `${page.totalCount.toLocaleString()} keys`;
  return (
    <Group justify="space-between">
      <Text size="sm" c="dimmed">
        {count}
      </Text>
      {(hasNextPage || hasPreviousPage) && (
        <Group component="nav" gap="xs" aria-label="Pages">
          <Button
            variant="default"
            size="xs"
            disabled={!hasPreviousPage}
            leftSection={<IconChevronLeft size={14} aria-hidden />}
            onClick={() => go({ last: PAGE_SIZE, before: startCursor })}
          >
            Newer
          </Button>
          <Button
            variant="default"
            size="xs"
            disabled={!hasNextPage}
            rightSection={<IconChevronRight size={14} aria-hidden />}
            onClick={() => go({ first: PAGE_SIZE, after: endCursor })}
          >
            Older
          </Button>
        </Group>
      )}
    </Group>
  );
}

function Empty() {
  return (
    <Paper withBorder radius="md" p="xl" ta="center">
      <Stack align="center" gap="xs">
        <Text fw={600}>No access tokens yet</Text>
        <Text size="sm" c="dimmed">
          Create your first key to let a program use the API.
        </Text>
        <Button component={Link} href="/new" variant="light" mt="sm">
          Create your first key
        </Button>
      </Stack>
    </Paper>
  );
}

function Loading() {
  return (
    <Stack gap="xs" role="status" aria-label="Loading your access tokens">
      {[0, 1, 2, 3].map((row) => (
        <Skeleton key={row} height={44} radius="md" />
      ))}
    </Stack>
  );
}
