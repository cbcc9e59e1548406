// The list: searched, ordered, paged, and several of its keys deleted together.

import type { Page } from "@playwright/test";

import { apiKeyOf, createByApi, expect, test } from "./fixtures";

const names = (page: Page) => page.locator("tbody tr th p");

test("the list is searched by name and by status, and what is not found is not what is not there", async ({ page, server }) => {
  for (const name of ["Deploy from CI", "deploy by hand", "Metrics"]) {
    await createByApi(server, name);
  }
  const { id } = await createByApi(server, "Invoices");
  await server.graphql(`mutation { updateApiKey(input: {id: "${id}", disabled: true}) { apiKey { id } } }`);
  await page.goto(server.link);
  await expect(page.getByText("4 keys")).toBeVisible();
  const search = page.getByRole("textbox", { name: "Search" });
  await search.fill(" DEPLOY ");
  await expect(names(page)).toHaveText(["deploy by hand", "Deploy from CI"]);
  await expect(page.getByText("2 keys")).toBeVisible();
  await expect(search).toBeFocused();
  await search.fill("nothing like it");
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await expect(page.getByText("No access tokens yet")).toBeHidden();
  await page.getByRole("button", { name: "Clear the search" }).click();
  await expect(search).toBeFocused();
  await expect(names(page)).toHaveCount(4);

  const status = page.getByRole("combobox", { name: "Status" });
  await status.selectOption("Paused");
  await expect(names(page)).toHaveText(["Invoices"]);
  await status.selectOption("Expired");
  await expect(page.getByText("Nothing matches")).toBeVisible();
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(names(page)).toHaveCount(4);
  await expect(status).toHaveValue("");
});

test("there is nothing to search where there is nothing", async ({ page, server }) => {
  await page.goto(server.link);
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await expect(page.getByRole("search")).toBeHidden();
});

test("the list is ordered, and each order begins with its first page", async ({ page, server }) => {
  await server.createKeys(45);
  await page.goto(server.link);
  await page.getByRole("button", { name: "Older" }).click();
  await expect(names(page).first()).toHaveText("key 25");
  const order = page.getByRole("combobox", { name: "Order" });
  await order.selectOption("Oldest first");
  await expect(names(page)).toHaveText(Array.from({ length: 20 }, (_, i) => `key ${i + 1}`));
  await page.getByRole("button", { name: "Next" }).click();
  await expect(names(page).first()).toHaveText("key 21");
  await page.getByRole("button", { name: "Next" }).click();
  await expect(names(page)).toHaveText(["key 41", "key 42", "key 43", "key 44", "key 45"]);
  await page.getByRole("button", { name: "Previous" }).click();
  await expect(names(page).first()).toHaveText("key 21");
  await order.selectOption("By name");
  await expect(names(page).first()).toHaveText("key 1");
  await expect(names(page).nth(1)).toHaveText("key 10");
  await page.getByRole("button", { name: "Next" }).click();
  await expect(names(page).first()).toHaveText("key 28");
  // A search is another list, too.
  await page.getByRole("textbox", { name: "Search" }).fill("key 1");
  await expect(names(page)).toHaveText(["key 1", "key 10", "key 11", "key 12", "key 13", "key 14", "key 15", "key 16", "key 17", "key 18", "key 19"]);
  await expect(page.getByText("11 keys")).toBeVisible();
  await expect(page.getByRole("table")).toHaveAccessibleName("Your access tokens, by name");
});

test("it is seen when a key was last used, and the list is ordered by it", async ({ page, server }) => {
  const used = await createByApi(server, "used");
  await createByApi(server, "unused", 'expiresAt: "2099-01-01T00:00:00Z"');
  await server.graphql("{ viewer { owner } }", used.secret);
  await expect.poll(async () => (await apiKeyOf(server, used.id))["lastUsedAt"], { timeout: 20_000 }).not.toBeNull();
  await page.goto(server.link);
  await expect(names(page)).toHaveText(["unused", "used"]);
  await expect(page.getByRole("row", { name: /unused/ }).getByRole("cell").nth(2)).toHaveText("never");
  await expect(page.getByRole("row").nth(2).getByRole("cell").nth(2).locator("time")).toHaveText(/now|ago/);
  const order = page.getByRole("combobox", { name: "Order" });
  await order.selectOption("Last used first");
  await expect(names(page)).toHaveText(["used", "unused"]);
  await order.selectOption("First to expire");
  await expect(names(page)).toHaveText(["unused", "used"]);
});

test.describe("without movement", () => {
  test.use({ contextOptions: { reducedMotion: "reduce" } });
  test("the focus goes to the heading when a key was deleted, before the list is here again", async ({ page, server }) => {
    await createByApi(server, "ours");
    await createByApi(server, "another");
    await page.goto(server.link);
    await page.getByRole("button", { name: "Delete the key ours" }).click();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    await page.route("**/graphql", async (route) => {
      if (route.request().postData()?.includes("query ApiKeys")) {
        await answered;
      }
      await route.continue();
    });
    await page.getByRole("button", { name: "Delete key" }).click();
    await expect(page.getByRole("dialog")).toBeHidden();
    await expect(names(page)).toHaveCount(2);
    await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
    answer();
    await expect(names(page)).toHaveText(["another"]);
    await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
  });
});

test("several keys are selected and deleted together", async ({ page, server }) => {
  await server.createKeys(25);
  await page.goto(server.link);
  const bar = page.getByRole("group", { name: "Selected keys" });
  await expect(page.getByText("25 keys")).toBeVisible();
  await expect(bar).toBeHidden();
  await page.getByRole("checkbox", { name: "Select the key key 25" }).check();
  await page.getByRole("checkbox", { name: "Select the key key 24" }).check();
  await expect(bar).toContainText("2 selected");
  await bar.getByRole("button", { name: "Select none" }).click();
  await expect(bar).toBeHidden();

  const all = page.getByRole("checkbox", { name: "Select all keys on this page" });
  await all.check();
  await expect(bar).toContainText("20 selected");
  await page.getByRole("checkbox", { name: "Select the key key 25" }).uncheck();
  await expect(all).toBeChecked({ indeterminate: true });
  await bar.getByRole("button", { name: "Delete the 19 selected keys" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete 19 keys?" });
  await expect(dialog.getByRole("listitem")).toHaveText(["key 24", "key 23", "key 22", "key 21", "key 20", "and 14 more"]);
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(bar.getByRole("button", { name: "Delete the 19 selected keys" })).toBeFocused();
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Delete 19 keys" }).click();
  await expect(page.getByRole("status").filter({ hasText: "19 keys were deleted." })).toBeVisible();
  await expect(names(page)).toHaveText(["key 25", "key 5", "key 4", "key 3", "key 2", "key 1"]);
  await expect(bar).toBeHidden();
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
  expect(await server.graphql("{ apiKeys { totalCount } }")).toEqual({ apiKeys: { totalCount: 6 } });
});

test("where one of several is gone, none is deleted, and the list says so", async ({ page, server }) => {
  await createByApi(server, "one");
  const two = await createByApi(server, "two");
  await createByApi(server, "three");
  await page.goto(server.link);
  await page.getByRole("checkbox", { name: "Select all keys on this page" }).check();
  await page.getByRole("button", { name: "Delete the 3 selected keys" }).click();
  await server.graphql(`mutation { deleteApiKey(input: {id: "${two.id}"}) { deletedApiKeyId } }`);
  await page.getByRole("button", { name: "Delete 3 keys" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Nothing was deleted: somebody else deleted one of these keys meanwhile." })).toBeVisible();
  await expect(names(page)).toHaveText(["three", "one"]);
  await expect(page.getByRole("group", { name: "Selected keys" })).toContainText("2 selected");
  await page.getByRole("button", { name: "Delete the 2 selected keys" }).click();
  await page.getByRole("button", { name: "Delete 2 keys" }).click();
  await expect(page.getByText("No access tokens yet")).toBeVisible();
});

test("what is selected is on the screen", async ({ page, server }) => {
  await server.createKeys(25);
  await page.goto(server.link);
  await page.getByRole("checkbox", { name: "Select all keys on this page" }).check();
  await page.getByRole("button", { name: "Older" }).click();
  await expect(names(page)).toHaveText(["key 5", "key 4", "key 3", "key 2", "key 1"]);
  await page.getByRole("button", { name: "Newer" }).click();
  await expect(names(page)).toHaveCount(20);
  await expect(page.getByRole("group", { name: "Selected keys" })).toBeHidden();
  await expect(page.getByRole("checkbox", { name: "Select all keys on this page" })).not.toBeChecked();
});

test("the menu of a row is worked with the keyboard", async ({ page, server }) => {
  await createByApi(server, "ours");
  await page.goto(server.link);
  const button = page.getByRole("button", { name: "More for the key ours" });
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("menu")).toBeVisible();
  await expect(page.getByRole("menuitem", { name: "Details and history" })).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("menuitem", { name: "Change name or expiry" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("menu")).toBeHidden();
  await expect(button).toBeFocused();

  // What opens where the focus then is, and where it comes back to.
  const items = ["Details and history", "Change name or expiry", "Pause", "Rotate"];
  for (const [item, field] of [
    ["Details and history", page.getByRole("button", { name: "Close" })],
    ["Change name or expiry", page.getByRole("textbox", { name: "Name", exact: true })],
    ["Rotate", page.getByRole("radio", { name: "go on working for 1 day" })],
  ] as const) {
    await page.keyboard.press("Enter");
    for (const passed of items.slice(0, items.indexOf(item))) {
      await expect(page.getByRole("menuitem", { name: passed })).toBeFocused();
      await page.keyboard.press("ArrowDown");
    }
    await expect(page.getByRole("menuitem", { name: item })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(field).toBeFocused();
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
    await expect(button).toBeFocused();
  }
});
