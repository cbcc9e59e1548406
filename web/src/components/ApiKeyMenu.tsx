import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconEdit, IconInfoCircle, IconPlayerPause, IconPlayerPlay, IconRotateClockwise } from "@tabler/icons-react";
import { useRef } from "react";

import type { ApiKeyRowFragment } from "../generated";

export interface ApiKeyActions {
  details: (apiKey: ApiKeyRowFragment, opener: HTMLElement | null) => void;
  edit: (apiKey: ApiKeyRowFragment, opener: HTMLElement | null) => void;
  rotate: (apiKey: ApiKeyRowFragment, opener: HTMLElement | null) => void;
  remove: (apiKey: ApiKeyRowFragment, opener: HTMLElement | null) => void;
  pause: (apiKey: ApiKeyRowFragment) => void;
}

/** What can be done with a key besides deleting it. */
export function ApiKeyMenu({ apiKey, actions }: { apiKey: ApiKeyRowFragment; actions: ApiKeyActions }) {
  const button = useRef<HTMLButtonElement>(null);
  const isPaused = apiKey.status === "DISABLED";
  const isExpired = apiKey.status === "EXPIRED";
  return (
    // Without the placeholder, opening it brings the focus to its first item.
    <Menu position="bottom-end" withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon ref={button} variant="subtle" color="gray" size="lg" aria-label={`More for the key ${apiKey.name}`}>
          <IconDots size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconInfoCircle size={16} aria-hidden />}
          onClick={() => actions.details(apiKey, button.current)}
          data-autofocus
        >
          Details and history
        </Menu.Item>
        <Menu.Item leftSection={<IconEdit size={16} aria-hidden />} onClick={() => actions.edit(apiKey, button.current)}>
          Change name or expiry
        </Menu.Item>
        <Menu.Item
          leftSection={isPaused ? <IconPlayerPlay size={16} aria-hidden /> : <IconPlayerPause size={16} aria-hidden />}
          onClick={() => actions.pause(apiKey)}
          disabled={isExpired}
        >
          {isPaused ? "Resume" : "Pause"}
        </Menu.Item>
        <Menu.Item leftSection={<IconRotateClockwise size={16} aria-hidden />} onClick={() => actions.rotate(apiKey, button.current)} disabled={isExpired}>
          Rotate
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
