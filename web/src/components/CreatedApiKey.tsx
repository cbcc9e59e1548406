import { Button, Group, Stack, Title } from "@mantine/core";
import { useLocation } from "wouter";

import { SecretOnce } from "./SecretOnce";

/** What there is to see when a key was made. */
export function CreatedApiKey({ name, secret }: { name: string; secret: string }) {
  const [, navigate] = useLocation();
  return (
    <Stack gap="md" maw={680}>
      <title>API key created</title>
      <Title order={1} size="h2">
        API key created
      </Title>
      <SecretOnce name={name} secret={secret} />
      <Group>
        <Button onClick={() => navigate("/", { replace: true })}>Done</Button>
      </Group>
    </Stack>
  );
}
