import { useTranslation } from "react-i18next";
import type { FloorAgent, FloorCall, AgentState as State } from "../api/types";
import { useMay } from "../app/may";
import { Num } from "../parts/text";
import { AgentState } from "../states/agent-state";
import { PresenceDot } from "../states/presence";
import { useFormat } from "../text/use-format";
import styles from "./floor.module.css";

const order: State[] = ["available", "ringing", "talking", "wrap_up", "paused", "offline"];

/** AgentList is the agents with what each is doing and since when; a state is a menu, which leads to the agent's day. */
export function AgentList({ agents, calls }: { agents: FloorAgent[]; calls: FloorCall[] }) {
  const { t } = useTranslation();
  const f = useFormat();
  const may = useMay("states.write");
  const change = may === "team" || may === "all";
  const of = new Map<State, number>();
  for (const a of agents) of.set(a.state, (of.get(a.state) ?? 0) + 1);
  const on = new Map(calls.flatMap((c) => c.agents.map((a) => [a.id, c] as const)));
  return (
    <section className="panel flush" aria-labelledby="floor-agents">
      <header className={styles.head}>
        <h2 id="floor-agents">{t("floor.agents")}</h2>
        <span className={styles.summary}>
          {order
            .filter((s) => of.has(s))
            .map((s) => (
              <span key={s} className="quiet">
                <PresenceDot state={s} /> {t(`state.${s}`)} {f.number(of.get(s) ?? 0)}
              </span>
            ))}
        </span>
      </header>
      {agents.length === 0 ? (
        <p className={styles.none}>{t("floor.noAgents")}</p>
      ) : (
        <ul className={styles.agents}>
          {agents.map((a) => (
            <li key={a.id} data-state={a.state} data-agent={a.name}>
              <span className={styles.agentName}>
                <bdi>{a.name}</bdi>
              </span>
              <AgentState agent={a} standing={a} may={change} />
              <On call={on.get(a.id)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** On is with whom an agent talks, or who rings. */
function On({ call: c }: { call: FloorCall | undefined }) {
  if (!c) return null;
  const name = c.customer?.name || c.name;
  return (
    <span className={`quiet ${styles.on}`}>
      {name ? <bdi>{name}</bdi> : <Num value={c.number} />}
      {c.queue && (
        <>
          {" · "}
          <bdi>{c.queue}</bdi>
        </>
      )}
    </span>
  );
}
