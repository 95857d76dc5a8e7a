import { Radio, Select, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import type { Agent, Phone, PhonePatch } from "../api/types";
import { ascii } from "../text/digits";
import { FormFrame } from "./form-frame";

type Meaning = "rule" | "extension" | "line";

interface Props {
  phone: Phone;
  agents: Agent[];
  /** What the server said to the last attempt. */
  fault: Error | null;
  saving: boolean;
  onSave: (change: PhonePatch) => void;
  onClose: () => void;
}

/** PhoneForm says what a phone is, against what its name tells, and whose. */
export function PhoneForm({ phone, agents, fault, saving, onSave, onClose }: Props) {
  const { t } = useTranslation();
  const before: Meaning = phone.correction ? (phone.extension ? "extension" : "line") : "rule";
  const [meaning, setMeaning] = useState<Meaning>(before);
  const [extension, setExtension] = useState(phone.extension);
  const [chosen, setChosen] = useState<string | null>(); // undefined: whose the extension is
  const at = (field: string) => {
    const said = fault instanceof Problem ? fault.fields[field] : undefined;
    return said ? sayFault(said, t) : undefined;
  };
  const placed = at("extension") ?? at("agent_id");
  const typed = ascii(extension.trim());
  const meant = meaning === "extension" ? typed : phone.extension;
  const owner = agents.find((a) => a.extensions.some((x) => x === meant || x === `${meant}@${phone.pbx}`))?.id ?? null;
  // Taken back, the name may tell another extension than the correction did.
  const asksAgent = meaning === "extension" || (meaning === "rule" && before === "rule");

  const save = () => {
    const change: PhonePatch = {};
    if (meaning === "line") change.extension = "";
    else if (meaning === "rule" && before !== "rule") change.extension = null;
    else if (meaning === "extension" && (before !== "extension" || typed !== phone.extension)) change.extension = typed;
    if (asksAgent && chosen !== undefined && chosen !== owner) change.agent_id = chosen;
    if (Object.keys(change).length === 0) onClose();
    else onSave(change);
  };
  return (
    <FormFrame
      title={t("phones.correct")}
      name={phone.endpoint}
      fault={placed ? null : fault}
      saving={saving}
      ready={meaning !== "extension" || typed !== ""}
      onSave={save}
      onClose={onClose}
    >
      <Radio.Group label={t("phones.meaning")} value={meaning} onChange={(v) => setMeaning(v as Meaning)}>
        <Stack gap="xs" mt="xs">
          <Radio value="rule" label={t("phones.meaningRule")} description={t("phones.meaningRuleBody")} />
          <Radio value="extension" label={t("phones.meaningExtension")} />
          {meaning === "extension" && (
            <TextInput
              aria-label={t("phones.extension")}
              placeholder="1001"
              dir="ltr"
              inputMode="numeric"
              autoComplete="off"
              ms={32}
              value={extension}
              error={at("extension")}
              onChange={(e) => setExtension(e.currentTarget.value)}
            />
          )}
          <Radio value="line" label={t("phones.meaningLine")} description={t("phones.meaningLineBody")} />
        </Stack>
      </Radio.Group>
      {asksAgent && (
        <Select
          label={t("phones.agent")}
          description={t("phones.agentBody")}
          placeholder={t("phones.nobody")}
          searchable
          clearable
          clearButtonProps={{ "aria-label": t("action.remove") }}
          nothingFoundMessage={t("phones.nobodyFound")}
          data={agents.map((a) => ({ value: a.id, label: a.name }))}
          value={chosen === undefined ? owner : chosen}
          error={at("agent_id")}
          onChange={setChosen}
        />
      )}
    </FormFrame>
  );
}
