import { Group, Text, Textarea } from "@mantine/core";
import { IconCheck, IconClockPause, IconLoader2, IconX } from "@tabler/icons-react";
import { useEffect, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { ariaKeys } from "../app/keymap";
import { current } from "../app/session";
import { Key } from "../parts/text";
import styles from "./desk.module.css";
import type { DraftState } from "./drafts";

const icons = { saved: IconCheck, typing: IconLoader2, saving: IconLoader2, unsaved: IconClockPause, refused: IconX };
const words = {
  saved: "desk.noteSaved",
  typing: "desk.noteSaving",
  saving: "desk.noteSaving",
  unsaved: "desk.noteUnsaved",
  refused: "desk.noteRefused",
} as const;

/** Note is the note of one call: a draft where something was typed here, else what the server has. */
export function Note({ callID, saved, readOnly }: { callID: string; saved: string; readOnly?: boolean }) {
  const { t } = useTranslation();
  const drafts = current()?.drafts;
  const draft = useSyncExternalStore(drafts?.subscribe ?? none, () => drafts?.get(callID));
  useEffect(() => drafts?.heard(callID, saved), [drafts, callID, saved]);
  const state: DraftState | null = draft?.state ?? (saved === "" ? null : "saved");
  const Icon = state && icons[state];
  return (
    <section className="panel">
      <Group justify="space-between" mb={6}>
        <Text component="label" htmlFor="note" fw={600}>
          {t("desk.note")} {!readOnly && <Key id="note" />}
        </Text>
        {!readOnly && (
          <span className={styles.noteState} data-state={state ?? "empty"} role="status" data-testid="note-state">
            {Icon && <Icon size={14} aria-hidden />}
            {state ? t(words[state]) : t("desk.noteEmpty")}
          </span>
        )}
      </Group>
      <Textarea
        id="note"
        autosize
        minRows={4}
        maxRows={14}
        maxLength={10000}
        placeholder={t("desk.notePlaceholder")}
        readOnly={readOnly === true}
        aria-keyshortcuts={ariaKeys("note")}
        value={draft?.text ?? saved}
        onChange={(e) => drafts?.write(callID, e.currentTarget.value, saved)}
        onBlur={() => drafts?.flush(callID)}
        onKeyDown={(e) => e.key === "Escape" && e.currentTarget.blur()}
        classNames={{ input: styles.note }}
        dir="auto"
      />
    </section>
  );
}

const none = () => () => undefined;
