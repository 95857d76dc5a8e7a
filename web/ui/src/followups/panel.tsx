// The open follow-ups of a customer or of a call, beside the rest of it, and a new one.
import { ActionIcon, Anchor, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconCheck, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { followUps as followUpsQuery } from "../api/queries";
import { now } from "../app/clock";
import { useMay } from "../app/may";
import { Failed } from "../parts/states";
import { Moment } from "../parts/text";
import { useFormat } from "../text/use-format";
import { finish, followUpName } from "./acts";
import styles from "./followups.module.css";
import { FollowUpDialog, type FollowUpStart } from "./open";
import { sectionOf } from "./search";
import { OwnerText } from "./table";

interface Props {
  /** Of whom, or of which call, they are. */
  of: { customer: string } | { call: string };
  start: FollowUpStart;
}

export function FollowUpPanel({ of, start }: Props) {
  const mayRead = useMay("follow_ups.read");
  return mayRead ? <Panel of={of} start={start} /> : null;
}

function Panel({ of, start }: Props) {
  const { t } = useTranslation();
  const f = useFormat();
  const mayWrite = useMay("follow_ups.write") !== null;
  const [adding, setAdding] = useState(false);
  const list = useInfiniteQuery(followUpsQuery({ ...of, owner: "all", limit: 5 }));
  const items = list.data?.pages[0]?.items ?? [];
  return (
    <section className="panel">
      <Group justify="space-between" mb={8} gap="xs">
        <Title order={2}>{t("followUps.pageTitle")}</Title>
        {mayWrite && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconPlus size={14} />}
            onClick={() => setAdding(true)}
          >
            {t("followUps.new")}
          </Button>
        )}
      </Group>
      {list.isError && items.length === 0 ? (
        <Failed error={list.error} retry={() => void list.refetch()} />
      ) : items.length === 0 ? (
        <Text c="dimmed">{t("followUps.none")}</Text>
      ) : (
        <Stack gap={4}>
          {items.map((item) => (
            <div key={item.id} className={styles.line}>
              <span className={styles.when} data-section={sectionOf(item, new Date(now()), f)}>
                <Moment at={item.due_at} />
              </span>
              <Link to="/follow-ups" search={{ owner: "all", id: item.id }} className="row-link">
                <bdi>{item.title || t("followUps.untitled")}</bdi>
              </Link>
              <span className="quiet">
                <OwnerText item={item} />
              </span>
              {mayWrite && (
                <ActionIcon
                  variant="subtle"
                  size={28}
                  aria-label={`${t("followUps.done")}: ${followUpName(item)}`}
                  onClick={() => void finish(item)}
                >
                  <IconCheck size={18} />
                </ActionIcon>
              )}
            </div>
          ))}
        </Stack>
      )}
      {"customer" in of && list.hasNextPage && (
        <Anchor component={Link} to={`/follow-ups?owner=all&customer=${of.customer}`} size="xs">
          {t("followUps.ofCustomer")}
        </Anchor>
      )}
      <Suspense>{adding && <FollowUpDialog start={start} onClose={() => setAdding(false)} />}</Suspense>
    </section>
  );
}
