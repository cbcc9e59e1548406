import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPlus } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useClient, useQuery } from "urql";
import { Link } from "wouter";

import { aboutKeys, problemOf, type Problem } from "../client";
import { ApiKeyDialogs } from "../components/ApiKeyDialogs";
import type { ApiKeyActions } from "../components/ApiKeyMenu";
import { ApiKeyTable } from "../components/ApiKeyTable";
import { goneMessage } from "../components/Dialog";
import { ListTools } from "../components/ListTools";
import { Loading, Nothing, NothingMatches } from "../components/Notices";
import { Pager } from "../components/Pager";
import { ProblemNotice } from "../components/ProblemNotice";
import { SelectionBar } from "../components/SelectionBar";
import { useDialogs } from "../dialogs";
import { ApiKeysDocument, UpdateApiKeyDocument, ViewerDocument, type ApiKeyRowFragment } from "../generated";
import { usePageHeading, useSessionEnd } from "../hooks";
import { EVERYTHING, isFiltered, ORDERS, variablesOf, type Listing } from "../listing";
import { counted, FIRST_PAGE, type PageRange } from "../paging";

const NONE: ReadonlySet<string> = new Set();

/** The list of access tokens. */
export function ApiKeysPage() {
  const client = useClient();
  const heading = usePageHeading();
  const dialogs = useDialogs(heading);
  const [typed, setTyped] = useState(EVERYTHING);
  const [search] = useDebouncedValue(typed.search, 300);
  const listing = { ...typed, search };
  const [range, setRange] = useState(FIRST_PAGE);
  const [selected, setSelected] = useState(NONE);
  const [message, setMessage] = useState("");
  const [notPaused, setNotPaused] = useState<{ apiKey: ApiKeyRowFragment; problem: Problem }>();
  const [, refreshViewer] = useQuery({ query: ViewerDocument, pause: true });
  const [{ data, error, fetching, stale }, refresh] = useQuery({
    query: ApiKeysDocument,
    variables: variablesOf(listing, range),
    requestPolicy: "cache-and-network",
    context: aboutKeys,
  });
  const page = data?.apiKeys;
  const apiKeys = page?.edges.map(({ node }) => node) ?? [];
  const chosen = apiKeys.filter(({ id }) => selected.has(id));
  const retry = () => {
    refresh({ requestPolicy: "network-only" });
    refreshViewer({ requestPolicy: "network-only" });
  };
  useSessionEnd(retry);

  // What is selected is on the screen.
  const go = (next: PageRange) => {
    setRange(next);
    setSelected(NONE);
  };
  // Cursors belong to one order: another list begins with its first page.
  const list = (next: Listing) => {
    setTyped(next);
    go(FIRST_PAGE);
  };

  // The last key of the last page was deleted: there is nothing to see here any more.
  const isBeyondTheEnd = page !== undefined && page.edges.length === 0 && page.totalCount > 0;
  useEffect(() => {
    if (isBeyondTheEnd) {
      setRange(FIRST_PAGE);
    }
  }, [isBeyondTheEnd]);

  const open: typeof dialogs.open = (dialog, opener) => {
    setMessage("");
    setNotPaused(undefined);
    dialogs.open(dialog, opener);
  };
  const finish = (done: string) => {
    setMessage(done);
    refresh({ requestPolicy: "network-only" });
  };
  const close = (done?: string, isGone = false) => {
    if (done !== undefined) {
      finish(done);
    }
    dialogs.close(isGone);
  };
  const pause = async (apiKey: ApiKeyRowFragment) => {
    setMessage("");
    setNotPaused(undefined);
    const disabled = apiKey.status !== "DISABLED";
    const { error } = await client.mutation(UpdateApiKeyDocument, { input: { id: apiKey.id, disabled } });
    const problem = error && problemOf(error);
    if (problem?.kind === "not-found") {
      finish(goneMessage(apiKey.name));
      heading.current?.focus();
    } else if (problem) {
      setNotPaused({ apiKey, problem });
    } else {
      setMessage(disabled ? `The key “${apiKey.name}” is paused: it does not work until you resume it.` : `The key “${apiKey.name}” works again.`);
    }
  };
  const actions: ApiKeyActions = {
    details: (apiKey, opener) => open({ kind: "details", apiKey }, opener),
    edit: (apiKey, opener) => open({ kind: "edit", apiKey }, opener),
    rotate: (apiKey, opener) => open({ kind: "rotate", apiKey }, opener),
    remove: (apiKey, opener) => open({ kind: "delete", apiKeys: [apiKey] }, opener),
    pause: (apiKey) => void pause(apiKey),
  };

  // Until its answer is here, a list shows what the one before had.
  const isEmpty = page !== undefined && page.totalCount === 0 && !fetching;
  const hasTools = isFiltered(listing) || (page !== undefined && (page.totalCount > 0 || fetching));
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
      <Text role="status" size="sm" className={message === "" ? "visually-hidden" : undefined} style={{ overflowWrap: "anywhere" }}>
        {message}
      </Text>
      {notPaused && <ProblemNotice problem={notPaused.problem} retry={() => void pause(notPaused.apiKey)} busy={false} />}
      {hasTools && <ListTools listing={typed} change={list} />}
      {error && <ProblemNotice problem={problemOf(error)} retry={retry} busy={fetching || stale} />}
      {!error && !isEmpty && apiKeys.length === 0 && <Loading label="Loading your access tokens" />}
      {isEmpty && !error && (isFiltered(listing) ? <NothingMatches clear={() => list(EVERYTHING)} /> : <Empty />)}
      {chosen.length > 0 && (
        <SelectionBar
          count={chosen.length}
          clear={() => setSelected(NONE)}
          remove={(opener) => open({ kind: "delete", apiKeys: chosen }, opener)}
        />
      )}
      {page && apiKeys.length > 0 && (
        <>
          <ApiKeyTable
            apiKeys={apiKeys}
            order={ORDERS[listing.order].label}
            isBusy={fetching || stale}
            selection={{ ids: selected, change: setSelected }}
            actions={actions}
          />
          <Pager
            pageInfo={page.pageInfo}
            count={counted(page.totalCount, "key", "keys")}
            go={go}
            words={listing.order === "newest" ? ["Newer", "Older"] : ["Previous", "Next"]}
          />
        </>
      )}
      <ApiKeyDialogs dialogs={dialogs} close={close} />
    </Stack>
  );
}

function Empty() {
  return (
    <Nothing title="No access tokens yet">
      <Text size="sm" c="dimmed">
        Create your first key to let a program use the API.
      </Text>
      <Button component={Link} href="/new" variant="light" mt="sm">
        Create your first key
      </Button>
    </Nothing>
  );
}
