import "../app/rest.css";
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { CustomerPicker } from "../parts/customer-picker";
import { Num } from "../parts/text";

/** Attach names the customer of a call; the server remembers it for the call's number. */
export default function Attach({
  number,
  onPick,
  onClose,
}: {
  number: string;
  onPick: (id: string) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [picked, setPicked] = useState<{ id: string; name: string } | null>(null);
  return (
    <Modal opened onClose={onClose} title={t("desk.attach")} closeButtonProps={{ "aria-label": t("action.close") }}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (!picked) return;
          onPick(picked.id);
          onClose();
        }}
      >
        <Stack gap="md" mih={140} justify="space-between">
          <Stack gap="xs">
            <CustomerPicker
              label={t("calls.customer")}
              placeholder={t("desk.attachHint")}
              value={picked}
              onPick={setPicked}
              data-autofocus
              comboboxProps={{ withinPortal: true }}
            />
            {number && (
              <Text size="xs" c="dimmed">
                <Num value={number} /> – {t("desk.attachRemembered")}
              </Text>
            )}
          </Stack>
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" disabled={!picked}>
              {t("action.choose")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
