// One rule of dialling: which numbers, for whom, and whether they are allowed.
import { ActionIcon, Group, MultiSelect, SegmentedControl, Select, TextInput } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconTrash } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { DialClass, DialRule, Role } from "../api/types";
import { ascii } from "../text/digits";
import { useFormat } from "../text/use-format";
import styles from "./rules.module.css";

/** Row is a rule with a name of its own, which stays when it is moved. */
export interface Row {
  key: number;
  rule: DialRule;
}

export const roles: Role[] = ["agent", "sales", "supervisor", "admin"];

/** Emergency numbers are always allowed, so that no rule names them. */
const classes: DialClass[] = [
  "premium",
  "international",
  "service",
  "shared_cost",
  "toll_free",
  "mobile",
  "national",
  "internal",
  "unknown",
];

interface Props {
  row: Row;
  place: number;
  last: boolean;
  /** What the server says about a field of this rule. */
  fault: (field: "class" | "prefix" | "roles" | "note") => string | undefined;
  onChange: (rule: DialRule) => void;
  onMove: (by: 1 | -1) => void;
  onRemove: () => void;
}

export function RuleRow({ row: { rule }, place, last, fault, onChange, onMove, onRemove }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const n = f.number(place + 1);
  const label = (word: string) => `${t("rules.rule", { n })}: ${word}`;
  const byPrefix = !rule.class;
  const what = (v: string | null) => {
    const { class: _, prefix: __, ...rest } = rule;
    onChange(v === null || v === "prefix" ? { ...rest, prefix: "" } : { ...rest, class: v as DialClass });
  };
  return (
    <li className={styles.rule}>
      <span className={styles.place} aria-hidden>
        {n}
      </span>
      <div className={styles.what}>
        <Select
          aria-label={label(t("rules.what"))}
          allowDeselect={false}
          data={[
            ...(byPrefix || classes.includes(rule.class as DialClass)
              ? classes
              : [rule.class as DialClass, ...classes]),
            "prefix" as const,
          ].map((c) => ({ value: c, label: t(`rules.class.${c}`) }))}
          value={rule.class ?? "prefix"}
          error={byPrefix ? undefined : fault("class")}
          onChange={what}
        />
        {byPrefix && (
          <TextInput
            aria-label={label(t("rules.prefix"))}
            placeholder={t("rules.prefixHint")}
            dir="ltr"
            inputMode="tel"
            autoComplete="off"
            value={rule.prefix ?? ""}
            error={fault("prefix") ?? fault("class")}
            onChange={(e) => onChange({ ...rule, prefix: ascii(e.currentTarget.value).replace(/[\s()-]/g, "") })}
          />
        )}
      </div>
      <MultiSelect
        aria-label={label(t("rules.roles"))}
        placeholder={rule.roles.length === 0 ? t("rules.everybody") : ""}
        data={roles.map((r) => ({ value: r, label: t(`agents.roles.${r}`) }))}
        value={rule.roles}
        error={fault("roles")}
        onChange={(v) => onChange({ ...rule, roles: v as Role[] })}
      />
      <Verdict
        label={label(t("rules.verdict"))}
        allow={rule.allow}
        onChange={(allow) => onChange({ ...rule, allow })}
      />
      <TextInput
        aria-label={label(t("rules.note"))}
        placeholder={t("rules.note")}
        dir="auto"
        autoComplete="off"
        maxLength={200}
        value={rule.note ?? ""}
        error={fault("note")}
        onChange={(e) => onChange({ ...rule, note: e.currentTarget.value })}
      />
      <Group gap={2} wrap="nowrap" className={styles.moves}>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={place === 0}
          aria-label={t("rules.up", { n })}
          onClick={() => onMove(-1)}
        >
          <IconArrowUp size={16} />
        </ActionIcon>
        <ActionIcon
          variant="subtle"
          color="gray"
          disabled={last}
          aria-label={t("rules.down", { n })}
          onClick={() => onMove(1)}
        >
          <IconArrowDown size={16} />
        </ActionIcon>
        <ActionIcon variant="subtle" color="gray" aria-label={t("rules.removeRule", { n })} onClick={onRemove}>
          <IconTrash size={16} />
        </ActionIcon>
      </Group>
    </li>
  );
}

/** Verdict is whether something is allowed. */
export function Verdict({
  label,
  allow,
  onChange,
}: {
  label: string;
  allow: boolean;
  onChange: (allow: boolean) => void;
}) {
  const { t } = useTranslation();
  return (
    <SegmentedControl
      aria-label={label}
      data={[
        { value: "yes", label: t("rules.allowed") },
        { value: "no", label: t("rules.forbidden") },
      ]}
      value={allow ? "yes" : "no"}
      onChange={(v) => onChange(v === "yes")}
    />
  );
}
