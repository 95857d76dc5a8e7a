import "../app/rest.css";
import { Badge, Button, Group, Select, Switch, Table } from "@mantine/core";
import { IconAddressBook, IconBuilding, IconPlus, IconSearchOff, IconUser } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { customers as customersQuery } from "../api/queries";
import { Callable } from "../dial/call-button";
import { ListPanel } from "../parts/list-panel";
import { Page } from "../parts/page";
import { SearchField } from "../parts/search-field";
import { Num } from "../parts/text";
import { type CustomerSearch, query } from "./search";

export function CustomersPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/inside/customers" });
  const navigate = useNavigate({ from: "/customers" });
  const list = useInfiniteQuery(customersQuery(query(search)));
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const filter = useCallback(
    (change: CustomerSearch) =>
      void navigate({
        search: (s) => Object.fromEntries(Object.entries({ ...s, ...change }).filter(([, v]) => v)),
        replace: true,
      }),
    [navigate],
  );
  const filtered = Object.keys(search).length > 0;

  return (
    <Page
      title={t("customers.title")}
      name={t("customers.title")}
      actions={
        <Button component={Link} to="/customers/new" leftSection={<IconPlus size={16} />}>
          {t("customers.create")}
        </Button>
      }
    >
      <Group gap="sm" mb="sm">
        <SearchField
          value={search.q ?? ""}
          onSearch={(q) => filter({ q })}
          placeholder={t("customers.search")}
          aria-label={t("customers.search")}
          w={{ base: "100%", xs: 320 }}
        />
        <Select
          aria-label={t("customers.kind")}
          placeholder={t("customers.kind")}
          w={160}
          clearable
          clearButtonProps={{ "aria-label": t("action.clear") }}
          data={[
            { value: "person", label: t("customers.person") },
            { value: "organization", label: t("customers.organization") },
          ]}
          value={search.kind ?? null}
          onChange={(v) => filter({ kind: (v ?? undefined) as CustomerSearch["kind"] & string })}
        />
        {search.tag && (
          <Badge
            size="lg"
            color="gray"
            rightSection={
              <button
                type="button"
                className="chip-x"
                aria-label={t("action.remove")}
                onClick={() => filter({ tag: "" })}
              >
                ×
              </button>
            }
          >
            {search.tag}
          </Badge>
        )}
        <Switch
          label={t("customers.showArchived")}
          checked={search.archived === "1"}
          onChange={(e) => filter({ archived: e.currentTarget.checked ? "1" : ("" as "1") })}
        />
      </Group>
      <ListPanel
        list={list}
        items={items}
        label={t("customers.title")}
        empty={
          filtered
            ? {
                icon: <IconSearchOff size={28} stroke={1.5} />,
                title: t("customers.noneTitle"),
                body: search.q ? t("customers.noneBody", { q: search.q }) : t("calls.noneBody"),
                children: (
                  <Button variant="default" onClick={() => void navigate({ search: {} })}>
                    {t("action.clear")}
                  </Button>
                ),
              }
            : {
                icon: <IconAddressBook size={28} stroke={1.5} />,
                title: t("customers.emptyTitle"),
                body: t("customers.emptyBody"),
                children: (
                  <Button component={Link} to="/customers/new">
                    {t("customers.create")}
                  </Button>
                ),
              }
        }
        head={
          <>
            <Table.Th>{t("customers.name")}</Table.Th>
            <Table.Th className="only-wide">{t("customers.organization")}</Table.Th>
            <Table.Th>{t("customers.numbers")}</Table.Th>
            <Table.Th className="only-wide">{t("customers.tags")}</Table.Th>
          </>
        }
        row={(c) => (
          <Table.Tr key={c.id} data-link onClick={() => void navigate({ to: "/customers/$id", params: { id: c.id } })}>
            <Table.Td>
              <Group gap={8} wrap="nowrap">
                {c.kind === "organization" ? (
                  <IconBuilding size={16} role="img" aria-label={t("customers.organization")} />
                ) : (
                  <IconUser size={16} role="img" aria-label={t("customers.person")} />
                )}
                <Link
                  to="/customers/$id"
                  params={{ id: c.id }}
                  className="row-link"
                  onClick={(e) => e.stopPropagation()}
                >
                  {c.name}
                </Link>
              </Group>
            </Table.Td>
            <Table.Td className="only-wide">{c.organization}</Table.Td>
            <Table.Td>
              {c.numbers[0] ? (
                <>
                  <Callable number={c.numbers[0].number} customer={c.id} />
                  {c.numbers.length > 1 && (
                    <span className="quiet">
                      {" "}
                      <Num value={`+${c.numbers.length - 1}`} plain />
                    </span>
                  )}
                </>
              ) : (
                <span className="quiet">{t("customers.noNumbers")}</span>
              )}
            </Table.Td>
            <Table.Td className="only-wide">
              <Group gap={4}>
                {c.tags.map((tag) => (
                  <Badge key={tag} color="gray">
                    {tag}
                  </Badge>
                ))}
              </Group>
            </Table.Td>
          </Table.Tr>
        )}
      />
    </Page>
  );
}
