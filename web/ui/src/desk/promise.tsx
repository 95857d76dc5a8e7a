// What was promised to who is on the phone, or is to be done for them: answering the call keeps the promise of a callback.
import { useTranslation } from "react-i18next";
import type { DeskFollowUp } from "../api/types";
import { useNow } from "../app/clock";
import styles from "./to-do.module.css";
import { About, What, When } from "./to-do-line";

export default function Promises({ list, me }: { list: DeskFollowUp[]; me: string }) {
  const { t } = useTranslation();
  const now = useNow(15_000);
  return (
    <section aria-label={t("toDo.promised")} data-testid="promises" className={styles.promised}>
      <p className={styles.promisedTitle}>{t("toDo.promised")}</p>
      <ul className={styles.promises}>
        {list.map((f) => (
          <li key={f.id} className={styles.item}>
            <div className={styles.words}>
              <span className={styles.head}>
                <What f={f} />
                <When f={f} now={now} />
              </span>
              <About f={f} me={me} />
              {f.note && (
                <span className={`quiet ${styles.note}`}>
                  <bdi>{f.note}</bdi>
                </span>
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
