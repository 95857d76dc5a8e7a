import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The Go server embeds dist and serves it under "/" with a content security policy that allows no inline
// script and no other host; so nothing here may inline a script or load from elsewhere.
export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
    manifest: true,
  },
  server: {
    // `npm run dev` works against a ringbook that runs beside it.
    proxy: { "/api": { target: process.env.RINGBOOK_URL ?? "http://127.0.0.1:8080", ws: true } },
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          environment: "happy-dom",
          include: ["src/**/*.test.{ts,tsx}"],
          setupFiles: ["src/testing.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          environment: "node",
          include: ["e2e/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 240_000,
          fileParallelism: false,
          expect: { poll: { timeout: 15_000 } },
        },
      },
      {
        extends: true,
        test: {
          name: "screenshots",
          environment: "node",
          include: ["e2e/screenshots.ts", "e2e/look.ts"],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
