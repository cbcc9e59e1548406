import { Modal, Stack } from "@mantine/core";
import type { ReactNode } from "react";

/** How a dialog and what opened it talk to each other. */
export interface DialogProps {
  opened: boolean;
  /** Leaves the dialog, with what there is to say of what was done, and whether what opened it goes away with that. */
  close: (message?: string, isGone?: boolean) => void;
  /** The dialog is gone from the screen: the focus may go where it belongs. */
  left: () => void;
}

/** What is said of a key that was not there any more, when the dialog is left for that. */
export function goneMessage(name: string): string {
  return `The key “${name}” is gone: somebody else deleted it.`;
}

/** The frame of every dialog. */
export function Dialog({
  opened,
  title,
  close,
  left,
  isLocked = false,
  size,
  children,
}: DialogProps & {
  title: string;
  /** It cannot be left by the way, with Escape or a click beside it. */
  isLocked?: boolean;
  size?: string;
  children: ReactNode;
}) {
  const leave = () => {
    if (!isLocked) {
      close();
    }
  };
  return (
    <Modal.Root opened={opened} onClose={leave} centered returnFocus={false} onExitTransitionEnd={left} size={size}>
      <Modal.Overlay />
      <Modal.Content>
        <Modal.Body p={{ base: "md", xs: "lg" }}>
          <Stack>
            <Modal.Title fw={600} style={{ overflowWrap: "anywhere" }}>
              {title}
            </Modal.Title>
            {children}
          </Stack>
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
