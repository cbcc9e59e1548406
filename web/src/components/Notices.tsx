import { Button, Paper, Skeleton, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** Stands where a list would, and says why there is none. */
export function Nothing({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper withBorder radius="md" p="xl" ta="center">
      <Stack align="center" gap="xs">
        <Text fw={600}>{title}</Text>
        {children}
      </Stack>
    </Paper>
  );
}

/** There are keys, but the filter lets none of them pass. */
export function NothingMatches({ clear }: { clear: () => void }) {
  return (
    <Nothing title="Nothing matches">
      <Text size="sm" c="dimmed">
        You have access tokens, but none like that.
      </Text>
      <Button variant="default" mt="sm" onClick={clear}>
        Show all
      </Button>
    </Nothing>
  );
}

/** Stands where a list will be. */
export function Loading({ label }: { label: string }) {
  return (
    <Stack gap="xs" role="status" aria-label={label}>
      {[0, 1, 2, 3].map((row) => (
        <Skeleton key={row} height={44} radius="md" />
      ))}
    </Stack>
  );
}
