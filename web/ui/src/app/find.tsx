// Ctrl+K: a customer, a number, a call or a page, from anywhere.
import "./rest.css";
import { useDebouncedValue } from "@mantine/hooks";
import { createSpotlight, Spotlight } from "@mantine/spotlight";
import { IconBuilding, IconPhone, IconPhoneCall, IconSearch, IconUser, IconUserPlus } from "@tabler/icons-react";
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { findCustomers, me as meQuery } from "../api/queries";
import { sayWhyNot } from "../api/refusal";
import { dial, useAttempt } from "../dial/attempt";
import { Progress, useDialBlock } from "../dial/call-button";
import { dialable } from "../dial/number";
import { Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { useMay } from "./may";
import { pagesOf } from "./pages";

const [store, finder] = createSpotlight();

interface Entry {
  key: string;
  group: "pages" | "customers" | "calls";
  label: string;
  detail?: ReactNode;
  icon: ReactNode;
  /** Whether what comes of it is shown here. */
  stays?: boolean;
  go: () => void;
}

const place = "find";

/** Find opens whenever asked grows. */
export default function Find({ asked }: { asked: number }) {
  const { t } = useTranslation();
  const f = useFormat();
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [q] = useDebouncedValue(text.trim(), 150);
  const { data } = useQuery(findCustomers(q));
  const me = useSuspenseQuery(meQuery).data;
  const may = useMay("calls.dial");
  const block = useDialBlock();

  useEffect(() => {
    if (asked > 0) finder.open();
  }, [asked]);

  // The desk shows the call now.
  const rings = useAttempt(place)?.state === "ringing";
  const rang = useRef(rings);
  useEffect(() => {
    if (rang.current && !rings) finder.close();
    rang.current = rings;
  }, [rings]);

  const typed = text.trim();
  const number = dialable(typed);
  const isNumber = number.length > 2 && !/\p{L}/u.test(typed);
  const pages: Entry[] = pagesOf(me)
    .map(({ to, word, icon: Icon }) => ({
      key: to,
      group: "pages" as const,
      label: t(word),
      icon: <Icon size={18} />,
      go: () => void navigate({ to }),
    }))
    .filter((p) => typed === "" || p.label.toLowerCase().includes(typed.toLowerCase()));
  const found: Entry[] = (typed === "" ? [] : (data?.items ?? [])).map((c) => ({
    key: c.id,
    group: "customers",
    label: c.name,
    detail: [c.organization, c.numbers[0]?.number].filter(Boolean).length > 0 && (
      <>
        {c.organization} {c.numbers[0] && <Num value={c.numbers[0].number} />}
      </>
    ),
    icon: c.kind === "organization" ? <IconBuilding size={18} /> : <IconUser size={18} />,
    go: () => void navigate({ to: "/customers/$id", params: { id: c.id } }),
  }));
  const calls: Entry[] = [];
  if (isNumber && may) {
    calls.push({
      key: "dial",
      group: "calls",
      label: t("find.dial", { number: f.digits(number) }),
      detail: block && sayWhyNot(block, t),
      icon: <IconPhone size={18} />,
      stays: true,
      go: () => dial(place, { number }),
    });
  }
  if (isNumber) {
    calls.push(
      {
        key: "number",
        group: "calls",
        label: t("find.callsOf", { number: f.digits(number) }),
        icon: <IconPhoneCall size={18} />,
        go: () => void navigate({ to: "/calls", search: { number } }),
      },
      {
        key: "create",
        group: "calls",
        label: t("find.createNumber", { number: f.digits(number) }),
        icon: <IconUserPlus size={18} />,
        go: () => void navigate({ to: "/customers/new", search: { number } }),
      },
    );
  } else if (typed !== "") {
    calls.push({
      key: "text",
      group: "calls",
      label: t("find.callsText", { q: typed }),
      icon: <IconPhoneCall size={18} />,
      go: () => void navigate({ to: "/calls", search: { q: typed } }),
    });
  }
  const all = [...pages, ...found, ...calls];

  return (
    <Spotlight.Root
      store={store}
      query={text}
      onQueryChange={setText}
      shortcut={null}
      clearQueryOnClose
      scrollable
      maxHeight={440}
    >
      <Spotlight.Search
        placeholder={t("find.placeholder")}
        aria-label={t("find.placeholder")}
        leftSection={<IconSearch size={18} aria-hidden />}
        onKeyDown={(e) => {
          // Enter takes the first one when none is chosen with the arrows.
          const first = all[0];
          const chosen = document.querySelector(".mantine-Spotlight-action[data-selected]");
          if (e.key !== "Enter" || chosen || !first) return;
          e.preventDefault();
          if (!first.stays) finder.close();
          first.go();
        }}
      />
      <Spotlight.ActionsList>
        {(["pages", "customers", "calls"] as const).map((group) => {
          const entries = all.filter((e) => e.group === group);
          return (
            entries.length > 0 && (
              <Spotlight.ActionsGroup key={group} label={t(`find.${group}`)}>
                {entries.map((e) => (
                  <Spotlight.Action key={e.key} onClick={e.go} leftSection={e.icon} closeSpotlightOnTrigger={!e.stays}>
                    <span className="find-entry">
                      <span>{e.label}</span>
                      {e.detail && <span className="quiet">{e.detail}</span>}
                    </span>
                  </Spotlight.Action>
                ))}
              </Spotlight.ActionsGroup>
            )
          );
        })}
        {all.length === 0 && <Spotlight.Empty>{t("find.nothing")}</Spotlight.Empty>}
        <div className="menu-refusal">
          <Progress place={place} />
        </div>
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}
