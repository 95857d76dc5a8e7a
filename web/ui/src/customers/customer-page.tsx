import { Alert, Anchor, Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconArchive, IconBuilding, IconPencil, IconRestore, IconUser } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import {
  calls as callsQuery,
  customer as customerQuery,
  customers as customersQuery,
  queryClient,
} from "../api/queries";
import type { Customer } from "../api/types";
import { CallTable } from "../calls/call-table";
import { Callable } from "../dial/call-button";
import { FollowUpPanel } from "../followups/panel";
import { complain, notice } from "../parts/notice";
import { Page } from "../parts/page";
import { Failed, Loading } from "../parts/states";
import { Moment, Num } from "../parts/text";
import { offerUndo } from "../parts/undo";
import styles from "./customers.module.css";

const shown = 20;

export function CustomerPage() {
  const { id } = useParams({ from: "/inside/customers/$id" });
  const { data, error, refetch } = useQuery(customerQuery(id));
  if (data) return <CustomerView customer={data} />;
  return <div className="page">{error ? <Failed error={error} retry={() => void refetch()} /> : <Loading />}</div>;
}

function useArchive(c: Customer) {
  const { t } = useTranslation();
  const changed = () => {
    void queryClient.invalidateQueries({ queryKey: ["customers"] });
    void queryClient.invalidateQueries({ queryKey: ["customer", c.id] });
  };
  const restore = useMutation({
    mutationFn: () => got(api.POST("/api/v1/customers/{id}/restore", { params: { path: { id: c.id } } })),
    onSuccess: () => {
      changed();
      notice(t("customers.restoredDone", { name: c.name }));
    },
    onError: complain,
  });
  const archive = useMutation({
    mutationFn: () => got(api.DELETE("/api/v1/customers/{id}", { params: { path: { id: c.id } } })),
    onSuccess: () => {
      changed();
      void offerUndo(t("customers.archivedDone", { name: c.name }), () => restore.mutate());
    },
    onError: complain,
  });
  return { archive, restore };
}

function CustomerView({ customer: c }: { customer: Customer }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { archive, restore } = useArchive(c);
  const history = useInfiniteQuery(callsQuery({ customer: c.id, limit: shown }));
  const people = useInfiniteQuery({
    ...customersQuery({ organization: c.id, limit: 50 }),
    enabled: c.kind === "organization",
  });
  const calls = history.data?.pages[0]?.items ?? [];

  return (
    <Page
      name={c.name}
      title={
        <Group gap={8} wrap="nowrap">
          {c.kind === "organization" ? <IconBuilding size={20} aria-hidden /> : <IconUser size={20} aria-hidden />}
          {c.name}
          {c.tags.map((tag) => (
            <Badge
              key={tag}
              color="gray"
              component={Link}
              to={`/customers?tag=${encodeURIComponent(tag)}`}
              className="tag-link"
            >
              {tag}
            </Badge>
          ))}
        </Group>
      }
      actions={
        <>
          <Button
            variant="default"
            leftSection={<IconPencil size={16} />}
            onClick={() => void navigate({ to: "/customers/$id/edit", params: { id: c.id } })}
          >
            {t("action.edit")}
          </Button>
          {c.archived_at ? (
            <Button
              variant="default"
              leftSection={<IconRestore size={16} />}
              loading={restore.isPending}
              onClick={() => restore.mutate()}
            >
              {t("action.restore")}
            </Button>
          ) : (
            <Button
              variant="default"
              leftSection={<IconArchive size={16} />}
              loading={archive.isPending}
              onClick={() => archive.mutate()}
            >
              {t("action.archive")}
            </Button>
          )}
        </>
      }
    >
      {c.archived_at && (
        <Alert color="orange" mb="md" py={8}>
          {t("customers.archivedBody")}
        </Alert>
      )}
      <div className={styles.grid}>
        <div className={styles.side}>
          <section className="panel">
            <Title order={2} mb={8}>
              {t("customers.numbers")}
            </Title>
            {c.numbers.length === 0 ? (
              <Text c="dimmed">{t("customers.noNumbers")}</Text>
            ) : (
              <ul className={styles.list}>
                {c.numbers.map((n) => (
                  <li key={n.number + n.extension}>
                    <span>
                      <Callable number={n.number} customer={c.id} />
                      {n.extension && (
                        <span className="quiet">
                          {" "}
                          {t("calls.extension", { n: "" })}
                          <Num value={n.extension} plain />
                        </span>
                      )}
                    </span>
                    <span className="quiet">
                      {[n.label, n.historic && t("customers.historic")].filter(Boolean).join(" · ")}
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </section>
          <FollowUpPanel
            of={{ customer: c.id }}
            start={{ customer: { id: c.id, name: c.name }, kind: c.numbers.length > 0 ? "callback" : "task" }}
          />
          {c.organization_id && (
            <section className="panel">
              <Title order={2} mb={8}>
                {t("customers.organizationPick")}
              </Title>
              <Anchor component={Link} to={`/customers/${c.organization_id}`}>
                {c.organization}
              </Anchor>
            </section>
          )}
          {c.kind === "organization" && (people.data?.pages[0]?.items.length ?? 0) > 0 && (
            <section className="panel">
              <Title order={2} mb={8}>
                {t("customers.people")}
              </Title>
              <ul className={styles.list}>
                {people.data?.pages
                  .flatMap((p) => p.items)
                  .map((p) => (
                    <li key={p.id}>
                      <Link to="/customers/$id" params={{ id: p.id }} className="row-link">
                        {p.name}
                      </Link>
                      {p.numbers[0] && <Callable number={p.numbers[0].number} customer={p.id} />}
                    </li>
                  ))}
              </ul>
            </section>
          )}
          {c.note && (
            <section className="panel">
              <Title order={2} mb={8}>
                {t("customers.note")}
              </Title>
              <Text dir="auto" className={styles.note}>
                {c.note}
              </Text>
            </section>
          )}
          <Text size="xs" c="dimmed">
            {t("customers.since")} <Moment at={c.created_at} />
          </Text>
        </div>
        <section className="panel flush">
          <Group justify="space-between" p="md" pb={8}>
            <Title order={2}>{t("customers.history")}</Title>
            {history.hasNextPage && (
              <Anchor component={Link} to={`/calls?customer=${c.id}`} size="xs">
                {t("customers.allCalls")}
              </Anchor>
            )}
          </Group>
          {history.isPending ? (
            <Loading />
          ) : history.isError ? (
            <Failed error={history.error} retry={() => void history.refetch()} />
          ) : calls.length === 0 ? (
            <Stack p="md" pt={0}>
              <Text c="dimmed">{t("customers.noHistory")}</Text>
            </Stack>
          ) : (
            <CallTable calls={calls} withoutCustomer />
          )}
        </section>
      </div>
    </Page>
  );
}
