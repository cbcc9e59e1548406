import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

import { defineConfig } from "@playwright/test";

// Debian's Chromium: Playwright's own download is not used.
const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/snap/bin"];
const names = ["chromium", "chromium-browser", "google-chrome"];
const chromium = process.env["CHROMIUM"] ?? names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
if (!chromium) {
  throw new Error("Chromium is missing: `make test` installs it on Debian and Ubuntu; elsewhere set CHROMIUM to its path.");
}
const isRoot = process.getuid?.() === 0;

export default defineConfig({
  testDir: "tests",
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  workers: 2,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  // oidc-provider says on each start that it is not set up for production.
  quiet: true,
  outputDir: "test-results",
  use: {
    browserName: "chromium",
    locale: "en-US",
    timezoneId: "UTC",
    permissions: ["clipboard-read", "clipboard-write"],
    viewport: { width: 1100, height: 750 },
    launchOptions: {
      executablePath: chromium,
      // Nothing that the browser itself would ask the network for; its sandbox does not work for root.
      args: ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...(isRoot ? ["--no-sandbox"] : [])],
    },
  },
});
