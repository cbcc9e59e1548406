// Which dialog is open, and where the focus goes when it is gone.

import { useRef, useState, type RefObject } from "react";

import type { DialogProps } from "./components/Dialog";
import type { ApiKeyRowFragment } from "./generated";

export type OpenDialog =
  | { kind: "delete"; apiKeys: ApiKeyRowFragment[] }
  | { kind: "details" | "edit" | "rotate"; apiKey: ApiKeyRowFragment };

export interface Dialogs extends Omit<DialogProps, "close"> {
  /** Undefined where there is none, and none that still fades out. */
  shown: OpenDialog | undefined;
  /** Another for each opening: a dialog begins anew. */
  serial: number;
  open: (dialog: OpenDialog, opener: HTMLElement | null) => void;
  close: (isGone: boolean) => void;
}

/** The dialogs of a page: one at a time. */
export function useDialogs(heading: RefObject<HTMLElement | null>): Dialogs {
  const [shown, setShown] = useState<OpenDialog>();
  const [opened, setOpened] = useState(false);
  const [serial, setSerial] = useState(0);
  const opener = useRef<HTMLElement>(null);
  return {
    shown,
    opened,
    serial,
    open: (dialog, from) => {
      opener.current = from;
      setShown(dialog);
      setSerial(serial + 1);
      setOpened(true);
    },
    close: (isGone) => {
      if (isGone) {
        opener.current = null;
      }
      setOpened(false);
    },
    // To what opened it, or to the heading where that goes away with what was deleted, now or when the list is here again.
    left: () => {
      setShown(undefined);
      (opener.current?.isConnected ? opener.current : heading.current)?.focus();
    },
  };
}
