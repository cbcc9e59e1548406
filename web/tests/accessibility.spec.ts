import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

import { createByHand, expect, test, type Server } from "./fixtures";

/** Every screen that there is, each reached from the one before. */
const screens: [string, (page: Page, server: Server) => Promise<void>][] = [
  ["signed-out", async (page) => expect(page.getByRole("alert")).toBeVisible()],
  [
    "empty",
    async (page, server) => {
      await page.goto(server.link);
      await expect(page.getByText("No access tokens yet")).toBeVisible();
    },
  ],
  [
    "add",
    async (page) => {
      await page.getByRole("link", { name: "Add API Key" }).click();
      await expect(page.getByLabel("Name")).toBeVisible();
    },
  ],
  [
    "add-wrong",
    async (page) => {
      await page.getByRole("button", { name: "Create key" }).click();
      await expect(page.getByText("The name is empty")).toBeVisible();
    },
  ],
  [
    "created",
    async (page) => {
      await page.getByRole("button", { name: "Cancel" }).click();
      await createByHand(page, "Nightly backup of the production database");
    },
  ],
  [
    "copied",
    async (page) => {
      await page.getByRole("button", { name: "Copy the key" }).click();
      await expect(page.getByText("Copied")).toBeVisible();
    },
  ],
  [
    "list",
    async (page, server) => {
      for (const name of ["Deploy from CI", "Metrics dashboard", "Invoices to accounting", "Anna’s laptop"]) {
        await server.graphql(`mutation { createApiKey(input: {name: "${name}"}) { apiKey { id } } }`);
      }
      await page.getByRole("button", { name: "Done" }).click();
      await expect(page.getByRole("row", { name: /Nightly backup/ })).toBeVisible();
    },
  ],
  [
    "delete",
    async (page) => {
      await page.getByRole("button", { name: /Delete the key Nightly/ }).click();
      await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
    },
  ],
  [
    "deleted",
    async (page) => {
      await page.getByRole("button", { name: "Delete key" }).click();
      await expect(page.getByText("was deleted")).toBeVisible();
      await expect(page.getByRole("dialog")).toBeHidden();
    },
  ],
  [
    "paged",
    async (page, server) => {
      await server.createKeys(30);
      await page.reload();
      await page.getByRole("button", { name: "Older" }).click();
      await expect(page.getByRole("button", { name: "Newer" })).toBeEnabled();
    },
  ],
  [
    "server-down",
    async (page, server) => {
      await server.stop();
      await page.getByRole("button", { name: "Newer" }).click();
      await expect(page.getByRole("alert")).toContainText("cannot be reached");
    },
  ],
];

for (const colorScheme of ["light", "dark"] as const) {
  for (const [device, viewport] of [
    ["desktop", { width: 1100, height: 750 }],
    ["phone", { width: 360, height: 740 }],
  ] as const) {
    test.describe(`${colorScheme}, ${device}`, () => {
      test.use({ colorScheme, viewport, reducedMotion: "reduce" } as object);
      test("axe finds nothing on any screen, and nothing sticks out", async ({ page, server, expectFailedLoads }) => {
        test.slow();
        expectFailedLoads.value = true;
        await page.goto(`${server.base}/`);
        for (const [name, reach] of screens) {
          await reach(page, server);
          await page.evaluate(() => Promise.allSettled(document.getAnimations().map((animation) => animation.finished)));
          const { violations } = await new AxeBuilder({ page }).analyze();
          expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`), name).toEqual([]);
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          expect(width, `${name} is as wide as the screen`).toBeLessThanOrEqual(viewport.width);
          if (process.env["SCREENSHOTS"]) {
            await page.screenshot({ path: `${process.env["SCREENSHOTS"]}/${name}-${colorScheme}-${device}.png` });
          }
        }
      });
    });
  }
}
