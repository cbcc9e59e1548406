import { Button, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { flushSync } from "react-dom";
import { useClient } from "urql";
import { useLocation } from "wouter";

import { problemOf, type Problem } from "../client";
import { CreatedApiKey } from "../components/CreatedApiKey";
import { ProblemNotice } from "../components/ProblemNotice";
import { CreateApiKeyDocument } from "../generated";

interface Created {
  name: string;
  secret: string;
}

/** Asks for a name, makes the key, and shows its secret once. */
export function NewApiKeyPage() {
  const client = useClient();
  const [, navigate] = useLocation();
  const field = useRef<HTMLInputElement>(null);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  // The secret lives in here and nowhere else: not in the URL, storage, history or the client's cache.
  const [created, setCreated] = useState<Created>();

  useEffect(() => {
    // A browser may keep a whole page to show it again when somebody comes back to it.
    const forget = () => flushSync(() => setCreated(undefined));
    window.addEventListener("pagehide", forget);
    return () => window.removeEventListener("pagehide", forget);
  }, []);

  const create = async () => {
    setBusy(true);
    setProblem(undefined);
    const { data, error } = await client.mutation(CreateApiKeyDocument, { input: { name } });
    setBusy(false);
    if (data) {
      setName("");
      setCreated({ name: data.createApiKey.apiKey.name, secret: data.createApiKey.secret });
    } else if (error) {
      setProblem(problemOf(error));
      // The button that was pressed was disabled meanwhile, and lost the focus.
      field.current?.focus();
    }
  };

  if (created) {
    return <CreatedApiKey name={created.name} secret={created.secret} />;
  }
  const nameError = problem?.kind === "input" && problem.field === "name" ? problem.message.replaceAll("`name`", "The name") : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create();
  };
  return (
    <Stack gap="md" maw={560}>
      <title>Add API Key</title>
      <Title order={1} size="h2">
        Add API Key
      </Title>
      <Text c="dimmed" size="sm">
        Give the key a name that tells what uses it. Its value is made for you and shown on the next screen, once.
      </Text>
      {problem && !nameError && <ProblemNotice problem={problem} retry={create} busy={busy} />}
      <Paper withBorder radius="md" p="lg">
        <form onSubmit={submit} noValidate>
          <Stack>
            <TextInput
              ref={field}
              label="Name"
              placeholder="For example: nightly backup"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              error={nameError}
              autoComplete="off"
              data-autofocus
              autoFocus
              withAsterisk
              required
            />
            <Group>
              <Button type="submit" loading={busy}>
                Create key
              </Button>
              <Button variant="default" onClick={() => navigate("/")} disabled={busy}>
                Cancel
              </Button>
            </Group>
          </Stack>
        </form>
      </Paper>
    </Stack>
  );
}
