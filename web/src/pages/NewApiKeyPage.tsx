import { Button, Group, Paper, Stack, TagsInput, Text, TextInput, Title } from "@mantine/core";
import { useRef, useState, type FormEvent } from "react";
import { flushSync } from "react-dom";
import { useClient } from "urql";
import { useLocation } from "wouter";

import { problemOf, type Problem } from "../client";
import { CreatedApiKey } from "../components/CreatedApiKey";
import { ExpiryField } from "../components/ExpiryField";
import { ProblemNotice } from "../components/ProblemNotice";
import { endOf, type Expiry } from "../expiry";
import { fieldProblem, focusWrongField } from "../fields";
import { CreateApiKeyDocument } from "../generated";
import { useShownOnce } from "../hooks";

interface Created {
  name: string;
  secret: string;
}

/** Asks for a name and an end, makes the key, and shows its secret once. */
export function NewApiKeyPage() {
  const client = useClient();
  const [, navigate] = useLocation();
  const form = useRef<HTMLFormElement>(null);
  const [name, setName] = useState("");
  const [expiry, setExpiry] = useState<Expiry>({ span: "90", date: "" });
  const [scopes, setScopes] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [created, setCreated] = useShownOnce<Created>();

  // The button that was pressed was disabled meanwhile, and lost the focus.
  const fail = (problem: Problem) => {
    flushSync(() => setProblem(problem));
    focusWrongField(form.current);
  };
  const create = async () => {
    const expiresAt = endOf(expiry, new Date());
    if (expiresAt === undefined) {
      fail({ kind: "input", field: "expiresAt", message: "Choose a date" });
      return;
    }
    setBusy(true);
    setProblem(undefined);
    const { data, error } = await client.mutation(CreateApiKeyDocument, { input: { name, expiresAt, scopes } });
    setBusy(false);
    if (data?.createApiKey) {
      setName("");
      setCreated({ name: data.createApiKey.apiKey.name, secret: data.createApiKey.secret });
    } else if (error) {
      fail(problemOf(error));
    }
  };

  if (created) {
    return <CreatedApiKey name={created.name} secret={created.secret} />;
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void create();
  };
  const errors = { name: fieldProblem(problem, "name"), expiry: fieldProblem(problem, "expiresAt"), scopes: fieldProblem(problem, "scopes") };
  const isElsewhere = problem && !errors.name && !errors.expiry && !errors.scopes;
  return (
    <Stack gap="md" maw={560}>
      <title>Add API Key</title>
      <Title order={1} size="h2">
        Add API Key
      </Title>
      <Text c="dimmed" size="sm">
        Give the key a name that tells what uses it. Its value is made for you and shown on the next screen, once.
      </Text>
      {isElsewhere && <ProblemNotice problem={problem} retry={create} busy={busy} />}
      <Paper withBorder radius="md" p="lg">
        <form ref={form} onSubmit={submit} noValidate>
          <Stack>
            <TextInput
              label="Name"
              placeholder="For example: nightly backup"
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              error={errors.name}
              autoComplete="off"
              data-autofocus
              autoFocus
              withAsterisk
              required
            />
            <ExpiryField expiry={expiry} change={setExpiry} error={errors.expiry} />
            <TagsInput
              label="Scopes"
              description="Words for what the key may do, if the API asks for any."
              value={scopes}
              onChange={setScopes}
              splitChars={[" ", ","]}
              error={errors.scopes}
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
