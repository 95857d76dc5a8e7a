// Creates or changes a customer. The server's complaints appear at their fields; a change made meanwhile by somebody
// else is shown instead of being written over.
import "../app/rest.css";
import {
  ActionIcon,
  Alert,
  Button,
  Group,
  SegmentedControl,
  Stack,
  TagsInput,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { sayFault } from "../api/fault";
import { Problem, say } from "../api/problem";
import { customer as customerQuery, queryClient } from "../api/queries";
import type { Customer } from "../api/types";
import { CustomerPicker } from "../parts/customer-picker";
import { notice } from "../parts/notice";
import { ascii } from "../text/digits";
import styles from "./customers.module.css";

interface Values {
  kind: "person" | "organization";
  name: string;
  organization: { id: string; name: string } | null;
  numbers: { number: string; label: string; key: string }[];
  tags: string[];
  note: string;
}

interface Props {
  /** The customer to change; none: a new one is created. */
  customer?: Customer;
  start?: { name?: string; number?: string };
  onSaved: (c: Customer) => void;
  onCancel: () => void;
}

let keys = 0;
const row = (number = "", label = "") => ({ number, label, key: `n${keys++}` });

function valuesOf(c: Customer | undefined, start: Props["start"]): Values {
  return {
    kind: c?.kind ?? "person",
    name: c?.name ?? start?.name ?? "",
    organization: c?.organization_id ? { id: c.organization_id, name: c.organization } : null,
    numbers: c
      ? c.numbers.filter((n) => !n.historic).map((n) => row(n.raw || n.number, n.label))
      : [row(start?.number)],
    tags: c?.tags ?? [],
    note: c?.note ?? "",
  };
}

function bodyOf(v: Values) {
  return {
    kind: v.kind,
    name: v.name.trim(),
    organization_id: v.kind === "person" ? (v.organization?.id ?? null) : null,
    numbers: v.numbers
      .filter((n) => n.number.trim() !== "")
      .map((n) => ({ number: ascii(n.number.trim()), label: n.label.trim() })),
    tags: v.tags,
    note: v.note,
  };
}

export function CustomerForm({ customer, start, onSaved, onCancel }: Props) {
  const { t } = useTranslation();
  const [version, setVersion] = useState(customer?.version);
  const form = useForm<Values>({
    initialValues: valuesOf(customer, start),
    validate: { name: (v) => (v.trim() === "" ? t("customers.required") : null) },
  });

  const save = useMutation({
    mutationFn: ({ values, version }: { values: Values; version?: number | undefined }) => {
      const body = bodyOf(values);
      if (!customer) return got(api.POST("/api/v1/customers", { body }));
      return got(
        api.PATCH("/api/v1/customers/{id}", {
          params: { path: { id: customer.id } },
          body: { ...body, ...(version === undefined ? {} : { version }) },
        }),
      );
    },
    onSuccess: (c) => {
      queryClient.setQueryData(customerQuery(c.id).queryKey, c);
      void queryClient.invalidateQueries({ queryKey: ["customers"] });
      notice(t("customers.savedDone", { name: c.name }));
      onSaved(c);
    },
    onError: (e, { values: v }) => {
      if (!(e instanceof Problem)) return;
      // Empty rows were not sent: the server counts without them.
      const sent = v.numbers.map((n, i) => ({ i, empty: n.number.trim() === "" })).filter((n) => !n.empty);
      for (const [field, fault] of Object.entries(e.fields)) {
        const m = /^numbers\.(\d+)(?:\.(label))?/.exec(field);
        const path = m
          ? `numbers.${sent[Number(m[1])]?.i ?? 0}.${m[2] ?? "number"}`
          : field === "organization_id"
            ? "organization"
            : field.replace(/^tags\..*/, "tags");
        form.setFieldError(path, sayFault(fault, t));
      }
    },
  });
  const problem = save.error instanceof Problem ? save.error : null;
  const conflict = customer !== undefined && problem?.status === 409;

  const take = async () => {
    if (!customer) return;
    const newer = await queryClient.fetchQuery({ ...customerQuery(customer.id), staleTime: 0 });
    setVersion(newer.version);
    form.setValues(valuesOf(newer, undefined));
    save.reset();
  };
  const overwrite = async () => {
    if (!customer) return;
    const newer = await queryClient.fetchQuery({ ...customerQuery(customer.id), staleTime: 0 });
    setVersion(newer.version);
    save.mutate({ values: form.getValues(), version: newer.version });
  };

  return (
    <form onSubmit={form.onSubmit((values) => save.mutate({ values, version }))} noValidate>
      <Stack gap="md">
        {conflict && (
          <Alert color="orange" title={t("customers.conflictTitle")} role="alert">
            <Text size="xs" mb="xs">
              {t("customers.conflictBody")}
            </Text>
            <Group gap="xs">
              <Button size="compact-sm" variant="default" onClick={() => void take()}>
                {t("customers.conflictTheirs")}
              </Button>
              <Button size="compact-sm" variant="default" onClick={() => void overwrite()}>
                {t("customers.conflictMine")}
              </Button>
            </Group>
          </Alert>
        )}
        {problem && !conflict && (
          <Alert color="red" role="alert" py={8}>
            {say(problem, t)}
          </Alert>
        )}
        <SegmentedControl
          aria-label={t("customers.kind")}
          className={styles.kind}
          data={[
            { value: "person", label: t("customers.person") },
            { value: "organization", label: t("customers.organization") },
          ]}
          {...form.getInputProps("kind")}
        />
        <TextInput
          label={t("customers.name")}
          required
          data-autofocus
          autoComplete="off"
          dir="auto"
          {...form.getInputProps("name")}
        />
        {form.values.kind === "person" && (
          <CustomerPicker
            kind="organization"
            label={t("customers.organizationPick")}
            placeholder={t("customers.organizationHint")}
            value={form.values.organization}
            onPick={(o) => form.setFieldValue("organization", o)}
            error={form.errors.organization}
          />
        )}
        <fieldset className={styles.numbers}>
          <legend>{t("customers.numbers")}</legend>
          {form.values.numbers.map((n, i) => (
            <Group key={n.key} gap="xs" align="flex-start" wrap="nowrap">
              <TextInput
                aria-label={t("customers.number")}
                placeholder="0912 123 4567"
                inputMode="tel"
                dir="ltr"
                flex={2}
                autoComplete="off"
                {...form.getInputProps(`numbers.${i}.number`)}
              />
              <TextInput
                aria-label={t("customers.label")}
                placeholder={t("customers.labelHint")}
                flex={1}
                autoComplete="off"
                {...form.getInputProps(`numbers.${i}.label`)}
              />
              <ActionIcon
                variant="subtle"
                color="gray"
                size={36}
                aria-label={t("customers.removeNumber")}
                onClick={() => form.removeListItem("numbers", i)}
              >
                <IconTrash size={18} stroke={1.6} />
              </ActionIcon>
            </Group>
          ))}
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<IconPlus size={16} />}
            onClick={() => form.insertListItem("numbers", row())}
          >
            {t("customers.addNumber")}
          </Button>
        </fieldset>
        <TagsInput
          label={t("customers.tags")}
          placeholder={t("customers.tagsHint")}
          maxTags={50}
          maxLength={50}
          {...form.getInputProps("tags")}
        />
        <Textarea
          label={t("customers.note")}
          autosize
          minRows={3}
          maxRows={12}
          dir="auto"
          {...form.getInputProps("note")}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onCancel}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {t(customer ? "action.save" : "action.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
