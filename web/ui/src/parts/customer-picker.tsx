// Picks a customer by name, company or number; the server searches.
import "../app/rest.css";
import { Group, Select, type SelectProps, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconBuilding, IconUser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { findCustomers } from "../api/queries";
import type { Customer } from "../api/types";
import { Num } from "./text";

interface Picked {
  id: string;
  name: string;
}

type Props = Omit<SelectProps, "data" | "value" | "onChange" | "filter" | "searchValue" | "onSearchChange"> & {
  value: Picked | null;
  onPick: (customer: Picked | null) => void;
  kind?: "person" | "organization";
};

export function CustomerPicker({ value, onPick, kind, ...props }: Props) {
  const { t } = useTranslation();
  const [text, setText] = useState(value?.name ?? "");
  const asked = text === value?.name ? "" : text.trim();
  const [q] = useDebouncedValue(asked, 200);
  const { data } = useQuery(findCustomers(q, kind));
  const found: Customer[] = asked === "" ? [] : (data?.items ?? []);
  const options = found.map((c) => ({ value: c.id, label: c.name }));
  if (value && !options.some((o) => o.value === value.id)) options.unshift({ value: value.id, label: value.name });
  return (
    <Select
      searchable
      clearable={value !== null}
      clearButtonProps={{ "aria-label": t("action.remove") }}
      {...props}
      data={options}
      filter={({ options }) => options}
      value={value?.id ?? null}
      onChange={(id, option) => onPick(id && option ? { id, name: option.label } : null)}
      searchValue={text}
      onSearchChange={setText}
      nothingFoundMessage={asked !== "" && data ? t("desk.attachNone", { q: asked }) : undefined}
      renderOption={({ option }) => {
        const c = found.find((x) => x.id === option.value);
        return (
          <Group gap="xs" wrap="nowrap" justify="space-between" flex={1}>
            <Group gap={6} wrap="nowrap">
              {c?.kind === "organization" ? <IconBuilding size={16} aria-hidden /> : <IconUser size={16} aria-hidden />}
              <span>{option.label}</span>
              {c?.organization && (
                <Text size="xs" c="dimmed" component="span">
                  {c.organization}
                </Text>
              )}
            </Group>
            {c?.numbers[0] && (
              <Text size="xs" c="dimmed" component="span">
                <Num value={c.numbers[0].number} />
              </Text>
            )}
          </Group>
        );
      }}
    />
  );
}
