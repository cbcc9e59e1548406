import { Button, Group, Radio, Stack, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { useClient } from "urql";

import { problemOf, type Problem } from "../client";
import { RotateApiKeyDocument, type ApiKeyRowFragment } from "../generated";
import { useShownOnce } from "../hooks";
import { shortTime } from "../time";
import { Dialog, goneMessage, type DialogProps } from "./Dialog";
import { ProblemNotice } from "./ProblemNotice";
import { SecretOnce } from "./SecretOnce";

const OVERLAPS = [
  { seconds: 0, label: "stop working at once" },
  { seconds: 3600, label: "go on working for 1 hour" },
  { seconds: 86400, label: "go on working for 1 day" },
  { seconds: 7 * 86400, label: "go on working for 7 days" },
];

interface Rotated {
  secret: string;
  /** When the secret that the key had ends; undefined where it has. */
  oldEnd: string | undefined;
}

/** Gives a key a new secret, and shows it once. */
export function RotateDialog({ apiKey, ...dialog }: DialogProps & { apiKey: ApiKeyRowFragment }) {
  const client = useClient();
  const [overlap, setOverlap] = useState("86400");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [isDone, setIsDone] = useState(false);
  const [rotated, setRotated] = useShownOnce<Rotated>();

  // The browser kept the page, and the secret was forgotten: there is nothing to show any more.
  const isForgotten = isDone && !rotated;
  const { close } = dialog;
  useEffect(() => {
    if (isForgotten) {
      close();
    }
  }, [isForgotten]);

  const rotate = async () => {
    setBusy(true);
    setProblem(undefined);
    const { data, error } = await client.mutation(RotateApiKeyDocument, { input: { id: apiKey.id, overlapSeconds: Number(overlap) } });
    setBusy(false);
    if (data?.rotateApiKey) {
      const { apiKey: changed, secret } = data.rotateApiKey;
      setRotated({ secret, oldEnd: changed.secrets[1]?.expiresAt ?? undefined });
      setIsDone(true);
    } else if (error) {
      const failed = problemOf(error);
      if (failed.kind === "not-found") {
        close(goneMessage(apiKey.name), true);
      } else {
        setProblem(failed);
      }
    }
  };

  if (isDone) {
    return (
      // It is left with its button alone: what a key at the wrong moment would close is never seen again.
      <Dialog {...dialog} title={`New key for “${apiKey.name}”`} isLocked size="xl">
        {rotated && (
          <>
            <Text size="sm">{fate(apiKey, rotated.oldEnd)}</Text>
            <SecretOnce name={apiKey.name} secret={rotated.secret} />
          </>
        )}
        <Group justify="flex-end">
          <Button onClick={() => close(`The key “${apiKey.name}” was rotated.`)}>Done</Button>
        </Group>
      </Dialog>
    );
  }
  const older = apiKey.secrets[1];
  return (
    <Dialog {...dialog} title={`Rotate “${apiKey.name}”`} isLocked={busy}>
      <Text size="sm">
        It gets a new value, which is shown on the next screen, once. Its name, scopes and expiry stay as they are.
        {older && ` It was rotated before: ${older.hint}, which still works from then, stops at once.`}
      </Text>
      {problem && <ProblemNotice problem={problem} retry={rotate} busy={busy} />}
      <Radio.Group
        label={`Programs that still use ${apiKey.hint}`}
        description="Give them the new value meanwhile."
        value={overlap}
        onChange={setOverlap}
      >
        <Stack gap="xs" mt="sm">
          {OVERLAPS.map(({ seconds, label }) => (
            <Radio key={seconds} value={String(seconds)} label={label} data-autofocus={String(seconds) === overlap || undefined} />
          ))}
        </Stack>
      </Radio.Group>
      <Group justify="flex-end">
        <Button variant="default" onClick={() => !busy && close()} aria-disabled={busy}>
          Cancel
        </Button>
        <Button onClick={rotate} loading={busy}>
          Rotate key
        </Button>
      </Group>
    </Dialog>
  );
}

/** What becomes of the value that the key had. */
function fate({ hint, status }: ApiKeyRowFragment, end: string | undefined): string {
  const old = end ? `Programs that use ${hint} go on working until ${shortTime(new Date(end))}.` : `${hint} does not work any more.`;
  return status === "DISABLED" ? `${old} The key is paused: until you resume it, none works.` : old;
}
