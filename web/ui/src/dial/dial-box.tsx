// A number to call that stands nowhere: typed or pasted, with whose it is before it is called.
import { Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPhone } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { sayFault } from "../api/fault";
import { Problem } from "../api/problem";
import { agents, lookup } from "../api/queries";
import { sayWhyNot } from "../api/refusal";
import { ariaKeys } from "../app/keymap";
import { useMay } from "../app/may";
import { setPreferences } from "../app/preferences";
import { useKeys } from "../app/use-keys";
import { useDesk } from "../desk/store";
import { Refusal } from "../parts/refusal";
import { Key, Num } from "../parts/text";
import { useFormat } from "../text/use-format";
import { again, chosenPhone, dial, forget, useAttempt } from "./attempt";
import { Progress, useDialBlock } from "./call-button";
import styles from "./dial.module.css";
import { dialable } from "./number";

const place = "dial-box";

/** DialBox is on the desk; the key R leads to it. */
export default function DialBox() {
  return useMay("calls.dial") ? <Box /> : null;
}

function Box() {
  const { t } = useTranslation();
  const f = useFormat();
  const [text, setText] = useState("");
  const number = dialable(text);
  const [settled] = useDebouncedValue(number, 250);
  const found = useQuery(lookup(settled)).data;
  const known = settled === number && found ? found : null;
  const attempt = useAttempt(place);
  const block = useDialBlock();
  const fault =
    attempt?.state === "refused" && attempt.error instanceof Problem ? (attempt.error.fields.number ?? "") : "";
  const rings = attempt?.state === "ringing";

  useKeys({ dial: () => document.getElementById(place)?.focus() });
  // What is called needs no second time.
  useEffect(() => {
    if (rings) setText("");
  }, [rings]);

  return (
    <section className="panel">
      <form
        onSubmit={(e) => {
          e.preventDefault();
          if (number) dial(place, { number, customer: known?.customer?.id });
        }}
      >
        <Title order={2} mb={8}>
          <label htmlFor={place}>{t("dial.title")}</label> <Key id="dial" />
        </Title>
        <Group gap="xs" wrap="nowrap" align="flex-start">
          <TextInput
            id={place}
            flex={1}
            type="tel"
            inputMode="tel"
            autoComplete="off"
            dir="ltr"
            placeholder={f.digits(t("dial.placeholder"))}
            aria-keyshortcuts={ariaKeys("dial")}
            value={text}
            error={fault && sayFault(fault, t)}
            onChange={(e) => {
              setText(e.currentTarget.value);
              forget();
            }}
            onPaste={(e) => {
              const number = dialable(e.clipboardData.getData("text"));
              const { selectionStart, selectionEnd, value } = e.currentTarget;
              // Pasted into a half-typed number it is a part of that one.
              if (!number || selectionStart !== 0 || selectionEnd !== value.length) return;
              e.preventDefault();
              setText(number);
              forget();
            }}
            onKeyDown={(e) => e.key === "Escape" && e.currentTarget.blur()}
          />
          <Button
            type="submit"
            leftSection={<IconPhone size={16} />}
            loading={attempt?.state === "asking"}
            disabled={number === ""}
            {...(block && number
              ? { "data-disabled": true, "aria-disabled": true, "aria-describedby": `${place}-why` }
              : {})}
          >
            {t("dial.call")}
          </Button>
        </Group>
        <Stack gap={4} mt={8} className={styles.below}>
          {block ? (
            <Text size="xs" c="dimmed" id={`${place}-why`}>
              {sayWhyNot(block, t)}
            </Text>
          ) : (
            <Phones />
          )}
          {number !== "" && <Whose number={number} />}
          {fault === "" &&
            (attempt?.state === "refused" ? (
              <Refusal error={attempt.error} retry={again} onClose={forget} />
            ) : (
              <Progress place={place} />
            ))}
        </Stack>
      </form>
    </section>
  );
}

/** Phones lets who has several choose the one that is rung first. */
function Phones() {
  const { t } = useTranslation();
  const { desk } = useDesk();
  const extensions = desk?.agent.extensions ?? [];
  const [chosen, setChosen] = useState(chosenPhone);
  if (extensions.length < 2) return null;
  const at = extensions.includes(chosen) ? chosen : extensions[0];
  return (
    <fieldset className={styles.phones}>
      <legend>{t("dial.from")}</legend>
      {extensions.map((x) => (
        <label key={x}>
          <input
            type="radio"
            name="phone"
            value={x}
            checked={x === at}
            onChange={() => {
              setChosen(x);
              setPreferences({ phone: x });
            }}
          />
          <Num value={x} plain />
        </label>
      ))}
    </fieldset>
  );
}

/** Whose says who has a number, before it is called. */
function Whose({ number }: { number: string }) {
  const { t } = useTranslation();
  const [settled] = useDebouncedValue(number, 250);
  const { data, isError } = useQuery(lookup(settled));
  const short = settled.length <= 6;
  const colleagues = useQuery({ ...agents(), enabled: short }).data?.items;
  const colleague = short && colleagues?.find((a) => a.extensions.some((x) => x.split("@")[0] === settled));
  let text: string;
  if (settled !== number || (!data && !isError)) text = t("dial.looking");
  else if (colleague) text = t("dial.colleague", { name: colleague.name });
  else if (!data) text = t("dial.notLookedUp");
  else if (data.customer) text = [data.customer.name, data.customer.organization].filter(Boolean).join(" · ");
  else if (data.candidates.length > 0) text = data.candidates.map((c) => c.name).join(t("app.comma"));
  else text = t("dial.nobody");
  return (
    <Text size="xs" role="status" data-testid="whose" className={styles.whose}>
      <Num value={number} /> <bdi>{text}</bdi>
    </Text>
  );
}
