// Runs before the first paint: language, direction and colours as this browser last had them, so that nothing flashes.
// The same keys are read by src/app/preferences.ts.
(() => {
  // The nonce by which the server's policy lets libraries write <style> elements; some look for it under this name.
  const nonce = document.querySelector('meta[property="csp-nonce"]');
  if (nonce) globalThis.__webpack_nonce__ = nonce.nonce || nonce.getAttribute("nonce");
  const root = document.documentElement;
  let saved = {};
  try {
    saved = JSON.parse(localStorage.getItem("ringbook.preferences") || "{}") || {};
  } catch {
    // An unreadable setting is no setting.
  }
  const language = saved.language === "en" ? "en" : "fa";
  root.lang = language;
  root.dir = language === "fa" ? "rtl" : "ltr";
  const dark =
    saved.theme === "dark" || (saved.theme !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  root.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
