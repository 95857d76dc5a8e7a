import "./rest.css";
import { Kbd, Modal, Stack, Table, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { en } from "../locale/en";
import type { enLater } from "../locale/en-later";
import { Key } from "../parts/text";
import { type KeyID, onFollowUps, onMissed } from "./keymap";

type Word = keyof ((typeof en)["keys"] & (typeof enLater)["keys"]);

const everywhere = [
  ["find", "find"],
  ["goDesk", "desk"],
  ["goCalls", "calls"],
  ["goCustomers", "customers"],
  ["goFollowUps", "followUps"],
  ["goSettings", "settings"],
  ["goFloor", "floor"],
  ["goMissed", "missed"],
  ["pause", "pause"],
  ["offerTake", "offerTake"],
  ["offerDone", "offerDone"],
  ["offerLater", "offerLater"],
  ["help", "help"],
] as const satisfies [KeyID, string][];

const onDesk = [
  ["note", "note"],
  ["noteDone", "noteDone"],
  ["create", "create"],
  ["attach", "attach"],
  ["open", "open"],
  ["copy", "copy"],
  ["next", "next"],
  ["previous", "previous"],
  ["dismiss", "dismiss"],
  ["newFollowUp", "newFollowUp"],
  ["hold", "hold"],
  ["transfer", "transfer"],
  ["complete", "complete"],
  ["giveUp", "giveUp"],
  ["hangUp", "hangUp"],
  ["dial", "dial"],
] as const satisfies [KeyID, string][];

const groups = ["everywhere", "onDesk", "onFollowUps", "onMissed"] as const;

const rows: Record<(typeof groups)[number], readonly (readonly [KeyID, Word])[]> = {
  everywhere,
  onDesk,
  onFollowUps: onFollowUps.map((id) => [id, id === "next" || id === "previous" ? `${id}FollowUp` : id]),
  onMissed: onMissed.map((id) => [id, id === "open" ? id : `${id}Missed`]),
};

/** KeysHelp lists every key; opened with ?. */
export default function KeysHelp({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("keys.title")}
      size="md"
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <Stack gap="md">
        {groups.map((group) => (
          <section key={group}>
            <Title order={3} mb={4}>
              {t(`keys.${group}`)}
            </Title>
            <Table verticalSpacing={4} horizontalSpacing={0}>
              <Table.Tbody>
                {rows[group].map(([id, word]) => (
                  <Table.Tr key={id}>
                    <Table.Td>{t(`keys.${word}`)}</Table.Td>
                    <Table.Td ta="end">
                      <Key id={id} />
                    </Table.Td>
                  </Table.Tr>
                ))}
                {group === "onDesk" && (
                  <Table.Tr>
                    <Table.Td>{t("keys.digits")}</Table.Td>
                    <Table.Td ta="end">
                      <Kbd className="key" dir="ltr">
                        1 … 9
                      </Kbd>
                    </Table.Td>
                  </Table.Tr>
                )}
              </Table.Tbody>
            </Table>
          </section>
        ))}
        <Text size="xs" c="dimmed">
          {t("keys.body")}
        </Text>
      </Stack>
    </Modal>
  );
}
