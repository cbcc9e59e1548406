import type { Page } from "@playwright/test";

import { choose, createByHand, expect, test, type Server } from "./fixtures";
import { expectAccessible, looks } from "./looks";

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
    "add-date",
    async (page) => {
      await page.getByLabel("Name").fill("Nightly backup");
      const scopes = page.getByRole("combobox", { name: "Scopes" });
      await scopes.fill("deploy");
      await scopes.press("Enter");
      await page.getByLabel("Expires").selectOption("on a date");
      await page.getByRole("button", { name: "Create key" }).click();
      await expect(page.getByText("Choose a date")).toBeVisible();
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
    "menu",
    async (page) => {
      await page.getByRole("button", { name: "More for the key Deploy from CI" }).click();
      await expect(page.getByRole("menuitem", { name: "Pause" })).toBeVisible();
    },
  ],
  [
    "paused",
    async (page) => {
      await page.getByRole("menuitem", { name: "Pause" }).click();
      await expect(page.getByRole("row", { name: /Deploy from CI/ }).getByText("Paused")).toBeVisible();
    },
  ],
  [
    "edit",
    async (page) => {
      await choose(page, "Deploy from CI", "Change name or expiry");
      await page.getByRole("dialog").getByLabel("Name").fill("");
      await page.getByRole("button", { name: "Save" }).click();
      await expect(page.getByText("The name is empty")).toBeVisible();
    },
  ],
  [
    "rotate",
    async (page) => {
      await page.getByRole("button", { name: "Cancel" }).click();
      await expect(page.getByRole("dialog")).toBeHidden();
      await choose(page, "Metrics dashboard", "Rotate");
      await expect(page.getByRole("button", { name: "Rotate key" })).toBeVisible();
    },
  ],
  [
    "rotated",
    async (page) => {
      await page.getByRole("button", { name: "Rotate key" }).click();
      await expect(page.getByLabel("Key", { exact: true })).toBeFocused();
    },
  ],
  [
    "details",
    async (page) => {
      await page.getByRole("button", { name: "Done" }).click();
      await expect(page.getByRole("dialog")).toBeHidden();
      await choose(page, "Metrics dashboard", "Details and history");
      await expect(page.getByRole("dialog").getByText("2 entries")).toBeVisible();
    },
  ],
  [
    "selected",
    async (page) => {
      await page.getByRole("button", { name: "Close" }).click();
      await expect(page.getByRole("dialog")).toBeHidden();
      await page.getByRole("checkbox", { name: "Select the key Deploy from CI" }).check();
      await page.getByRole("checkbox", { name: /Select the key Nightly/ }).check();
      await expect(page.getByText("2 selected")).toBeVisible();
    },
  ],
  [
    "delete-several",
    async (page) => {
      await page.getByRole("button", { name: "Delete the 2 selected keys" }).click();
      await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
    },
  ],
  [
    "nothing-matches",
    async (page) => {
      await page.getByRole("button", { name: "Cancel" }).click();
      await expect(page.getByRole("dialog")).toBeHidden();
      await page.getByRole("textbox", { name: "Search" }).fill("no such key");
      await expect(page.getByText("Nothing matches")).toBeVisible();
    },
  ],
  [
    "activity",
    async (page) => {
      await page.getByRole("link", { name: "Activity" }).click();
      await expect(page.getByRole("listitem").first()).toBeVisible();
    },
  ],
  [
    "delete",
    async (page) => {
      await page.getByRole("link", { name: "apikeys" }).click();
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

for (const look of looks) {
  test.describe(look.name, () => {
    test.use(look.use);
    test("axe finds nothing on any screen, and nothing sticks out", async ({ page, server, expectFailedLoads }) => {
      test.slow();
      expectFailedLoads.value = true;
      await page.goto(`${server.base}/`);
      for (const [name, reach] of screens) {
        await reach(page, server);
        await expectAccessible(page, name, look);
      }
    });
  });
}
