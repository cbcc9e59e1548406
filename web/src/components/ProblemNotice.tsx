import { Alert, Button, Code, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconLock } from "@tabler/icons-react";

import type { Problem } from "../client";
import { useSession } from "../hooks";
import { signIn } from "../session";

/** Says in words what went wrong and what to do about it. */
export function ProblemNotice({ problem, retry, busy }: { problem: Problem; retry: () => void; busy: boolean }) {
  const session = useSession();
  const again = (
    <Group>
      <Button variant="default" size="xs" onClick={retry} loading={busy}>
        Try again
      </Button>
    </Group>
  );
  if (problem.kind === "signed-out" && session.kind === "open" && session.mode === "oidc") {
    return (
      <Alert role="alert" icon={<IconLock aria-hidden />} color="blue" variant="default" title="You are not signed in">
        <Stack gap="sm">
          <Text size="sm">Your session has ended, or the server does not accept it.</Text>
          <Group>
            <Button variant="default" size="xs" onClick={() => void signIn()}>
              Sign in again
            </Button>
          </Group>
        </Stack>
      </Alert>
    );
  }
  if (problem.kind === "signed-out") {
    return (
      <Alert role="alert" icon={<IconLock aria-hidden />} color="blue" variant="default" title="You are not signed in">
        <Stack gap="sm">
          <Text size="sm">
            Your session has ended, or this browser never had one. Open the link that the server printed when it started: the line that
            begins with <Code>Open</Code>.
          </Text>
          {again}
        </Stack>
      </Alert>
    );
  }
  return (
    <Alert role="alert" icon={<IconAlertTriangle aria-hidden />} color="red" variant="default" title="That did not work">
      <Stack gap="sm">
        <Text size="sm">{"message" in problem ? problem.message : "This key is gone already."}</Text>
        {again}
      </Stack>
    </Alert>
  );
}
