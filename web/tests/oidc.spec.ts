// OIDC mode: the page with a real identity provider, and with one that fails.

import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

import type { Page } from "@playwright/test";

import { createByHand, expect, test as base, traces, Server } from "./fixtures";
import { expectAccessible, looks } from "./looks";
import { AUDIENCE, CLIENT_ID, IdentityProvider, type Customs } from "./provider";

interface OidcFixtures {
  /** Where the server will listen. */
  port: number;
  /** By which name browsers reach it. */
  host: string;
  provider: IdentityProvider;
  customs: Customs;
  /** Of the server, besides what points it to the provider. */
  variables: Record<string, string>;
  /** Every token that the provider gave to the page, the newest last. */
  tokens: string[];
}

const test = base.extend<OidcFixtures>({
  customs: [{ lifetime: 600, refreshes: false }, { option: true }],
  variables: [{ APIKEYS_OIDC_CLIENT_ID: CLIENT_ID }, { option: true }],
  host: ["127.0.0.1", { option: true }],
  // Each of the two has to know the other's address before it starts.
  port: async ({}, use) => {
    const reserved = createServer().listen(0, "127.0.0.1");
    await once(reserved, "listening");
    const { port } = reserved.address() as AddressInfo;
    reserved.close();
    await once(reserved, "close");
    await use(port);
  },
  provider: async ({ host, port, customs }, use) => {
    const provider = new IdentityProvider();
    await provider.start();
    provider.register(`http://${host}:${port}`, customs);
    await use(provider);
    await provider.stop();
  },
  server: async ({ host, port, provider, variables }, use) => {
    const server = new Server(`127.0.0.1:${port}`);
    await server.start({
      APIKEYS_PUBLIC_URL: `http://${host}:${port}`,
      APIKEYS_OIDC_ISSUER: provider.issuer,
      APIKEYS_OIDC_AUDIENCE: AUDIENCE,
      ...variables,
    });
    await use(server);
    await server.remove();
  },
  elsewhere: async ({ provider }, use) => use([provider.issuer]),
  tokens: async ({ page }, use) => {
    const tokens: string[] = [];
    page.on("response", async (response) => {
      if (response.url().endsWith("/token") && response.request().method() === "POST" && response.ok()) {
        const { access_token, id_token, refresh_token } = (await response.json()) as Record<string, string | undefined>;
        tokens.push(...[id_token, refresh_token, access_token].filter((token) => token !== undefined));
      }
    });
    await use(tokens);
  },
});

/** Signs in from the sign-in screen, as somebody whom the provider has not seen in this browser. */
async function signIn(page: Page, person: string): Promise<void> {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: `I am ${person}` }).click();
  await expect(page.getByRole("heading", { name: "Access Tokens" })).toBeVisible();
  await expect(page.getByRole("banner")).toContainText(person);
}

async function signOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Yes, sign me out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
}

test("two people sign in one after the other, and neither sees anything of the other", async ({ page, server, tokens }) => {
  await page.goto(server.link);
  await expect(page).toHaveURL(`${server.base}/`);
  const asked = page.waitForRequest((request) => new URL(request.url()).pathname === "/auth");
  await signIn(page, "anna");
  expect(Object.fromEntries(new URL((await asked).url()).searchParams)).toMatchObject({
    response_type: "code",
    code_challenge_method: "S256",
    scope: "openid",
    resource: AUDIENCE,
    audience: AUDIENCE,
    redirect_uri: `${server.base}/`,
  });
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await createByHand(page, "anna’s backup");
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("row", { name: /anna’s backup/ })).toBeVisible();
  const asAnna = await server.graphql("{ apiKeys { nodes { id } } }", tokens.at(-1));
  const { id } = (asAnna as { apiKeys: { nodes: [{ id: string }] } }).apiKeys.nodes[0];

  await signOut(page);
  await expect(page.locator("html")).not.toContainText("anna");
  await page.goBack();
  await expect(page.getByRole("heading", { name: /Sign/ })).toBeVisible();
  await expect(page.locator("html")).not.toContainText("anna");

  await page.goto(server.base);
  await signIn(page, "ben");
  await expect(page.getByText("No access tokens yet")).toBeVisible();
  await expect(page.locator("html")).not.toContainText("anna");
  expect(await server.graphql(`{ viewer { owner } apiKey(id: "${id}") { name } node(id: "${id}") { id } }`, tokens.at(-1))).toEqual({
    viewer: { owner: "ben" },
    apiKey: null,
    node: null,
  });
});

test("who signs out in one tab is signed out in the others", async ({ page, server, context }) => {
  await page.goto(server.base);
  await signIn(page, "anna");
  const other = await context.newPage();
  await other.goto(server.base);
  await other.getByRole("button", { name: "Sign in" }).click();
  await expect(other.getByText("No access tokens yet")).toBeVisible();
  await signOut(other);
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
});

test("a page that the browser kept to come back to shows nothing of the person", async ({ page, server }) => {
  await page.goto(server.base);
  await signIn(page, "anna");
  // What a browser does that keeps a page: Playwright itself switches the keeping off.
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  await expect(page.locator("html")).not.toContainText("anna");
  await expect(page.getByRole("heading")).toHaveCount(0);
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await expect(page.getByRole("banner")).toContainText("anna");
});

test.describe("with refresh tokens", () => {
  test.use({ customs: { lifetime: 600, refreshes: true } });

  test("a token is in no storage, address or history, and a reload signs in again by itself", async ({ page, server, tokens }) => {
    const addresses: string[] = [];
    page.on("framenavigated", (frame) => addresses.push(frame.url()));
    await page.goto(`${server.base}/new`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "I am anna" }).click();
    const expectNothingLeft = async () => {
      await expect(page.getByLabel("Name")).toBeVisible();
      await expect(page).toHaveURL(`${server.base}/new`);
      const left = await traces(page);
      const history = await page.evaluate(() => navigation.entries().map(({ url }) => url));
      const code = addresses.map((address) => new URL(address).searchParams.get("code")).findLast((code) => code !== null);
      expect(left.stores).toBe(0);
      for (const secret of [code, ...tokens]) {
        expect(secret).toMatch(/.{20}/);
        expect([left.text, ...history].join()).not.toContain(secret);
      }
      for (const token of tokens) {
        expect(addresses.join()).not.toContain(token);
      }
    };
    await expectNothingLeft();
    expect(tokens).toHaveLength(3);
    await page.reload();
    await expect.poll(() => tokens.length).toBe(6);
    await expectNothingLeft();
  });

  test("a token that ended is renewed unnoticed, once for all who wait", async ({ page, server, provider, tokens }) => {
    await page.clock.install();
    await page.goto(server.base);
    await signIn(page, "anna");
    const [, , first] = tokens;
    await page.clock.fastForward("01:00:00");
    let answer = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route(`${provider.issuer}/token`, async (route) => {
      await held;
      await route.continue();
    });
    const bearers: (string | undefined)[] = [];
    page.on("request", (request) => request.url().endsWith("/graphql") && bearers.push(request.headers()["authorization"]));

    // The list of the page in between waits for the renewal too.
    await page.getByRole("link", { name: "Add API Key" }).click();
    await page.getByRole("link", { name: "apikeys" }).click();
    await page.getByRole("link", { name: "Add API Key" }).click();
    await page.getByLabel("Name").fill("after an hour");
    await page.keyboard.press("Enter");
    answer();
    await expect(page.getByRole("heading", { name: "API key created" })).toBeVisible();
    await page.getByRole("button", { name: "Done" }).click();
    await expect(page.getByRole("row", { name: /after an hour/ })).toBeVisible();
    expect(provider.grants).toEqual(["authorization_code", "refresh_token"]);
    expect(tokens.at(-1)).not.toBe(first);
    expect(new Set(bearers)).toEqual(new Set([`Bearer ${tokens.at(-1)}`]));
    expect(await server.graphql("{ apiKeys { totalCount } }", tokens.at(-1))).toEqual({ apiKeys: { totalCount: 1 } });
  });

  test("a renewal that nobody answers is told of, and works later", async ({ page, server, provider, expectFailedLoads }) => {
    expectFailedLoads.value = true;
    await page.clock.install();
    await page.goto(server.base);
    await signIn(page, "anna");
    await page.clock.fastForward("01:00:00");
    await provider.stop();
    await page.getByRole("link", { name: "Add API Key" }).click();
    await page.getByLabel("Name").fill("kept");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toContainText(`The identity provider at ${provider.issuer} cannot be reached`);
    await provider.start();
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(page.getByRole("heading", { name: "API key created" })).toBeVisible();
  });

  test("a session that the provider ended is told of", async ({ page, server, provider, customs, expectFailedLoads }) => {
    expectFailedLoads.value = true;
    await page.clock.install();
    await page.goto(server.base);
    await signIn(page, "anna");
    await page.clock.fastForward("01:00:00");
    // As a provider that was started anew, it knows nothing of what it gave.
    provider.register(server.base, customs);
    await page.getByRole("link", { name: "Add API Key" }).click();
    await page.getByLabel("Name").fill("too late");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toContainText("Your session has ended");
  });

  test("signing out revokes the refresh token", async ({ page, server, provider, tokens }) => {
    await page.goto(server.base);
    await signIn(page, "anna");
    const [, refreshToken = ""] = tokens;
    await signOut(page);
    const answer = await fetch(`${provider.issuer}/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "refresh_token", client_id: CLIENT_ID, refresh_token: refreshToken, resource: AUDIENCE }),
    });
    expect(await answer.json()).toMatchObject({ error: "invalid_grant" });
  });
});

test("a token that ended and cannot be renewed is told of at once, and signing in again mends it", async ({ page, server, tokens, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await page.clock.install();
  await page.goto(server.base);
  await signIn(page, "anna");
  await createByHand(page, "from before");
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("row", { name: /from before/ })).toBeVisible();
  await page.clock.fastForward("01:00:00");
  await expect(page.getByRole("alert")).toContainText("Your session has ended");

  // What is asked for from here on goes out without the token, and comes to the same.
  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill("too late");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("Your session has ended");
  await page.getByRole("button", { name: "Sign in again" }).click();
  // The provider still knows who it is, and the page where they were.
  await expect(page.getByRole("alert")).toBeHidden();
  await expect(page).toHaveURL(`${server.base}/new`);
  await page.getByLabel("Name").fill("from after");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "API key created" })).toBeVisible();
  expect(await server.graphql("{ apiKeys { totalCount } }", tokens.at(-1))).toEqual({ apiKeys: { totalCount: 2 } });
});

test("a provider that cannot be reached is told of", async ({ page, server, provider, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await page.goto(server.base);
  await provider.stop();
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText(`The identity provider at ${provider.issuer} cannot be reached`);
  const again = page.getByRole("button", { name: "Try again" });
  await expect(again).toBeFocused();
  await provider.start();
  await again.click();
  await page.getByRole("button", { name: "I am anna" }).click();
  await expect(page.getByText("No access tokens yet")).toBeVisible();

  // Nor does a reload send anybody to a dead page.
  await provider.stop();
  await page.reload();
  await expect(page.getByRole("alert")).toContainText("cannot be reached");
});

test("a refused sign-in is told of, and is not tried again by itself", async ({ page, server, provider, customs }) => {
  await page.goto(`${server.base}/new`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "I am nobody" }).click();
  await expect(page.getByRole("alert")).toContainText("refused to sign you in: “The person does not want to”");
  await expect(page).toHaveURL(`${server.base}/new`);
  const expectPatience = async () => {
    const visits: string[] = [];
    page.on("request", (request) => visits.push(request.url()));
    await page.reload();
    await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
    await expect(page.getByRole("alert")).toBeHidden();
    expect(visits.filter((url) => url.startsWith(provider.issuer))).toEqual([]);
  };
  await expectPatience();

  // The same where the page went to the provider by itself.
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "I am anna" }).click();
  await expect(page.getByLabel("Name")).toBeVisible();
  provider.register(server.base, customs);
  await page.reload();
  await page.getByRole("button", { name: "I am nobody" }).click();
  await expect(page.getByRole("alert")).toContainText("refused to sign you in");
  await expectPatience();
});

test("an answer that nobody asked for signs nobody in", async ({ page, server }) => {
  await page.goto(`${server.base}/?code=stolen&state=unknown`);
  await expect(page.getByRole("alert")).toContainText("Signing in did not work");
  await expect(page).toHaveURL(`${server.base}/`);
  await page.goto(`${server.base}/?error=x&error_description=Call+this+number&state=unknown`);
  await expect(page.getByRole("alert")).toContainText("Signing in did not work");
  await expect(page.locator("html")).not.toContainText("Call this number");
});

test("there are no links of local mode", async ({ server }) => {
  expect((await fetch(`${server.base}/sign-in?token=x`)).status).toBe(404);
  expect((await fetch(`${server.base}/sign-out`, { method: "POST" })).status).toBe(404);
  expect((await fetch(server.base)).headers.get("set-cookie")).toBeNull();
});

test("a server that cannot be asked how to sign in is told of", async ({ page, server, expectFailedLoads }) => {
  expectFailedLoads.value = true;
  await page.route("**/console.json", (route) => route.abort());
  await page.goto(server.base);
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await page.unroute("**/console.json");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
});

test.describe("with another name", () => {
  test.use({ host: "localhost" });

  test("the page goes by the name that the provider knows", async ({ page, server, port, elsewhere }) => {
    elsewhere.push(`http://127.0.0.1:${port}`);
    await page.goto(`http://127.0.0.1:${port}/new`);
    await expect(page).toHaveURL(`http://localhost:${port}/new`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "I am anna" }).click();
    await expect(page).toHaveURL(`${server.base}/new`);
    await expect(page.getByLabel("Name")).toBeFocused();
  });
});

test.describe("with GraphiQL", () => {
  test.use({ variables: { APIKEYS_OIDC_CLIENT_ID: CLIENT_ID, APIKEYS_GRAPHIQL: "on" } });

  test("GraphiQL takes a token, and keeps it nowhere", async ({ page, server, tokens, expectFailedLoads }) => {
    // It asks for the schema before it has a token.
    expectFailedLoads.value = true;
    await page.goto(server.base);
    await signIn(page, "anna");
    const token = tokens.at(-1) ?? "";
    await page.goto(`${server.base}/graphiql`);
    await page.getByRole("region", { name: "Headers" }).getByText("Bearer").click();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.insertText(token);
    await page.locator(".graphiql-execute-button").click();
    await page.getByRole("menuitem", { name: "CreateApiKey" }).click();
    await expect(page.locator(".result-window")).toContainText('"secret": "ak_');
    await page.waitForFunction(() => localStorage["graphiql:tabState"]?.includes('"operationName":"CreateApiKey"'));
    expect((await traces(page)).text).not.toContain(token);
    await page.reload();
    await expect(page.getByRole("region", { name: "Headers" })).toContainText("Bearer");
    await expect(page.locator("html")).not.toContainText(token);
  });
});

test.describe("without a client id", () => {
  test.use({ variables: {} });

  test("the page says what the operator has to do", async ({ page, server }) => {
    await page.goto(server.base);
    await expect(page.getByRole("main")).toContainText("APIKEYS_OIDC_CLIENT_ID");
    await expect(page.getByRole("main")).toContainText(`${server.base}/`);
    await expect(page.getByRole("button", { name: "Sign in" })).toBeHidden();
  });

  for (const look of looks) {
    test.describe(look.name, () => {
      test.use(look.use);
      test("axe finds nothing on what it says", async ({ page, server }) => {
        await page.goto(server.base);
        await expect(page.getByRole("heading", { name: "This page is not set up yet" })).toBeVisible();
        await expectAccessible(page, "oidc-not-set-up", look);
      });
    });
  }
});

for (const look of looks) {
  test.describe(look.name, () => {
    test.use(look.use);
    test("axe finds nothing on the screens of signing in", async ({ page, server, provider, expectFailedLoads }) => {
      expectFailedLoads.value = true;
      await page.clock.install();
      await page.route("**/console.json", (route) => route.abort());
      await page.goto(server.base);
      await expect(page.getByRole("alert")).toBeVisible();
      await expectAccessible(page, "oidc-server-down", look);
      await page.unroute("**/console.json");
      await page.getByRole("button", { name: "Try again" }).click();
      await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
      await expectAccessible(page, "oidc-sign-in", look);
      await provider.stop();
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("alert")).toBeVisible();
      await expectAccessible(page, "oidc-provider-down", look);
      await provider.start();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("button", { name: "I am anna" }).click();
      await expect(page.getByText("No access tokens yet")).toBeVisible();
      await page.clock.fastForward("01:00:00");
      await expect(page.getByRole("button", { name: "Sign in again" })).toBeVisible();
      await expectAccessible(page, "oidc-session-ended", look);
    });
  });
}
