import { Button, Code, Group, Stack, Table, Text } from "@mantine/core";
import { useState } from "react";
import { useQuery } from "urql";

import { aboutKeys, problemOf } from "../client";
import { ApiKeyDetailsDocument, type ApiKeyDetailsQuery, type ApiKeyRowFragment } from "../generated";
import { useNow } from "../hooks";
import { STATUSES } from "../listing";
import { counted, FIRST_PAGE } from "../paging";
import { shortTime } from "../time";
import { Dialog, type DialogProps } from "./Dialog";
import { EventList } from "./EventList";
import { Expires, LastUsed } from "./KeyTimes";
import { Loading } from "./Notices";
import { Pager } from "./Pager";
import { ProblemNotice } from "./ProblemNotice";

type Details = NonNullable<ApiKeyDetailsQuery["apiKey"]>;

/** All that is known of a key, and what happened to it. */
export function DetailsDialog({ apiKey, ...dialog }: DialogProps & { apiKey: ApiKeyRowFragment }) {
  const [range, setRange] = useState(FIRST_PAGE);
  const [{ data, error, fetching, stale }, refresh] = useQuery({
    query: ApiKeyDetailsDocument,
    variables: { id: apiKey.id, ...range },
    requestPolicy: "cache-and-network",
    context: aboutKeys,
  });
  const details = data?.apiKey;
  return (
    <Dialog {...dialog} title={details?.name ?? apiKey.name} size="lg">
      {error && <ProblemNotice problem={problemOf(error)} retry={() => refresh({ requestPolicy: "network-only" })} busy={fetching || stale} />}
      {!data && !error && <Loading label="Loading the key" />}
      {data && !details && !error && <Text size="sm">This key is gone: somebody else deleted it.</Text>}
      {details && (
        <>
          <Facts details={details} />
          <Secrets secrets={details.secrets} />
          <Stack gap="xs">
            <Text fw={600} size="sm">
              History
            </Text>
            {/* Where the history alone could not be read, the notice above says so. */}
            {details.events && (
              <>
                <EventList events={details.events.edges.map(({ node }) => node)} label="History" isOfOneKey />
                <Pager
                  pageInfo={details.events.pageInfo}
                  count={counted(details.events.totalCount, "entry", "entries")}
                  go={setRange}
                  label="Pages of the history"
                />
              </>
            )}
          </Stack>
        </>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={() => dialog.close()} data-autofocus>
          Close
        </Button>
      </Group>
    </Dialog>
  );
}

function Facts({ details }: { details: Details }) {
  const facts: [string, string][] = [
    ["Status", STATUSES[details.status]],
    ["Scopes", details.scopes.length > 0 ? details.scopes.join(" ") : "none"],
    ["Expires", details.expiresAt ? shortTime(new Date(details.expiresAt)) : "never"],
    ["Created", `${shortTime(new Date(details.createdAt))} by ${details.createdBy}`],
    ["Id", details.id],
  ];
  return (
    <Table variant="vertical" withTableBorder layout="fixed" aria-label="About the key">
      <Table.Tbody>
        {facts.map(([label, value]) => (
          <Table.Tr key={label}>
            <Table.Th scope="row" w={90}>
              {label}
            </Table.Th>
            <Table.Td style={{ overflowWrap: "anywhere" }}>{value}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** The secrets that work: two during a rotation. */
function Secrets({ secrets }: { secrets: Details["secrets"] }) {
  const now = useNow();
  return (
    <Table withTableBorder horizontalSpacing="xs" aria-label="Keys that work">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Key</Table.Th>
          <Table.Th>Last used</Table.Th>
          <Table.Th>Ends</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {secrets.map((secret) => (
          <Table.Tr key={secret.createdAt}>
            <Table.Th scope="row" fw={400}>
              <Code>{secret.hint}</Code>
            </Table.Th>
            <Table.Td>
              <LastUsed at={secret.lastUsedAt} now={now} />
            </Table.Td>
            <Table.Td>{secret.expiresAt ? <Expires at={secret.expiresAt} now={now} /> : "with the key"}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
