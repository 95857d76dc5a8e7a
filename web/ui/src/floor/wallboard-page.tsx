// The screen on the wall: large, dark, and nobody's. Its key is in the address behind the #, which no server is told; it is sent
// with every question and nowhere else. It asks again for ever, and says since when what it shows is old.
import { IconAlertTriangle, IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Wallboard } from "../api/types";
import { learn, now, useNow } from "../app/clock";
import { setPageTitle } from "../app/title";
import { Duration } from "../parts/text";
import { useFormat } from "../text/use-format";
import { setTimeZone } from "../text/zone";
import { Elapsed } from "./elapsed";
import { Counts, Level, Longest, Waiting } from "./figures";
import styles from "./wallboard.module.css";

const every = 2000;
const slowest = 10_000;
/** A question that is not answered in this time has failed. */
const patience = 8000;
/** What is shown is called old after this: two questions were lost. */
const stale = 6000;

interface State {
  board: Wallboard | null;
  /** When the last answer came, by this screen's clock. */
  heard: number;
  /** The key opens nothing (any more), and nothing is shown. It is asked on: a server that is made anew may know it again. */
  refused: boolean;
}

export function WallboardPage() {
  const { t } = useTranslation();
  const { board, heard, refused } = useWallboard();
  useNow(1000);
  useEffect(() => setPageTitle(board?.name ?? t("wall.title")), [board?.name, t]);
  const old = board !== null && Date.now() - heard > stale;
  return (
    <main id="wall" className={styles.wall} data-old={old || undefined}>
      {refused ? (
        <Message title={t("wall.refused")} body={t("wall.refusedBody")} />
      ) : !board ? (
        <Message title={t("wall.connecting")} body={t("wall.connectingBody")} />
      ) : (
        <Board board={board} trouble={<Trouble board={board} old={old} heard={heard} />} />
      )}
    </main>
  );
}

function Message({ title, body }: { title: string; body: string }) {
  return (
    <div className={styles.message} role="status">
      <h1>{title}</h1>
      <p>{body}</p>
    </div>
  );
}

interface TroubleProps {
  board: Wallboard;
  old: boolean;
  heard: number;
}

function Trouble({ board, old, heard }: TroubleProps) {
  const { t } = useTranslation();
  const f = useFormat();
  const time = (at: number) => f.timeWithSeconds(new Date(at));
  const said: string[] = [];
  if (old) said.push(t("wall.old", { time: time(now() - (Date.now() - heard)) }));
  for (const p of board.pbx) {
    if (!p.live)
      said.push(
        t("floor.unheard", {
          name: p.name,
          time: f.moment(p.since ? new Date(p.since) : new Date(now()), new Date(now())),
        }),
      );
  }
  if (said.length === 0) return null;
  return (
    <div className={styles.trouble} role="alert">
      <IconPlugConnectedX size="1.2em" aria-hidden />
      {said.join(" · ")}
    </div>
  );
}

function Board({ board: b, trouble }: { board: Wallboard; trouble: React.ReactNode }) {
  const { t } = useTranslation();
  const f = useFormat();
  return (
    <>
      <header className={styles.head}>
        <h1>
          <bdi>{b.name}</bdi>
        </h1>
        <time className="num">{f.time(new Date(now()))}</time>
      </header>
      {trouble}
      <dl className={styles.totals}>
        <Figure label={t("floor.waiting")} loud={b.waiting > 0}>
          {f.number(b.waiting)}
        </Figure>
        <Figure label={t("floor.longest")} loud={b.longest_since !== null}>
          {b.longest_since ? <Elapsed since={b.longest_since} /> : "–"}
        </Figure>
        <Figure label={t("wall.talking")}>{f.number(b.talking)}</Figure>
        <Figure label={t("floor.level")}>
          {b.today?.service_level == null ? "–" : t("floor.percent", { n: f.number(b.today.service_level) })}
        </Figure>
        <Figure label={t("wall.agents")}>
          <span className={styles.counts}>
            <Counts agents={b.agents} />
          </span>
        </Figure>
      </dl>
      {b.queues.length === 0 ? (
        <Message title={t("wall.empty")} body={t("wall.emptyBody")} />
      ) : (
        <table className={styles.queues}>
          <thead>
            <tr>
              <th>{t("queues.queue")}</th>
              <th>{t("floor.waiting")}</th>
              <th>{t("floor.longest")}</th>
              <th>{t("floor.level")}</th>
              <th className={styles.more}>{t("floor.agents")}</th>
              <th className={styles.more}>{t("wall.today")}</th>
            </tr>
          </thead>
          <tbody>
            {b.queues.map((q) => (
              <tr key={q.id} data-waiting={q.waiting || undefined}>
                <td>
                  <bdi>{q.label}</bdi>
                  {q.callers.map((c, i) => (
                    // Two may have the same name and the same second.
                    // biome-ignore lint/suspicious/noArrayIndexKey: they are a queue, and go from its head
                    <div key={i} className={styles.caller}>
                      <bdi>{c.name || t("wall.somebody")}</bdi> <Elapsed since={c.since} />
                    </div>
                  ))}
                </td>
                <td>
                  <Waiting queue={q} />
                </td>
                <td>
                  <Longest since={q.longest_since} seconds={q.target.seconds} />
                </td>
                <td>
                  <Level today={q.today} percent={q.target.percent} />
                </td>
                <td className={styles.more}>
                  <Counts agents={q.agents} />
                </td>
                <td className={styles.more}>
                  {q.today && (
                    <>
                      {t("wall.of", { answered: f.number(q.today.answered), offered: f.number(q.today.offered) })}
                      {q.today.abandoned > 0 && (
                        <span className={styles.lost}>
                          <IconAlertTriangle size="0.9em" aria-hidden />
                          {t("wall.lost", { n: f.number(q.today.abandoned) })}
                        </span>
                      )}
                      {q.today.average_wait_ms > 0 && (
                        <div className={styles.small}>
                          {t("floor.average")} <Duration ms={q.today.average_wait_ms} />
                        </div>
                      )}
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Figure({ label, loud, children }: { label: string; loud?: boolean; children: React.ReactNode }) {
  return (
    <div data-loud={loud || undefined}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** useWallboard asks for the board again and again, later and later while it fails, and at once when the network is back. */
function useWallboard(): State {
  const [state, setState] = useState<State>({ board: null, heard: Date.now(), refused: false });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    let failures = 0;
    let asking = false;
    const ask = async () => {
      if (asking || stopped) return;
      asking = true;
      clearTimeout(timer);
      try {
        const answer = await fetch("/api/v1/wallboard", {
          headers: { Authorization: `Bearer ${decodeURIComponent(location.hash.slice(1))}` },
          credentials: "omit",
          cache: "no-store",
          referrerPolicy: "no-referrer",
          signal: AbortSignal.timeout(patience),
        });
        if (answer.status === 401) {
          failures++;
          if (!stopped) setState((s) => ({ ...s, board: null, refused: true }));
        } else if (!answer.ok) {
          failures++;
        } else {
          const board = (await answer.json()) as Wallboard;
          failures = 0;
          learn(board.now);
          setTimeZone(board.time_zone);
          if (!stopped) setState({ board, heard: Date.now(), refused: false });
        }
      } catch {
        failures++;
      }
      asking = false;
      if (!stopped)
        timer = setTimeout(ask, Math.min(slowest, every * 2 ** Math.min(failures, 4)) * (0.9 + 0.2 * Math.random()));
    };
    const again = () => void ask();
    void ask();
    window.addEventListener("online", again);
    window.addEventListener("hashchange", again);
    return () => {
      stopped = true;
      clearTimeout(timer);
      window.removeEventListener("online", again);
      window.removeEventListener("hashchange", again);
    };
  }, []);
  return state;
}
