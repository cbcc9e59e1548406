// When a key ends: chosen, refused, changed and seen.

import { apiKeyOf, choose, createByApi, createByHand, expect, test, type Server } from "./fixtures";

const DAY = 86_400_000;

interface Newest {
  name: string;
  expiresAt: string | null;
  scopes: string[];
}

/** The key that was made last. */
async function newest(server: Server): Promise<Newest> {
  const data = await server.graphql("{ apiKeys(first: 1) { nodes { name expiresAt scopes } } }");
  const [key] = (data as { apiKeys: { nodes: Newest[] } }).apiKeys.nodes;
  if (!key) {
    throw new Error("there is no key");
  }
  return key;
}

test("a new key ends after 90 days, unless something else is chosen", async ({ page, server }) => {
  await page.goto(server.link);
  await createByHand(page, "by default");
  const end = new Date((await newest(server)).expiresAt ?? "").getTime();
  expect(Math.abs(end - Date.now() - 90 * DAY)).toBeLessThan(10 * 60_000);
  await page.getByRole("button", { name: "Done" }).click();
  const row = page.getByRole("row", { name: /by default/ });
  await expect(row.getByRole("cell").nth(2)).toContainText("never");
  await expect(row.getByRole("cell").nth(3)).toContainText("in 3 months");

  for (const [choice, days] of [["30", 30], ["365", 365]] as const) {
    await page.getByRole("link", { name: "Add API Key" }).click();
    await page.getByLabel("Name").fill(`for ${days} days`);
    await page.getByLabel("Expires").selectOption(choice);
    await page.getByRole("button", { name: "Create key" }).click();
    await expect(page.getByRole("heading", { name: "API key created" })).toBeVisible();
    const key = await newest(server);
    expect(key.name).toBe(`for ${days} days`);
    expect(Math.abs(new Date(key.expiresAt ?? "").getTime() - Date.now() - days * DAY)).toBeLessThan(10 * 60_000);
    await page.getByRole("button", { name: "Done" }).click();
  }

  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill("until a date");
  await page.getByLabel("Expires").selectOption("on a date");
  await page.getByLabel("Last day").fill("2099-03-31");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  // The browser of the tests lives in UTC.
  expect((await newest(server)).expiresAt).toBe("2099-03-31T23:59:59.000000Z");
  await expect(page.getByRole("row", { name: /until a date/ }).locator("time").first()).toHaveAttribute("datetime", "2099-03-31T23:59:59.000000Z");

  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill("for ever");
  await page.getByLabel("Expires").selectOption("never");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  expect(await newest(server)).toMatchObject({ name: "for ever", expiresAt: null });
  await expect(page.getByRole("row", { name: /for ever/ }).getByRole("cell").nth(3)).toHaveText("never");
});

test("an end that may not be is told of at its field, and nothing is lost", async ({ page, server }) => {
  await server.stop();
  await server.start({ APIKEYS_MAX_LIFETIME: "365d" });
  await page.goto(server.link);
  await page.getByRole("link", { name: "Add API Key" }).click();
  const name = page.getByLabel("Name");
  const expires = page.getByLabel("Expires");
  const scopes = page.getByRole("combobox", { name: "Scopes" });
  await name.fill("kept");
  await scopes.fill("deploy");
  await scopes.press("Enter");
  await expires.selectOption("never");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(expires).toHaveAccessibleDescription(/The expiry is missing; keys must end/);
  await expect(expires).toHaveAttribute("aria-invalid", "true");
  await expect(expires).toBeFocused();
  await expect(page.getByRole("alert")).toBeHidden();

  await expires.selectOption("on a date");
  const day = page.getByLabel("Last day");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(day).toHaveAccessibleDescription(/Choose a date/);
  await expect(day).toBeFocused();
  await day.fill("2099-03-31");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(day).toHaveAccessibleDescription(/The expiry is too late/);
  await day.fill("2020-03-31");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(day).toHaveAccessibleDescription(/The expiry is in the past/);

  await expect(name).toHaveValue("kept");
  await expect(page.getByText("deploy", { exact: true })).toBeVisible();
  // As long as may be: the page's clock and the server's do not have to agree to the second.
  await expires.selectOption("in 365 days");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page.getByRole("heading", { name: "API key created" })).toBeVisible();
});

test("scopes are granted, and a wrong one is told of at its field", async ({ page, server }) => {
  await page.goto(server.link);
  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill("scoped");
  const scopes = page.getByRole("combobox", { name: "Scopes" });
  await scopes.fill("größe");
  await scopes.press("Enter");
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(scopes).toHaveAccessibleDescription(/Each of the scopes must have 1 to 100 visible ASCII characters/);
  await expect(scopes).toBeFocused();
  await scopes.press("Backspace");
  await scopes.pressSequentially("read,write ");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  expect(await newest(server)).toMatchObject({ name: "scoped", scopes: ["read", "write"] });
});

test("who has as many keys as may be is told what to do", async ({ page, server }) => {
  await server.stop();
  await server.start({ APIKEYS_MAX_KEYS_PER_OWNER: "1" });
  await page.goto(server.link);
  await createByHand(page, "the only one");
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill("one too many");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("may have no more; delete one first");
  await expect(page.getByLabel("Name")).toHaveValue("one too many");
});

test("name and expiry are changed, and only what was changed is sent", async ({ page, server }) => {
  const { id } = await createByApi(server, "before", 'expiresAt: "2099-01-01T00:00:00Z"');
  await page.goto(server.link);
  const inputs: unknown[] = [];
  page.on("request", (request) => {
    const body = (request.postDataJSON() ?? {}) as { operationName?: string; variables?: { input: unknown } };
    if (body.operationName === "UpdateApiKey") {
      inputs.push(body.variables?.input);
    }
  });
  const dialog = page.getByRole("dialog");
  await choose(page, "before", "Change name or expiry");
  await expect(dialog).toHaveAccessibleName("Change “before”");
  await expect(dialog.getByLabel("Name")).toBeFocused();
  await expect(dialog.getByLabel("Expires").locator("option").first()).toHaveText(/as now: Jan 1, 2099/);
  await dialog.getByLabel("Name").fill(" ");
  await page.keyboard.press("Enter");
  await expect(dialog.getByLabel("Name")).toHaveAccessibleDescription(/The name is empty/);
  await dialog.getByLabel("Name").fill("after");
  await dialog.getByLabel("Expires").selectOption("on a date");
  await dialog.getByLabel("Last day").fill("2020-01-01");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByLabel("Last day")).toHaveAccessibleDescription(/The expiry is in the past/);
  await expect(dialog.getByLabel("Last day")).toBeFocused();
  await expect(dialog.getByLabel("Name")).toHaveValue("after");
  await dialog.getByLabel("Expires").selectOption("keep");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("status").filter({ hasText: "The key “after” was changed." })).toBeVisible();
  await expect(page.getByRole("button", { name: "More for the key after" })).toBeFocused();
  expect(inputs.at(-1)).toEqual({ id, name: "after" });

  await choose(page, "after", "Change name or expiry");
  await page.getByLabel("Expires").selectOption("never");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  expect(inputs.at(-1)).toEqual({ id, expiresAt: null });
  expect(await apiKeyOf(server, id)).toMatchObject({ name: "after", expiresAt: null });
  await expect(page.getByRole("row", { name: /after/ }).getByRole("cell").nth(3)).toHaveText("never");

  // Where nothing was changed, nothing is sent; and a key that is gone is told of.
  const before = inputs.length;
  await choose(page, "after", "Change name or expiry");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  expect(inputs).toHaveLength(before);
  await choose(page, "after", "Change name or expiry");
  await server.graphql(`mutation { deleteApiKey(input: {id: "${id}"}) { deletedApiKeyId } }`);
  await dialog.getByLabel("Name").fill("too late");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "The key “after” is gone" })).toBeVisible();
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
});

test("a key is paused and taken up again", async ({ page, server }) => {
  const { id } = await createByApi(server, "ours");
  await page.goto(server.link);
  const row = page.getByRole("row", { name: /ours/ });
  await choose(page, "ours", "Pause");
  await expect(page.getByRole("status").filter({ hasText: "The key “ours” is paused" })).toBeVisible();
  await expect(row.getByText("Paused")).toBeVisible();
  await expect(page.getByRole("button", { name: "More for the key ours" })).toBeFocused();
  expect(await apiKeyOf(server, id)).toMatchObject({ status: "DISABLED" });
  await choose(page, "ours", "Resume");
  await expect(page.getByRole("status").filter({ hasText: "The key “ours” works again" })).toBeVisible();
  await expect(row.getByText("Paused")).toBeHidden();
  expect(await apiKeyOf(server, id)).toMatchObject({ status: "ACTIVE" });

  await server.graphql(`mutation { deleteApiKey(input: {id: "${id}"}) { deletedApiKeyId } }`);
  await choose(page, "ours", "Pause");
  await expect(page.getByRole("status").filter({ hasText: "The key “ours” is gone" })).toBeVisible();
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
});

test("a pause that fails is told of, and can be tried again", async ({ page, server, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await createByApi(server, "ours");
  await page.goto(server.link);
  await expect(page.getByRole("row", { name: /ours/ })).toBeVisible();
  await page.route("**/graphql", (route) => route.abort());
  await choose(page, "ours", "Pause");
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await page.unroute("**/graphql");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("row", { name: /ours/ }).getByText("Paused")).toBeVisible();
  await expect(page.getByRole("alert")).toBeHidden();
});

test("a key that has ended is marked, can be given a later end, and works again", async ({ page, server }) => {
  const { id } = await createByApi(server, "brief", `expiresAt: "${new Date(Date.now() + 1500).toISOString()}"`);
  await expect.poll(async () => (await apiKeyOf(server, id))["status"]).toBe("EXPIRED");
  await page.goto(server.link);
  const row = page.getByRole("row", { name: /brief/ });
  await expect(row.getByText("Expired", { exact: true })).toBeVisible();
  await expect(row.getByRole("cell").nth(3)).toContainText("expired");
  await page.getByRole("button", { name: "More for the key brief" }).click();
  await expect(page.getByRole("menuitem", { name: "Pause" })).toBeDisabled();
  await expect(page.getByRole("menuitem", { name: "Rotate" })).toBeDisabled();
  await page.getByRole("menuitem", { name: "Change name or expiry" }).click();
  await page.getByLabel("Expires").selectOption("in 30 days");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(row.getByRole("cell").nth(3)).toContainText("in 30 days");
  await expect(row.getByText("Expired", { exact: true })).toBeHidden();
  expect(await apiKeyOf(server, id)).toMatchObject({ status: "ACTIVE" });
});
