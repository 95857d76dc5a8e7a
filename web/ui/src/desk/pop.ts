// How a pop reads: who the other side is, by which number, and whether it comes in.
import type { Desk, Pop } from "../api/types";

/** incoming says whether the other side called this desk. */
export function incoming(p: Pop, desk: Desk): boolean {
  if (p.call.direction === "inbound") return true;
  return p.call.direction === "internal" && !desk.agent.extensions.includes(p.call.caller.number);
}

/** otherNumber is the number of the other side; empty when it is withheld. */
export function otherNumber(p: Pop, desk: Desk): string {
  return incoming(p, desk) ? p.call.caller.number || p.call.caller.raw : p.call.dialed.number || p.call.dialed.raw;
}

export function withheld(p: Pop, desk: Desk): boolean {
  return incoming(p, desk) && (p.call.caller.withheld || p.rule === "withheld");
}

/** name is the customer's, or what the network says; empty when neither is known. */
export function name(p: Pop, desk: Desk): string {
  if (p.customer) return p.customer.name;
  return incoming(p, desk) ? p.call.caller.name : "";
}

/** disposable says whether a desk may say how its call ends: from the talk on. */
export function disposable(p: Pop): boolean {
  return p.state === "talking" || p.state === "held" || p.state === "ended";
}

/** ownPhoneRings says that the call was asked for on the screen, and that the desk's own phone rings for it first. */
export function ownPhoneRings(p: Pop): boolean {
  if (p.state !== "dialing") return false;
  const mine = p.call.legs.find((l) => l.role === "agent" && l.extension === p.extension);
  return mine !== undefined && mine.offered_at !== null && mine.answered_at === null;
}

/** asked is who is being asked while the other side waits: a name, else an extension; empty when it cannot be told. */
export function asked(p: Pop): string {
  const leg = p.call.legs.findLast((l) => l.role === "agent" && l.extension !== p.extension && l.ended_at === null);
  return leg?.agent || leg?.extension || leg?.number || "";
}

/** countsFrom is the moment from which the pop's timer counts: this desk's answer, or the beginning of the wait. */
export function countsFrom(p: Pop): string {
  const mine = p.call.legs.findLast((l) => l.role === "agent" && l.extension === p.extension && l.answered_at);
  if (p.state === "talking" || p.state === "held") return mine?.answered_at ?? p.call.answered_at ?? p.offered_at;
  return p.call.direction === "inbound" ? p.call.started_at : p.offered_at;
}

/** talkedHere is how long this desk has talked in the call, in milliseconds; a transferred call is not all its talk. */
export function talkedHere(p: Pop, desk: Desk): number {
  const mine = p.call.legs.filter((l) => l.role === "agent" && desk.agent.extensions.includes(l.extension));
  return mine.reduce((ms, l) => ms + l.talk_ms, 0);
}

/** gaveTo is to whom this desk handed the call over at last: a name, else an extension, queue or number; null: to nobody. */
export function gaveTo(p: Pop, desk: Desk): string | null {
  const mine = p.call.legs.findLast((l) => l.role === "agent" && desk.agent.extensions.includes(l.extension));
  const x = p.call.transfers.findLast((x) => desk.agent.extensions.includes(x.by));
  if (mine?.end !== "transferred" || !x) return null;
  return p.call.legs.find((l) => l.extension === x.to)?.agent || x.to;
}
