import { execFileSync } from "node:child_process";

import { createByHand, expect, expectGone, fieldValues, test } from "./fixtures";

const SECRET = /^ak_[0-9A-Za-z]{38}$/;

test("a key is made, copied, listed and deleted", async ({ page, server }) => {
  await page.goto(server.link);
  await expect(page).toHaveURL(`${server.base}/`);
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeVisible();
  await expect(page.getByText("No access tokens yet")).toBeVisible();

  const secret = await createByHand(page, "  nightly backup ");
  expect(secret).toMatch(SECRET);
  await expect(page.getByText("It will never be shown again")).toBeVisible();
  const curl = page.getByLabel("A curl command that uses the key");
  await expect(curl).toContainText(`Authorization: Bearer ${secret}`);
  const answer = execFileSync("sh", ["-c", (await curl.textContent()) ?? ""], { stdio: ["ignore", "pipe", "ignore"] });
  expect(JSON.parse(answer.toString())).toEqual({ data: { viewer: { owner: "local", apiKey: { name: "nightly backup" } } } });
  await page.getByRole("button", { name: "Copy the key" }).click();
  await expect(page.getByText("The key is in the clipboard.")).toBeAttached();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
  await page.getByRole("button", { name: "Done" }).click();

  const row = page.getByRole("row", { name: /nightly backup/ });
  await expect(row).toContainText(`${secret.slice(0, 7)}…`);
  await expect(row).toContainText("now");
  await row.locator("time").last().hover();
  await expect(page.getByRole("tooltip")).toContainText(String(new Date().getUTCFullYear()));
  await page.reload();
  await expect(row).toBeVisible();

  // It asks once, naming the key; and it can be left alone.
  await page.getByRole("button", { name: "Delete the key nightly backup" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete this key?" });
  await expect(dialog).toContainText("nightly backup");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(dialog).toBeHidden();
  await expect(row).toBeVisible();
  await page.getByRole("button", { name: "Delete the key nightly backup" }).click();
  await dialog.getByRole("button", { name: "Delete key" }).click();
  await expect(page.getByRole("status").filter({ hasText: "“nightly backup” was deleted" })).toBeVisible();
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  expect(await server.graphql("{ apiKeys { totalCount } }")).toEqual({ apiKeys: { totalCount: 0 } });
});

test("the secret is gone once the page was left, however it was left", async ({ page, server }) => {
  await page.goto(server.link);
  const leave = {
    done: () => page.getByRole("button", { name: "Done" }).click(),
    reload: () => page.reload(),
    "the home link": () => page.getByRole("link", { name: "apikeys" }).click(),
    "the back button": () => page.goBack(),
    "another page": () => page.goto(`${server.base}/schema.graphql`),
  };
  for (const [how, go] of Object.entries(leave)) {
    await page.goto(`${server.base}/`);
    const secret = await createByHand(page, how);
    await expectGone(page, secret, go);
    await page.goto(`${server.base}/new`);
    await expect(page.getByLabel("Name")).toHaveValue("");
  }
});

test("a page that the browser kept to come back to has forgotten the secret", async ({ page, server }) => {
  await page.goto(server.link);
  const secret = await createByHand(page, "kept");
  await expect(page.locator("html")).toContainText(secret);
  // What a browser does that keeps a page: Playwright itself switches the keeping off.
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  expect(await page.evaluate(() => document.documentElement.outerHTML)).not.toContain(secret);
  expect(await fieldValues(page)).not.toContain(secret);
});

test("a copy that fails is seen to have failed", async ({ page, server }) => {
  await page.goto(server.link);
  await createByHand(page, "by hand");
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new Error("denied"));
    document.execCommand = () => false;
  });
  await page.getByRole("button", { name: "Copy the key" }).click();
  await expect(page.getByText("The browser did not allow copying.")).toBeInViewport();
  await expect(page.getByLabel("Key", { exact: true })).toBeFocused();
});

test("wrong input is told at its field, and nothing is lost", async ({ page, server }) => {
  await page.goto(server.link);
  await page.getByRole("link", { name: "Create your first key" }).click();
  const name = page.getByLabel("Name");
  await expect(name).toBeFocused();
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(name).toHaveAccessibleDescription(/empty/);
  await expect(name).toHaveAttribute("aria-invalid", "true");
  const long = "x".repeat(101);
  await name.fill(long);
  await page.keyboard.press("Enter");
  await expect(name).toHaveAccessibleDescription(/101 characters/);
  await expect(name).toHaveValue(long);
  await name.fill("<b>bold</b> & “quoted”");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "API key created" })).toBeVisible();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("row", { name: "<b>bold</b> & “quoted”" })).toBeVisible();
});

test("everything can be done with the keyboard", async ({ page, server }) => {
  await page.goto(server.link);
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  const tabTo = async (name: string) => {
    const target = page.locator(":focus");
    for (let i = 0; i < 20; i += 1) {
      await page.keyboard.press("Tab");
      const label = await target.evaluate((element) => element.getAttribute("aria-label") ?? element.textContent);
      if (label === name) {
        return;
      }
    }
    throw new Error(`Tab does not come to ${name}`);
  };
  await tabTo("Add API Key");
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("Name")).toBeFocused();
  await page.keyboard.type("by hand");
  await page.keyboard.press("Enter");
  const field = page.getByLabel("Key", { exact: true });
  await expect(field).toBeFocused();
  await page.keyboard.press("Control+c");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(await field.inputValue());
  await tabTo("Done");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row", { name: /by hand/ })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
  await tabTo("Delete the key by hand");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Delete the key by hand" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Cancel" })).toBeFocused();
  await tabTo("Delete key");
  await page.keyboard.press("Enter");
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeFocused();
});

test("a server that stops, and comes back, is told of in words", async ({ page, server, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await server.createKeys(1);
  await page.goto(server.link);
  await expect(page.getByRole("row", { name: /key 1/ })).toBeVisible();
  await server.stop();

  await page.getByRole("button", { name: "Delete the key key 1" }).click();
  await page.getByRole("button", { name: "Delete key" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("alert")).toContainText("The server cannot be reached");
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill("kept while the server is away");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await expect(page.getByLabel("Name")).toHaveValue("kept while the server is away");

  // Back again, it knows no session; the way to one is said, and the link leads there.
  await server.start();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("alert")).toContainText("You are not signed in");
  await expect(page.getByRole("alert")).toContainText("Open the link that the server printed");
  await page.goto(server.link);
  await expect(page.getByRole("row", { name: /key 1/ })).toBeVisible();
  await expect(page.getByRole("row")).toHaveCount(2);
});

test("a session that ended is told of, and signing in elsewhere mends it", async ({ page, server, context, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await page.goto(`${server.base}/`);
  await expect(page.getByRole("alert")).toContainText("You are not signed in");
  const other = await context.newPage();
  await other.goto(server.link);
  await expect(page.getByRole("button", { name: "Sign out" })).toBeHidden();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await expect(page.getByRole("button", { name: "Sign out" })).toBeVisible();
  await other.getByRole("button", { name: "Sign out" }).click();
  await expect(other.getByRole("alert")).toContainText("You are not signed in");
  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill("too late");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("You are not signed in");
});

test("a thousand keys are paged through, there and back", async ({ page, server }) => {
  test.slow();
  await server.createKeys(1000);
  await page.goto(server.link);
  await expect(page.getByText("1,000 keys")).toBeVisible();
  const names = () => page.locator("tbody tr th p").allTextContents();
  const older = page.getByRole("button", { name: "Older" });
  const newer = page.getByRole("button", { name: "Newer" });
  await expect(newer).toBeDisabled();
  const met: string[] = [];
  for (let first = 1000; first > 0; first -= 20) {
    await expect(page.locator("tbody tr").first()).toContainText(`key ${first}`);
    met.push(...(await names()));
    if (first > 20) {
      await older.click();
    }
  }
  await expect(older).toBeDisabled();
  expect(met).toEqual(Array.from({ length: 1000 }, (_, i) => `key ${1000 - i}`));
  await newer.click();
  await expect(page.locator("tbody tr").first()).toContainText("key 40");
  await older.click();

  // Where a page is emptied, the list begins anew.
  await expect(page.locator("tbody tr").first()).toContainText("key 20");
  for (let key = 20; key > 0; key -= 1) {
    await page.getByRole("button", { name: `Delete the key key ${key}`, exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete key" }).click();
    await expect(page.getByRole("dialog")).toBeHidden();
  }
  await expect(page.getByText("980 keys")).toBeVisible();
  await expect(page.locator("tbody tr").first()).toContainText("key 1000");
});
