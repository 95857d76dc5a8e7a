import "../app/rest.css";
import { Alert, Button, Group, Modal, Stack } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { say } from "../api/problem";

interface Props {
  title: string;
  /** What is changed, as the exchange calls it; left out: the title says it. */
  name?: string;
  size?: "lg";
  /** What the server said to the last attempt, unless it stands at a field. */
  fault: Error | null;
  saving: boolean;
  /** Whether what stands in the form can be saved. */
  ready: boolean;
  /** Left out: to save. */
  saveWord?: string;
  onSave: () => void;
  onClose: () => void;
  /** Beside the buttons. */
  aside?: ReactNode;
  children: ReactNode;
}

/** FormFrame is the dialog around a form. */
export function FormFrame(props: Props) {
  const { title, name, size, fault, saving, ready, saveWord, onSave, onClose, aside, children } = props;
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      {...(size ? { size } : {})}
      title={
        <>
          {title}
          {name !== undefined && (
            <>
              : <bdi dir="ltr">{name}</bdi>
            </>
          )}
        </>
      }
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          if (ready && !saving) onSave();
        }}
      >
        <Stack gap="md">
          {fault && (
            <Alert color="red" role="alert" py={8}>
              {say(fault, t)}
            </Alert>
          )}
          {children}
          <Group justify={aside ? "space-between" : "flex-end"} gap="xs">
            {aside}
            <Group gap="xs">
              <Button variant="default" onClick={onClose}>
                {t("action.cancel")}
              </Button>
              <Button type="submit" loading={saving} disabled={!ready}>
                {saveWord ?? t("action.save")}
              </Button>
            </Group>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
