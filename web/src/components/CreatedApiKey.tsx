import { Alert, Box, Button, Code, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCopy } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";

/** Shows a new key's secret: the only time that anyone sees it. */
export function CreatedApiKey({ name, secret }: { name: string; secret: string }) {
  const [, navigate] = useLocation();
  const field = useRef<HTMLInputElement>(null);
  const curl = `curl https://api.example.com/ \\\n  -H "Authorization: Bearer ${secret}"`;

  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);

  return (
    <Stack gap="md" maw={680}>
      <title>API key created</title>
      <Title order={1} size="h2">
        API key created
      </Title>
      <Alert icon={<IconAlertTriangle aria-hidden />} color="orange" variant="default" title="Copy the key now">
        This is the only time that it is shown. It will never be shown again, to anyone: keep it where you keep passwords.
      </Alert>
      <Paper withBorder radius="md" p="lg">
        <Stack>
          <Group align="flex-end" wrap="nowrap">
            <TextInput
              ref={field}
              label="Key"
              description={`The value of “${name}”`}
              value={secret}
              readOnly
              flex={1}
              miw={0}
              spellCheck={false}
              autoComplete="off"
              styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" }, description: { overflowWrap: "anywhere" } }}
              onFocus={(event) => event.currentTarget.select()}
            />
            <CopyButton text={secret} label="Copy the key" />
          </Group>
          <Box>
            <Text size="sm" fw={500} mb={4}>
              Use it
            </Text>
            <Text size="sm" c="dimmed" mb="xs">
              Send it as a bearer token; put your API’s address in place of the example’s.
            </Text>
            <Code block tabIndex={0} aria-label="A curl command that uses the key" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
              {curl}
            </Code>
          </Box>
        </Stack>
      </Paper>
      <Group>
        <Button onClick={() => navigate("/", { replace: true })}>Done</Button>
      </Group>
    </Stack>
  );
}

function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  const copy = async () => setState((await copyText(text)) ? "copied" : "failed");
  useEffect(() => {
    if (state === "copied") {
      const timer = setTimeout(() => setState("idle"), 4000);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [state]);
  const icon = state === "copied" ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />;
  return (
    <>
      <Button onClick={copy} leftSection={icon} variant={state === "copied" ? "default" : "filled"} aria-label={label}>
        {state === "copied" ? "Copied" : "Copy"}
      </Button>
      <span role="status" className="visually-hidden">
        {state === "copied" && "The key is in the clipboard."}
        {state === "failed" && "The browser did not allow copying. Select the key and copy it by hand."}
      </span>
    </>
  );
}

/** Copies with the clipboard's interface, or as browsers without TLS still let a page do it. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.querySelector<HTMLInputElement>("input[readonly]");
    field?.select();
    return document.execCommand("copy");
  }
}
