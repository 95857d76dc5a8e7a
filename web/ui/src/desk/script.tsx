import { Button } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconChevronDown, IconChevronUp } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import styles from "./desk.module.css";

/** Script is what to say to who comes by this queue. Who folds it finds it folded with the next call. */
export function Script({ text }: { text: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useLocalStorage({
    key: "ringbook.script",
    defaultValue: true,
    getInitialValueInEffect: false,
  });
  return (
    <section className={styles.script} aria-label={t("desk.script")}>
      <Button
        size="compact-sm"
        variant="subtle"
        rightSection={open ? <IconChevronUp size={16} aria-hidden /> : <IconChevronDown size={16} aria-hidden />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {t("desk.script")}
      </Button>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who uses keys alone scrolls it
        <div className={styles.scriptText} dir="auto" tabIndex={0} role="group" aria-label={t("desk.script")}>
          {text}
        </div>
      )}
    </section>
  );
}
