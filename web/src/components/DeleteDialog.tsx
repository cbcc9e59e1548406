import { Button, Group, List, Text } from "@mantine/core";
import { useState } from "react";
import { useClient } from "urql";

import { aboutKeys, problemOf, type Problem } from "../client";
import { DeleteApiKeyDocument, DeleteApiKeysDocument, type ApiKeyRowFragment } from "../generated";
import { Dialog, type DialogProps } from "./Dialog";
import { ProblemNotice } from "./ProblemNotice";

/** Of many keys, so many are named. */
const NAMED = 5;

/** Asks once, naming the keys, then deletes them, all or none. */
export function DeleteDialog({ apiKeys, ...dialog }: DialogProps & { apiKeys: ApiKeyRowFragment[] }) {
  const client = useClient();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const count = apiKeys.length;
  const only = count === 1 ? apiKeys[0] : undefined;

  const remove = async () => {
    setBusy(true);
    const { error } = only
      ? await client.mutation(DeleteApiKeyDocument, { input: { id: only.id } }, aboutKeys)
      : await client.mutation(DeleteApiKeysDocument, { input: { ids: apiKeys.map(({ id }) => id) } }, aboutKeys);
    setBusy(false);
    const failed = error && problemOf(error);
    if (only && (!failed || failed.kind === "not-found")) {
      // Where somebody else was faster, it is gone, which is what was wanted.
      dialog.close(`The key “${only.name}” was deleted.`, true);
    } else if (!failed) {
      dialog.close(`${count} keys were deleted.`, true);
    } else if (failed.kind === "not-found") {
      dialog.close("Nothing was deleted: somebody else deleted one of these keys meanwhile. This is the list as it is now; look again at what you selected.", true);
    } else {
      setProblem(failed);
    }
  };

  return (
    // What is being deleted is not left: its answer would come for other keys.
    <Dialog {...dialog} title={only ? "Delete this key?" : `Delete ${count} keys?`} isLocked={busy}>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>
        {only ? (
          <>
            <b>{only.name}</b> stops working at once, everywhere it is used. This cannot be undone.
          </>
        ) : (
          "They stop working at once, everywhere they are used. This cannot be undone."
        )}
      </Text>
      {!only && (
        <List size="sm" style={{ overflowWrap: "anywhere" }}>
          {apiKeys.slice(0, NAMED).map(({ id, name }) => (
            <List.Item key={id}>{name}</List.Item>
          ))}
          {count > NAMED && <List.Item>and {count - NAMED} more</List.Item>}
        </List>
      )}
      {problem && <ProblemNotice problem={problem} retry={remove} busy={busy} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={() => !busy && dialog.close()} aria-disabled={busy} data-autofocus>
          Cancel
        </Button>
        <Button color="red" onClick={remove} loading={busy}>
          {only ? "Delete key" : `Delete ${count} keys`}
        </Button>
      </Group>
    </Dialog>
  );
}
