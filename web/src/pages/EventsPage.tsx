import { Paper, Stack, Text, Title } from "@mantine/core";
import { useState } from "react";
import { useQuery } from "urql";

import { aboutKeys, problemOf } from "../client";
import { EventList } from "../components/EventList";
import { Loading, Nothing } from "../components/Notices";
import { Pager } from "../components/Pager";
import { ProblemNotice } from "../components/ProblemNotice";
import { ApiKeyEventsDocument } from "../generated";
import { usePageHeading, useSessionEnd } from "../hooks";
import { counted, FIRST_PAGE } from "../paging";

/** The record of what was done to the keys. */
export function EventsPage() {
  const heading = usePageHeading();
  const [range, setRange] = useState(FIRST_PAGE);
  const [{ data, error, fetching, stale }, refresh] = useQuery({
    query: ApiKeyEventsDocument,
    variables: range,
    requestPolicy: "cache-and-network",
    context: aboutKeys,
  });
  const page = data?.apiKeyEvents;
  const retry = () => refresh({ requestPolicy: "network-only" });
  useSessionEnd(retry);
  return (
    <Stack gap="md">
      <title>Activity</title>
      <Title order={1} fz={{ base: 20, xs: 26 }} ref={heading} tabIndex={-1} style={{ outline: "none" }}>
        Activity
      </Title>
      <Text c="dimmed" size="sm">
        What was done to your access tokens, newest first. It stays here when a key is gone.
      </Text>
      {error && <ProblemNotice problem={problemOf(error)} retry={retry} busy={fetching || stale} />}
      {!page && !error && <Loading label="Loading what happened" />}
      {page && page.totalCount === 0 && !error && (
        <Nothing title="Nothing has happened yet">
          <Text size="sm" c="dimmed">
            Each key that is created, changed, rotated or deleted is told of here.
          </Text>
        </Nothing>
      )}
      {page && page.edges.length > 0 && (
        <>
          <Paper withBorder radius="md" p="md" aria-busy={fetching || stale}>
            <EventList events={page.edges.map(({ node }) => node)} label="What happened" />
          </Paper>
          <Pager pageInfo={page.pageInfo} count={counted(page.totalCount, "entry", "entries")} go={setRange} />
        </>
      )}
    </Stack>
  );
}
