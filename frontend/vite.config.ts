import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/** The daemon that `npm run dev` passes requests on to. */
const daemon = process.env["PHASEWISE_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  // Relative, so that the page also works under a path prefix of a reverse proxy.
  base: "./",
  plugins: [svelte({ configFile: false })],
  build: {
    outDir: "../src/phasewise/web/static",
    emptyOutDir: true,
    target: "es2022",
    // Every browser that knows ES modules of this age preloads them by itself.
    modulePreload: { polyfill: false },
  },
  // The daemon takes changes only from its own address.
  server: { proxy: { "/api": { target: daemon, changeOrigin: true, headers: { origin: daemon } } } },
  // A test that needs a document says so itself: jsdom takes a second to start.
  test: { environment: "node", include: ["tests/**/*.test.ts"], setupFiles: ["tests/setup.ts"] },
});
