import { Alert, Button, Code, Group, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useRef, useState } from "react";
import { flushSync } from "react-dom";

import { ProblemNotice } from "../components/ProblemNotice";
import { signIn, type Session, type SignInProblem } from "../session";

/** What there is to see before somebody is signed in. */
export function SignInPage({ session }: { session: Exclude<Session, { kind: "open" }> }) {
  switch (session.kind) {
    case "starting":
      return null;
    case "under-way":
      return <Text role="status">{session.message}</Text>;
    case "unreachable": {
      const message = "The server cannot be reached. Check that it runs, then try again.";
      return (
        <Stack gap="md" maw={560}>
          <Title order={1} size="h2">
            Access Tokens
          </Title>
          <ProblemNotice problem={{ kind: "unavailable", message }} retry={() => window.location.reload()} busy={false} />
        </Stack>
      );
    }
    case "unregistered":
      return <Unregistered issuer={session.issuer} redirectUri={session.redirectUri} />;
    case "signed-out":
      return <SignIn issuer={session.issuer} problem={session.problem} />;
  }
}

function SignIn({ issuer, problem }: { issuer: string; problem: SignInProblem | undefined }) {
  const button = useRef<HTMLButtonElement>(null);
  const [busy, setBusy] = useState(false);
  const leave = async () => {
    setBusy(true);
    await signIn();
    // Still here, so it failed. The button was disabled meanwhile, and lost the focus.
    flushSync(() => setBusy(false));
    button.current?.focus();
  };
  return (
    <Stack gap="md" maw={560}>
      <title>Sign in</title>
      <Title order={1} size="h2">
        Sign in
      </Title>
      <Text style={{ overflowWrap: "anywhere" }}>
        You sign in with the identity provider <b>{new URL(issuer).host}</b>, and come back here to your access tokens.
      </Text>
      {problem && (
        <Alert role="alert" icon={<IconAlertTriangle aria-hidden />} color="red" variant="default" title="You are not signed in">
          {problem.message}
        </Alert>
      )}
      <Group>
        <Button ref={button} onClick={leave} loading={busy}>
          {problem?.isOutage ? "Try again" : "Sign in"}
        </Button>
      </Group>
    </Stack>
  );
}

function Unregistered({ issuer, redirectUri }: { issuer: string; redirectUri: string }) {
  return (
    <Stack gap="md" maw={560} style={{ overflowWrap: "anywhere" }}>
      <title>Sign in</title>
      <Title order={1} size="h2">
        This page is not set up yet
      </Title>
      <Text>
        To use it, the operator of this server registers it with the identity provider <b>{new URL(issuer).host}</b> as a public client
        (authorization code with PKCE) with the redirect URI <Code>{redirectUri}</Code>, and sets <Code>APIKEYS_OIDC_CLIENT_ID</Code> to the
        client id that the provider gave it.
      </Text>
      <Text c="dimmed" size="sm">
        The API at <Code>/graphql</Code> works without that.
      </Text>
    </Stack>
  );
}
