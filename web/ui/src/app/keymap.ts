// The keys. They go by the place of the key (event.code), so that a Persian layout has the same ones.

export interface Binding {
  code: string;
  ctrl?: boolean;
  alt?: boolean;
  shift?: boolean;
  /** Holds even while a text is being typed. */
  whileTyping?: boolean;
}

export const keymap = {
  find: { code: "KeyK", ctrl: true, whileTyping: true },
  help: { code: "Slash", shift: true },
  goDesk: { code: "Digit1", alt: true, whileTyping: true },
  goCalls: { code: "Digit2", alt: true, whileTyping: true },
  goCustomers: { code: "Digit3", alt: true, whileTyping: true },
  goSettings: { code: "Digit4", alt: true, whileTyping: true },
  goMissed: { code: "Digit7", alt: true, whileTyping: true },
  goFloor: { code: "Digit6", alt: true, whileTyping: true },
  note: { code: "KeyN" },
  noteDone: { code: "Enter", ctrl: true, whileTyping: true },
  create: { code: "KeyC" },
  attach: { code: "KeyA" },
  open: { code: "KeyO" },
  copy: { code: "KeyY" },
  next: { code: "KeyJ" },
  previous: { code: "KeyK" },
  dismiss: { code: "KeyD" },
  dial: { code: "KeyR" },
  hold: { code: "KeyH" },
  transfer: { code: "KeyT" },
  complete: { code: "KeyT", shift: true },
  giveUp: { code: "KeyG", shift: true },
  hangUp: { code: "KeyH", shift: true },
  pause: { code: "KeyP", shift: true },
  newFollowUp: { code: "KeyF" },
  offerTake: { code: "KeyB" },
  offerDone: { code: "KeyM" },
  offerLater: { code: "KeyL" },
  goFollowUps: { code: "Digit5", alt: true, whileTyping: true },
  addFollowUp: { code: "KeyN" },
  selectFollowUp: { code: "KeyX" },
  doneFollowUp: { code: "KeyD" },
  callFollowUp: { code: "KeyC" },
  moveFollowUp: { code: "KeyR" },
  assignFollowUp: { code: "KeyA" },
} as const satisfies Record<string, Binding>;

export type KeyID = keyof typeof keymap;

/** The keys of the list of follow-ups. The other pages' plain keys do something else. */
export const onFollowUps = [
  "addFollowUp",
  "next",
  "previous",
  "selectFollowUp",
  "callFollowUp",
  "doneFollowUp",
  "moveFollowUp",
  "assignFollowUp",
] as const satisfies KeyID[];

/** The keys of the list of missed calls, which has some of the desk's for what is like it there. */
export const onMissed = ["next", "previous", "dial", "attach", "dismiss", "open"] as const satisfies KeyID[];

/** label writes a binding for people, in Latin letters as on the keycaps: Ctrl+K, Alt+1, N, ?. */
export function label(id: KeyID): string {
  const b: Binding = keymap[id];
  if (b.code === "Slash" && b.shift) return "?";
  const key = b.code.replace(/^(Key|Digit)/, "");
  return [b.ctrl && "Ctrl", b.alt && "Alt", b.shift && "Shift", key].filter(Boolean).join("+");
}

/** ariaKeys writes a binding for aria-keyshortcuts. */
export function ariaKeys(id: KeyID): string {
  const b: Binding = keymap[id];
  return [b.ctrl && "Control", b.alt && "Alt", b.shift && "Shift", b.code.replace(/^(Key|Digit)/, "")]
    .filter(Boolean)
    .join("+");
}

type Pressed = Pick<KeyboardEvent, "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

export function matches(e: Pressed, b: Binding): boolean {
  return (
    e.code === b.code &&
    (e.ctrlKey || e.metaKey) === Boolean(b.ctrl) &&
    e.altKey === Boolean(b.alt) &&
    e.shiftKey === Boolean(b.shift)
  );
}

/** typing says whether keys pressed at this target belong to a text. */
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) {
    return !["button", "checkbox", "radio", "submit", "reset"].includes(target.type);
  }
  return target.closest('textarea, select, [role="textbox"], [role="combobox"], [role="spinbutton"]') !== null;
}
