import { Button, Group, Paper, Text } from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useRef } from "react";

/** What can be done with the keys that are selected. */
export function SelectionBar({ count, clear, remove }: { count: number; clear: () => void; remove: (opener: HTMLElement | null) => void }) {
  const button = useRef<HTMLButtonElement>(null);
  return (
    <Paper withBorder radius="md" px="sm" py={6} role="group" aria-label="Selected keys">
      <Group justify="space-between">
        <Text size="sm" role="status">
          {count} selected
        </Text>
        <Group gap="xs">
          <Button variant="default" size="xs" onClick={clear}>
            Select none
          </Button>
          <Button
            ref={button}
            color="red"
            size="xs"
            leftSection={<IconTrash size={14} aria-hidden />}
            aria-label={count === 1 ? "Delete the selected key" : `Delete the ${count} selected keys`}
            onClick={() => remove(button.current)}
          >
            Delete
          </Button>
        </Group>
      </Group>
    </Paper>
  );
}
