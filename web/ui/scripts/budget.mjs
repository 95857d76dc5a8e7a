// Says how large the first page is (what the log-in and desk pages load before anything is clicked), compressed as a
// server would send it, and fails above the budget.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

// The goal is 250 kB; this is where it may not grow beyond.
const budget = 295_000;
const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const files = new Set();
const add = (key) => {
  const chunk = manifest[key];
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) add(next);
};
add("index.html");
add("src/locale/fa.ts");
let total = 0;
for (const file of files) {
  const size = gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length;
  total += size;
  console.log(`${String(Math.round(size / 100) / 10).padStart(8)} kB  ${file}`);
}
console.log(`${String(Math.round(total / 100) / 10).padStart(8)} kB  first page, gzip (budget ${budget / 1000})`);
if (total > budget) {
  console.error("The first page is over its budget.");
  process.exit(1);
}
