// Handing a call on: to whom, and whether they are asked first. By keys alone: type, arrows, Enter, Enter.
import "../app/rest.css";
import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, got } from "../api/client";
import { destinations } from "../api/queries";
import { sayWhyNot } from "../api/refusal";
import type { Pop } from "../api/types";
import { announce } from "../app/announce";
import { Refusal } from "../parts/refusal";
import { Failed, Loading } from "../parts/states";
import { type Target, useTargets } from "./targets";
import styles from "./transfer.module.css";

export default function Transfer({ pop, onClose }: { pop: Pop; onClose: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [target, setTarget] = useState<Target | null>(null);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("act.transferTitle")}
      size="lg"
      closeButtonProps={{ "aria-label": t("action.close") }}
    >
      <Stack gap="md">
        {target ? (
          <How pop={pop} target={target} onBack={() => setTarget(null)} onDone={onClose} />
        ) : (
          <Whom call={pop.call.id} text={text} onText={setText} onPick={setTarget} />
        )}
      </Stack>
    </Modal>
  );
}

interface WhomProps {
  call: string;
  text: string;
  onText: (text: string) => void;
  onPick: (target: Target) => void;
}

/** Whom lists who can take the call; the field keeps the focus while the arrows go through the list. */
function Whom({ call, text, onText, onPick }: WhomProps) {
  const { t } = useTranslation();
  const list = useId();
  const [q] = useDebouncedValue(text.trim(), 150);
  const found = useQuery(destinations(call, q));
  const targets = useTargets(text, found.data);
  const [at, setAt] = useState(0);
  const marked = targets[Math.min(at, targets.length - 1)];
  const option = (x: Target) => `${list}-${x.key}`;

  const keys = (e: KeyboardEvent) => {
    if (e.nativeEvent.isComposing) return;
    if (e.key === "ArrowDown") setAt(Math.min(at + 1, targets.length - 1));
    else if (e.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (e.key === "Enter" && marked) onPick(marked);
    else return;
    e.preventDefault();
  };
  const markedID = marked && option(marked);
  useEffect(() => {
    if (markedID) document.getElementById(markedID)?.scrollIntoView({ block: "nearest" });
  }, [markedID]);

  return (
    <>
      <TextInput
        data-autofocus
        role="combobox"
        aria-expanded={targets.length > 0}
        aria-controls={list}
        aria-autocomplete="list"
        {...(markedID ? { "aria-activedescendant": markedID } : {})}
        label={t("act.search")}
        description={t("act.transferKeys")}
        leftSection={<IconSearch size={16} aria-hidden />}
        autoComplete="off"
        value={text}
        onChange={(e) => {
          onText(e.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={keys}
      />
      <div id={list} role="listbox" aria-label={t("act.search")} className={styles.list}>
        {targets.map((x, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the field's, which keeps the focus
          <div
            key={x.key}
            id={option(x)}
            role="option"
            tabIndex={-1}
            aria-selected={x === marked}
            className={styles.option}
            onClick={() => onPick(x)}
            onMouseMove={() => setAt(i)}
          >
            {x.line}
          </div>
        ))}
      </div>
      {found.isPending ? (
        <Loading />
      ) : found.isError ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : (
        targets.length === 0 && (
          <Text c="dimmed" role="status">
            {q ? t("act.noneFound", { q }) : t("act.noneYet")}
          </Text>
        )
      )}
    </>
  );
}

interface HowProps {
  pop: Pop;
  target: Target;
  onBack: () => void;
  onDone: () => void;
}

type Kind = "attended" | "blind";

/** How asks whether the other is spoken to first. */
function How({ pop, target, onBack, onDone }: HowProps) {
  const { t } = useTranslation();
  const kinds: Kind[] = target.queue ? ["blind"] : ["attended", "blind"];
  const run = useMutation({
    mutationFn: (kind: Kind) =>
      got(
        api.POST("/api/v1/calls/{id}/transfer", {
          params: { path: { id: pop.call.id } },
          body: { kind, ...target.to },
        }),
      ),
    onSuccess: (_, kind) => {
      announce(t(`act.done.${kind}`, { name: target.name }));
      onDone();
    },
  });
  // Enter does the first that can be done.
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  const preferred = kinds.find((kind) => pop.abilities[kind] === "") ?? kinds[0];

  return (
    <>
      <div className={styles.target}>{target.line}</div>
      {run.error && <Refusal error={run.error} onClose={run.reset} />}
      <div className={styles.kinds}>
        {kinds.map((kind) => {
          const why = pop.abilities[kind];
          return (
            <div key={kind}>
              <Button
                fullWidth
                {...(kind === preferred ? { ref: first } : { variant: "default" })}
                loading={run.isPending && run.variables === kind}
                onClick={() => why === "" && !run.isPending && run.mutate(kind)}
                aria-describedby={`how-${kind}`}
                {...(why ? { "data-disabled": true, "aria-disabled": true } : {})}
              >
                {t(`act.${kind}`)}
              </Button>
              <Text size="xs" c="dimmed" id={`how-${kind}`} mt={4}>
                {why ? sayWhyNot(why, t) : t(`act.body.${kind}`)}
              </Text>
            </div>
          );
        })}
      </div>
      <Group justify="flex-end">
        <Button variant="default" onClick={onBack}>
          {t("action.back")}
        </Button>
      </Group>
    </>
  );
}
