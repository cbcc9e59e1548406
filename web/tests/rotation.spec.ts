// A key gets a new secret, which is shown once, as that of a new key is.

import type { Page } from "@playwright/test";

import { apiKeyOf, choose, createByApi, expect, expectGone, fieldValues, test } from "./fixtures";

/** Rotates by hand and gives the new secret, which is on the screen. */
async function rotateByHand(page: Page, name: string, overlap?: string): Promise<string> {
  await choose(page, name, "Rotate");
  if (overlap) {
    await page.getByRole("radio", { name: overlap }).check();
  }
  await page.getByRole("button", { name: "Rotate key" }).click();
  await expect(page.getByRole("dialog", { name: `New key for “${name}”` })).toBeVisible();
  return page.getByLabel("Key", { exact: true }).inputValue();
}

test("a rotated key works with both secrets until the old one ends", async ({ page, server }) => {
  const { id, secret: old } = await createByApi(server, "turning");
  await page.goto(server.link);
  await choose(page, "turning", "Rotate");
  await expect(page.getByRole("radiogroup", { name: `Programs that still use ${old.slice(0, 7)}…` })).toBeVisible();
  await expect(page.getByRole("radio", { name: "go on working for 1 day" })).toBeChecked();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();

  const secret = await rotateByHand(page, "turning", "go on working for 1 hour");
  expect(secret).toMatch(/^ak_[0-9A-Za-z]{38}$/);
  expect(secret).not.toBe(old);
  const dialog = page.getByRole("dialog");
  await expect(dialog).toContainText(`Programs that use ${old.slice(0, 7)}… go on working until`);
  await expect(dialog).toContainText("It will never be shown again");
  await expect(page.getByLabel("Key", { exact: true })).toBeFocused();
  await page.getByRole("button", { name: "Copy the key" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
  // A slip does not close what is shown once.
  await page.keyboard.press("Escape");
  await expect(page.getByLabel("Key", { exact: true })).toHaveValue(secret);
  await page.getByRole("button", { name: "Done" }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("status").filter({ hasText: "The key “turning” was rotated." })).toBeVisible();
  await expect(page.getByRole("button", { name: "More for the key turning" })).toBeFocused();
  for (const works of [old, secret]) {
    expect(await server.graphql("{ viewer { apiKey { id } } }", works)).toEqual({ viewer: { apiKey: { id } } });
  }

  const row = page.getByRole("row", { name: /turning/ });
  await expect(row).toContainText(`${secret.slice(0, 7)}…`);
  await expect(row).toContainText(`${old.slice(0, 7)}… ends in 1 hour`);
  await choose(page, "turning", "Details and history");
  const secrets = page.getByRole("table", { name: "Keys that work" }).getByRole("row");
  await expect(secrets).toHaveCount(3);
  await expect(secrets.nth(1)).toContainText(`${secret.slice(0, 7)}…`);
  await expect(secrets.nth(1)).toContainText("with the key");
  await expect(secrets.nth(2)).toContainText(`${old.slice(0, 7)}…`);
  await expect(secrets.nth(2)).toContainText("in 1 hour");
  await page.getByRole("button", { name: "Close" }).click();
});

test("a secret that shall stop at once does, and what a second rotation ends is said before", async ({ page, server, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  const { id, secret: first } = await createByApi(server, "leaked");
  await page.goto(server.link);
  const second = await rotateByHand(page, "leaked", "go on working for 7 days");
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  await choose(page, "leaked", "Rotate");
  await expect(page.getByRole("dialog")).toContainText(`${first.slice(0, 7)}…, which still works from then, stops at once.`);
  await page.getByRole("radio", { name: "stop working at once" }).check();
  await page.getByRole("button", { name: "Rotate key" }).click();
  await expect(page.getByRole("dialog")).toContainText(`${second.slice(0, 7)}… does not work any more.`);
  const third = await page.getByLabel("Key", { exact: true }).inputValue();
  expect((await apiKeyOf(server, id))["secrets"]).toEqual([{ hint: `${third.slice(0, 7)}…`, expiresAt: null }]);
  for (const ended of [first, second]) {
    const response = await fetch(`${server.base}/graphql`, {
      method: "POST",
      headers: { authorization: `Bearer ${ended}`, "content-type": "application/json" },
      body: JSON.stringify({ query: "{ viewer { owner } }" }),
    });
    expect(response.status).toBe(401);
  }
});

test("the rotated secret is gone once the page was left, however it was left", async ({ page, server }) => {
  await page.goto(server.link);
  const leave = {
    "its button": () => page.getByRole("button", { name: "Done" }).click(),
    reload: () => page.reload(),
    "the back button": () => page.goBack(),
    "another page": () => page.goto(`${server.base}/schema.graphql`),
  };
  for (const [how, go] of Object.entries(leave)) {
    const name = `left by ${how}`;
    await createByApi(server, name);
    await page.goto(`${server.base}/new`);
    // A way back within the page itself, too.
    await page.getByRole("link", { name: "apikeys" }).click();
    const secret = await rotateByHand(page, name);
    await expectGone(page, secret, go);
  }
});

test("a page that the browser kept to come back to has forgotten the rotated secret", async ({ page, server }) => {
  await createByApi(server, "kept");
  await page.goto(server.link);
  const secret = await rotateByHand(page, "kept");
  await expect(page.locator("html")).toContainText(secret);
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  expect(await page.evaluate(() => document.documentElement.outerHTML)).not.toContain(secret);
  expect(await fieldValues(page)).not.toContain(secret);
  await expect(page.getByRole("dialog")).toBeHidden();
});

test("a rotation that fails is told of, and a key that is gone, too", async ({ page, server, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  const { id } = await createByApi(server, "ours");
  await page.goto(server.link);
  await choose(page, "ours", "Rotate");
  await page.route("**/graphql", (route) => route.abort());
  await page.getByRole("button", { name: "Rotate key" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("look first whether it was made");
  await page.unroute("**/graphql");
  await server.graphql(`mutation { deleteApiKey(input: {id: "${id}"}) { deletedApiKeyId } }`);
  await page.getByRole("button", { name: "Rotate key" }).click();
  await expect(page.getByRole("status").filter({ hasText: "The key “ours” is gone" })).toBeVisible();
  await expect(page.getByText("No access tokens yet")).toBeVisible();
});

test("a paused key is rotated, and it is said that it stays paused", async ({ page, server }) => {
  const { id } = await createByApi(server, "ours");
  await server.graphql(`mutation { updateApiKey(input: {id: "${id}", disabled: true}) { apiKey { id } } }`);
  await page.goto(server.link);
  await rotateByHand(page, "ours");
  await expect(page.getByRole("dialog")).toContainText("The key is paused: until you resume it, none works.");
});
