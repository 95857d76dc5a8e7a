// Preferences take effect here at once, and follow the person to other browsers through the server.
import { api } from "../api/client";
import { me, queryClient } from "../api/queries";
import type { Me } from "../api/types";
import { Format } from "../text/format";
import { timeZone } from "../text/zone";
import { type Preferences, preferences, setPreferences } from "./preferences";

/** choose changes preferences; the server hears of those that it keeps. */
export function choose(change: Partial<Preferences>): void {
  setPreferences(change);
  if (!("language" in change || "theme" in change || "digits" in change)) return;
  const p = preferences();
  const persian = new Format({ ...p, timeZone }).persianDigits;
  void api
    .PATCH("/api/v1/me", {
      body: { language: p.language, theme: p.theme, digits: persian ? "persian" : "latin" },
    })
    .then(({ data }) => {
      if (data) queryClient.setQueryData(me.queryKey, data);
    });
}

/** follow takes over what the server remembers of a person. */
export function follow(p: Me["preferences"]): void {
  const own = p.language === "fa" ? "persian" : "latin";
  setPreferences({ language: p.language, theme: p.theme, digits: p.digits === own ? "language" : p.digits });
}
