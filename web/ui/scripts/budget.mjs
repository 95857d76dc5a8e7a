// Says how large the first page is, for who logs in and for who comes to the desk: all that is loaded before it is
// drawn, compressed as a server would send it (fonts apart). Fails when either is above the budget.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = 250_000;
const pages = {
  "log-in": ["index.html", "src/locale/fa.ts", "src/login/login-page.tsx"],
  desk: ["index.html", "src/locale/fa.ts", "src/app/shell.tsx", "src/desk/desk-page.tsx"],
};
const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const kB = (n) => `${(n / 1000).toFixed(1).padStart(8)} kB`;

/** files are what the chunks load, and what those load. */
function files(keys, found = new Set()) {
  for (const key of keys) {
    const chunk = manifest[key];
    if (found.has(chunk.file)) continue;
    found.add(chunk.file);
    for (const css of chunk.css ?? []) found.add(css);
    files(chunk.imports ?? [], found);
  }
  return found;
}

let over = false;
for (const [page, keys] of Object.entries(pages)) {
  let total = 0;
  const lines = [];
  for (const file of files(keys)) {
    const size = gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length;
    total += size;
    lines.push([size, file]);
  }
  if (process.argv.includes("--files")) {
    for (const [size, file] of lines.sort((a, b) => b[0] - a[0])) console.log(`${kB(size)}  ${file}`);
  }
  console.log(`${kB(total)}  ${page} page, gzip (budget ${budget / 1000})`);
  if (total > budget) over = true;
}
if (over) {
  console.error("The first page is over its budget. Which files it loads: node scripts/budget.mjs --files");
  process.exit(1);
}
