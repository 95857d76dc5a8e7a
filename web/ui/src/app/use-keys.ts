import { useEffect, useRef } from "react";
import { type Binding, type KeyID, keymap, matches, typing } from "./keymap";

type Handlers = Partial<Record<KeyID, (e: KeyboardEvent) => void>> & {
  /** Plain digits 1 to 9. */
  digit?: (n: number) => void;
};

/** Only these are done again while their key is held down. */
const steps: readonly string[] = ["next", "previous"] satisfies KeyID[];

/** useKeys runs handlers for their keys while the component is shown; not inside dialogs, and not while typing. */
export function useKeys(handlers: Handlers): void {
  const ref = useRef(handlers);
  ref.current = handlers;
  useEffect(() => {
    const down = (e: KeyboardEvent) => {
      if (e.isComposing || e.defaultPrevented) return;
      const inText = typing(e.target);
      const inDialog = e.target instanceof Element && e.target.closest('[role="dialog"]') !== null;
      for (const [id, handler] of Object.entries(ref.current)) {
        if (id === "digit" || !handler) continue;
        const b: Binding = keymap[id as KeyID];
        if (!matches(e, b) || ((inText || inDialog) && !b.whileTyping)) continue;
        e.preventDefault();
        if (e.repeat && !steps.includes(id)) return;
        (handler as (e: KeyboardEvent) => void)(e);
        return;
      }
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(e.code)?.[1];
      if (digit && !e.repeat && !inText && !inDialog && !e.ctrlKey && !e.metaKey && !e.altKey && !e.shiftKey) {
        ref.current.digit?.(Number(digit));
      }
    };
    window.addEventListener("keydown", down);
    return () => window.removeEventListener("keydown", down);
  }, []);
}
