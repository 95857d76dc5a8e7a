// Whatever is copied out of a left-to-right island has ASCII digits, so that it can be pasted into a phone.
import { ascii } from "../text/digits";

/** copied is what the clipboard gets for a selection; null: the browser's own way will do. */
export function copied(selection: Selection | null): string | null {
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  const around = range.commonAncestorContainer;
  const element = around instanceof Element ? around : around.parentElement;
  const inside = element?.closest(".num") ?? null;
  if (!inside && !range.cloneContents().querySelector(".num")) return null;
  const text = ascii(selection.toString());
  return inside && /^[+\d\s()-]+$/.test(text) ? text.replace(/[\s()-]/g, "") : text;
}

export function installCopy(): void {
  document.addEventListener("copy", (e) => {
    const text = copied(document.getSelection());
    if (text === null || !e.clipboardData) return;
    e.clipboardData.setData("text/plain", text);
    e.preventDefault();
  });
}

/** copyText puts a text on the clipboard, also where the page has no secure context. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(ascii(text));
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = ascii(text);
    area.style.position = "fixed";
    document.body.append(area);
    area.select();
    const ok = document.execCommand("copy");
    area.remove();
    return ok;
  }
}
