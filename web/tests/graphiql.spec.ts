import { expect, test } from "./fixtures";

test("GraphiQL shows the schema and runs the three operations", async ({ page, server }) => {
  await page.goto(server.link);
  await page.goto(`${server.base}/graphiql`);
  await page.getByRole("button", { name: /Documentation Explorer/ }).click();
  await page.getByRole("link", { name: "Mutation", exact: true }).or(page.getByText("Mutation", { exact: true })).first().click();
  await expect(page.locator(".graphiql-plugin")).toContainText("createApiKey");
  await expect(page.locator(".graphiql-plugin")).toContainText("The answer is the only place where its secret is ever shown");

  const run = async (operation: string) => {
    await page.locator(".graphiql-execute-button").click();
    await page.getByRole("menuitem", { name: operation }).click();
  };
  const response = page.locator(".result-window");
  await run("ListApiKeys");
  await expect(response).toContainText('"totalCount": 0');
  if (process.env["SCREENSHOTS"]) {
    await page.screenshot({ path: `${process.env["SCREENSHOTS"]}/graphiql.png` });
  }
  await run("CreateApiKey");
  await expect(response).toContainText('"secret": "ak_');
  const secret = /ak_[0-9A-Za-z]{38}/.exec(((await response.textContent()) ?? "").replaceAll(/\s/g, ""))?.[0] ?? "";
  expect(secret).not.toBe("");
  const kept = () => page.evaluate(() => JSON.stringify([localStorage, sessionStorage, location.href]));
  // GraphiQL keeps its tabs half a second after a change.
  await page.waitForFunction(() => JSON.stringify(localStorage).includes("CreateApiKey"));
  await page.waitForTimeout(1500);
  expect(await kept()).not.toContain(secret.slice(7));
  await run("ListApiKeys");
  await expect(response).toContainText('"totalCount": 1');
  await run("DeleteApiKey");
  await expect(response).toContainText('"BAD_USER_INPUT"');

  await page.reload();
  await expect(page.locator(".graphiql-execute-button")).toBeVisible();
  expect(await kept()).not.toContain(secret.slice(7));
  await expect(page.locator("html")).not.toContainText(secret);
});

test("GraphiQL can be switched off", async ({ page, server, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await server.stop();
  await server.start({ APIKEYS_GRAPHIQL: "off" });
  const response = await page.goto(`${server.base}/graphiql`);
  expect(response?.status()).toBe(404);
});
