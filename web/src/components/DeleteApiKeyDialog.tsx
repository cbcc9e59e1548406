import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { useClient } from "urql";

import { aboutKeys, problemOf, type Problem } from "../client";
import { DeleteApiKeyDocument } from "../generated";
import { ProblemNotice } from "./ProblemNotice";

/** The key that is about to be deleted. */
export interface Doomed {
  id: string;
  name: string;
}

/** Asks once, naming the key, then deletes it. */
export function DeleteApiKeyDialog({
  doomed,
  close,
  left,
}: {
  doomed: Doomed | undefined;
  close: (deleted: boolean) => void;
  /** The dialog is gone from the screen: the focus may go where it belongs. */
  left: () => void;
}) {
  const client = useClient();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  // What the dialog says while it fades out.
  const [shown, setShown] = useState<Doomed>();
  useEffect(() => {
    if (doomed) {
      setShown(doomed);
      setProblem(undefined);
    }
  }, [doomed]);

  // What is being deleted is not left: its answer would come for another key.
  const cancel = () => {
    if (!busy) {
      close(false);
    }
  };

  const remove = async () => {
    if (!doomed) {
      return;
    }
    setBusy(true);
    const { error } = await client.mutation(DeleteApiKeyDocument, { input: { id: doomed.id } }, aboutKeys);
    setBusy(false);
    const failed = error && problemOf(error);
    // Somebody else was faster: it is gone, which is what was wanted.
    if (failed && failed.kind !== "not-found") {
      setProblem(failed);
    } else {
      close(true);
    }
  };

  return (
    <Modal.Root opened={doomed !== undefined} onClose={cancel} centered returnFocus={false} onExitTransitionEnd={left}>
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Body p="lg">
          <Stack>
            <Modal.Title fw={600}>Delete this key?</Modal.Title>
            <Text size="sm" style={{ overflowWrap: "anywhere" }}>
              <b>{shown?.name}</b> stops working at once, everywhere it is used. This cannot be undone.
            </Text>
            {problem && <ProblemNotice problem={problem} retry={remove} busy={busy} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={cancel} aria-disabled={busy} data-autofocus>
                Cancel
              </Button>
              <Button color="red" onClick={remove} loading={busy}>
                Delete key
              </Button>
            </Group>
          </Stack>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
