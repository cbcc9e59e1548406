import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useRef, useState, type FormEvent } from "react";
import { flushSync } from "react-dom";
import { useClient } from "urql";

import { problemOf, type Problem } from "../client";
import { endOf, type Expiry } from "../expiry";
import { fieldProblem, focusWrongField } from "../fields";
import { UpdateApiKeyDocument, type ApiKeyRowFragment } from "../generated";
import { shortTime } from "../time";
import { Dialog, goneMessage, type DialogProps } from "./Dialog";
import { ExpiryField } from "./ExpiryField";
import { ProblemNotice } from "./ProblemNotice";

/** Changes a key's name and when it ends. */
export function EditDialog({ apiKey, ...dialog }: DialogProps & { apiKey: ApiKeyRowFragment }) {
  const client = useClient();
  const form = useRef<HTMLFormElement>(null);
  const [name, setName] = useState(apiKey.name);
  const [expiry, setExpiry] = useState<Expiry>({ span: "keep", date: "" });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const fail = (problem: Problem) => {
    flushSync(() => setProblem(problem));
    focusWrongField(form.current);
  };

  const save = async () => {
    const expiresAt = endOf(expiry, new Date());
    if (expiry.span === "date" && expiresAt === undefined) {
      fail({ kind: "input", field: "expiresAt", message: "Choose a date" });
      return;
    }
    if (name === apiKey.name && expiresAt === undefined) {
      dialog.close();
      return;
    }
    setBusy(true);
    setProblem(undefined);
    // Only what is changed is sent: somebody else may have changed the rest meanwhile.
    const changed = { name: name === apiKey.name ? undefined : name, expiresAt };
    const { data, error } = await client.mutation(UpdateApiKeyDocument, { input: { id: apiKey.id, ...changed } });
    setBusy(false);
    if (data?.updateApiKey) {
      dialog.close(`The key “${data.updateApiKey.apiKey.name}” was changed.`);
    } else if (error) {
      const failed = problemOf(error);
      if (failed.kind === "not-found") {
        dialog.close(goneMessage(apiKey.name), true);
      } else {
        fail(failed);
      }
    }
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save();
  };
  const nameError = fieldProblem(problem, "name");
  const expiryError = fieldProblem(problem, "expiresAt");
  return (
    <Dialog {...dialog} title={`Change “${apiKey.name}”`} isLocked={busy}>
      {problem && !nameError && !expiryError && <ProblemNotice problem={problem} retry={save} busy={busy} />}
      <form ref={form} onSubmit={submit} noValidate>
        <Stack>
          <TextInput
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={nameError}
            autoComplete="off"
            data-autofocus
            required
            withAsterisk
          />
          <ExpiryField
            expiry={expiry}
            change={setExpiry}
            error={expiryError}
            keep={apiKey.expiresAt ? `as now: ${shortTime(new Date(apiKey.expiresAt))}` : "as now: never"}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => !busy && dialog.close()} aria-disabled={busy}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
