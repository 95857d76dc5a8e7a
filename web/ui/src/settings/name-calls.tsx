import "../app/rest.css";
import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { say } from "../api/problem";
import { queryClient } from "../api/queries";
import type { Phone } from "../api/types";
import { notice } from "../parts/notice";
import { useFormat } from "../text/use-format";
import { phonePath } from "./phone";

interface Props {
  phone: Phone;
  calls: number;
  onClose: (named: boolean) => void;
}

/** NameCalls asks whether the past calls of a phone, nobody's so far, are the agent's whose it is now. */
export function NameCalls({ phone, calls, onClose }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const name = useMutation({
    mutationFn: () =>
      got(
        api.POST("/api/v1/phones/{pbx}/{technology}/{name}/calls", {
          params: { path: phonePath(phone) },
          body: { days: 30 },
        }),
      ),
    onSuccess: (done) => {
      void queryClient.invalidateQueries({ queryKey: ["calls"] });
      notice(t("phones.named", { count: done.calls, n: f.digits(String(done.calls)), name: phone.agent }));
      onClose(true);
    },
  });
  return (
    <Modal
      opened
      onClose={() => onClose(false)}
      title={t("phones.nameTitle")}
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <Stack gap="md">
        {name.error && (
          <Alert color="red" role="alert" py={8}>
            {say(name.error, t)}
          </Alert>
        )}
        <Text>{t("phones.nameBody", { count: calls, n: f.digits(String(calls)), name: phone.agent })}</Text>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={() => onClose(false)}>
            {t("phones.nameNo")}
          </Button>
          <Button data-autofocus loading={name.isPending} onClick={() => name.mutate()}>
            {t("phones.nameYes")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
