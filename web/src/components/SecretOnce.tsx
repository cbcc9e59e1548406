import { Alert, Box, Button, Code, Group, Paper, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCopy } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

/** Shows a secret, to be copied: the only time that anyone sees it. */
export function SecretOnce({ name, secret }: { name: string; secret: string }) {
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState<"idle" | "copied" | "failed">("idle");
  const copy = async () => {
    setCopied("idle");
    setCopied((await copyText(secret, field.current)) ? "copied" : "failed");
  };
  // It works as it stands: any key may ask whose it is.
  const curl = [
    `curl ${window.location.origin}/graphql`,
    `  -H "Authorization: Bearer ${secret}"`,
    `  -H "Content-Type: application/json"`,
    `  -d '{"query": "{ viewer { owner apiKey { name } } }"}'`,
  ].join(" \\\n");

  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  useEffect(() => {
    if (copied !== "copied") {
      return undefined;
    }
    const timer = setTimeout(() => setCopied("idle"), 4000);
    return () => clearTimeout(timer);
  }, [copied]);

  return (
    <Stack gap="md">
      <Alert icon={<IconAlertTriangle aria-hidden />} color="orange" variant="default" title="Copy the key now">
        This is the only time that it is shown. It will never be shown again, to anyone: keep it where you keep passwords.
      </Alert>
      <Paper withBorder radius="md" p={{ base: "sm", xs: "lg" }}>
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
            <Button
              onClick={copy}
              leftSection={copied === "copied" ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
              variant={copied === "copied" ? "default" : "filled"}
              aria-label="Copy the key"
              flex="none"
            >
              {copied === "copied" ? "Copied" : "Copy"}
            </Button>
          </Group>
          <Text role="status" size="sm" c={copied === "failed" ? "var(--mantine-color-error)" : undefined} className={copied === "failed" ? undefined : "visually-hidden"}>
            {copied === "copied" && "The key is in the clipboard."}
            {copied === "failed" && "The browser did not allow copying. Select the key and copy it by hand before you leave this page."}
          </Text>
          <Box>
            <Text size="sm" fw={500} mb={4}>
              Try it
            </Text>
            <Text size="sm" c="dimmed" mb="xs">
              This asks whose key it is. Programs send it to your API in the same header.
            </Text>
            <Code block tabIndex={0} aria-label="A curl command that uses the key" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
              {curl}
            </Code>
          </Box>
        </Stack>
      </Paper>
    </Stack>
  );
}

/** Copies with the clipboard's interface, or as browsers without TLS still let a page do it. */
async function copyText(text: string, field: HTMLInputElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    field?.focus();
    field?.select();
    return document.execCommand("copy");
  }
}
