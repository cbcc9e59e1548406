import type { Dialogs } from "../dialogs";
import { DeleteDialog } from "./DeleteDialog";
import { DetailsDialog } from "./DetailsDialog";
import type { DialogProps } from "./Dialog";
import { EditDialog } from "./EditDialog";
import { RotateDialog } from "./RotateDialog";

/** The dialog that is open, if one is. */
export function ApiKeyDialogs({ dialogs, close }: { dialogs: Dialogs; close: DialogProps["close"] }) {
  const { shown, serial, opened, left } = dialogs;
  const props = { opened, close, left };
  switch (shown?.kind) {
    case undefined:
      return null;
    case "delete":
      return <DeleteDialog key={serial} apiKeys={shown.apiKeys} {...props} />;
    case "details":
      return <DetailsDialog key={serial} apiKey={shown.apiKey} {...props} />;
    case "edit":
      return <EditDialog key={serial} apiKey={shown.apiKey} {...props} />;
    case "rotate":
      return <RotateDialog key={serial} apiKey={shown.apiKey} {...props} />;
  }
}
