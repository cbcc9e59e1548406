// The record of what was done, of all keys and of one.

import { choose, createByApi, expect, test } from "./fixtures";

test("what was done is told, by whom, and what became different", async ({ page, server }) => {
  const { id, secret } = await createByApi(server, "before", 'scopes: ["apikeys:write"] expiresAt: "2099-01-01T10:00:00Z"');
  await server.graphql(`mutation { updateApiKey(input: {id: "${id}", name: "after", expiresAt: null, disabled: true}) { apiKey { id } } }`);
  await server.graphql(`mutation { updateApiKey(input: {id: "${id}", disabled: false}) { apiKey { id } } }`);
  const rotated = await server.graphql(`mutation { rotateApiKey(input: {id: "${id}", overlapSeconds: 60}) { apiKey { hint } } }`, secret);
  const { hint } = (rotated as { rotateApiKey: { apiKey: { hint: string } } }).rotateApiKey.apiKey;
  await server.graphql(`mutation { deleteApiKey(input: {id: "${id}"}) { deletedApiKeyId } }`);

  await page.goto(server.link);
  await page.getByRole("link", { name: "Activity" }).click();
  await expect(page.getByRole("heading", { name: "Activity" })).toBeFocused();
  await expect(page).toHaveURL(`${server.base}/events`);
  await expect(page.getByRole("link", { name: "Activity" })).toHaveAttribute("aria-current", "page");
  const items = page.getByRole("list", { name: "What happened" }).getByRole("listitem");
  await expect(items).toHaveCount(5);
  await page.reload();
  await expect(items).toHaveCount(5);
  await expect(items.nth(0)).toContainText("Deleted “after”");
  await expect(items.nth(0)).toContainText("By the local operator");
  await expect(items.nth(0)).toContainText(String(new Date().getUTCFullYear()));
  await expect(items.nth(1)).toContainText(`By a program, with the API key ${id}`);
  await expect(items.nth(1)).toContainText(`Key: ${secret.slice(0, 7)}… → ${hint}`);
  await expect(items.nth(2)).toContainText("Paused: yes → no");
  await expect(items.nth(3)).toContainText("Changed “after”");
  await expect(items.nth(3)).toContainText("Name: “before” → “after”");
  await expect(items.nth(3)).toContainText("Expires: Jan 1, 2099, 10:00 AM → never");
  await expect(items.nth(3)).toContainText("Paused: no → yes");
  await expect(items.nth(4)).toContainText("Created “before”");
});

test("the record is paged, newest first, and tells of what is done on the page", async ({ page, server }) => {
  await server.createKeys(25);
  await page.goto(server.link);
  await page.getByRole("button", { name: "Delete the key key 25" }).click();
  await page.getByRole("button", { name: "Delete key" }).click();
  await expect(page.getByText("24 keys")).toBeVisible();
  await page.getByRole("link", { name: "Activity" }).click();
  const items = page.getByRole("list", { name: "What happened" }).getByRole("listitem");
  await expect(page.getByText("26 entries")).toBeVisible();
  await expect(items.first()).toContainText("Deleted “key 25”");
  await page.getByRole("button", { name: "Older" }).click();
  await expect(items).toHaveCount(6);
  await expect(items.last()).toContainText("Created “key 1”");
  await page.getByRole("button", { name: "Newer" }).click();
  await expect(items).toHaveCount(20);
  await page.getByRole("link", { name: "apikeys" }).click();
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
});

test("where nothing has happened, that is said", async ({ page, server }) => {
  await page.goto(server.link);
  await page.getByRole("link", { name: "Activity" }).click();
  await expect(page.getByText("Nothing has happened yet")).toBeVisible();
});

test("an outage is not an empty record", async ({ page, server, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await page.goto(server.link);
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await server.stop();
  await page.getByRole("link", { name: "Activity" }).click();
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await expect(page.getByText("Nothing has happened yet")).toBeHidden();
});

test("a key's own details and history are shown, and of no other", async ({ page, server }) => {
  const { id } = await createByApi(server, "ours", 'scopes: ["read", "write"]');
  await createByApi(server, "another");
  await page.goto(server.link);
  await choose(page, "ours", "Pause");
  await choose(page, "ours", "Details and history");
  const dialog = page.getByRole("dialog", { name: "ours" });
  const facts = dialog.getByRole("table", { name: "About the key" });
  await expect(facts.getByRole("row", { name: /Status/ })).toContainText("Paused");
  await expect(facts.getByRole("row", { name: /Scopes/ })).toContainText("read write");
  await expect(facts.getByRole("row", { name: /Expires/ })).toContainText("never");
  await expect(facts.getByRole("row", { name: /Created/ })).toContainText("by local");
  await expect(facts.getByRole("row", { name: /Id/ })).toContainText(id);
  const items = dialog.getByRole("list", { name: "History" }).getByRole("listitem");
  await expect(items).toHaveCount(2);
  await expect(items.first()).toContainText("Paused: no → yes");
  await expect(items.last()).toContainText("Created");
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "More for the key ours" })).toBeFocused();

  await server.graphql(`mutation { deleteApiKey(input: {id: "${id}"}) { deletedApiKeyId } }`);
  await choose(page, "ours", "Details and history");
  await expect(page.getByText("This key is gone: somebody else deleted it.")).toBeVisible();
});

test("a long history is paged in its dialog", async ({ page, server }) => {
  const { id } = await createByApi(server, "restless");
  const toggles = Array.from({ length: 24 }, (_, i) => `u${i}: updateApiKey(input: {id: "${id}", disabled: ${i % 2 === 0}}) { apiKey { id } }`);
  await server.graphql(`mutation { ${toggles.join(" ")} }`);
  await page.goto(server.link);
  await choose(page, "restless", "Details and history");
  const items = page.getByRole("dialog").getByRole("listitem");
  await expect(page.getByText("25 entries")).toBeVisible();
  await expect(items).toHaveCount(20);
  await page.getByRole("navigation", { name: "Pages of the history" }).getByRole("button", { name: "Older" }).click();
  await expect(items).toHaveCount(5);
  await expect(items.last()).toContainText("Created");
});
