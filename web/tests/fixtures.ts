// A real server on SQLite for each test, and a page that is watched: whatever the console says, whatever the policy
// stops and whatever leaves the server's origin fails the test.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

import { test as base, expect, type Page } from "@playwright/test";

const BINARY = resolve(import.meta.dirname, "../..", process.env["CARGO_TARGET_DIR"] ?? "target", "debug/apikeys");

const LOCAL_TOKEN = "token-of-the-browser-tests-0123456789";

export class Server {
  private child: ChildProcess | undefined;
  readonly folder = mkdtempSync(join(tmpdir(), "apikeys-web-"));
  base = "";
  link = "";

  /** Port 0 takes a free one. */
  constructor(private listen = "127.0.0.1:0") {}

  async start(variables: Record<string, string> = { APIKEYS_LOCAL_TOKEN: LOCAL_TOKEN }): Promise<void> {
    this.child = spawn(BINARY, [], {
      cwd: this.folder,
      env: { APIKEYS_LISTEN: this.listen, DATABASE_URL: "sqlite://apikeys.db", ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.child;
    if (!stdout || !stderr) {
      throw new Error("the server has no output");
    }
    let log = "";
    stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const exited = once(this.child, "exit").then(() => {
      throw new Error(`the server did not start: ${log}`);
    });
    const [line] = (await Promise.race([once(createInterface(stdout), "line"), exited])) as [string];
    exited.catch(() => undefined);
    this.link = line.replace(/^Open /, "");
    this.base = new URL(this.link).origin;
    // Started again, it takes the same address.
    this.listen = new URL(this.link).host;
  }

  async stop(): Promise<void> {
    if (this.child && this.child.exitCode === null) {
      const exited = once(this.child, "exit");
      this.child.kill("SIGTERM");
      await exited;
    }
    this.child = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  async graphql(query: string, token = LOCAL_TOKEN): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.base}/graphql`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = (await response.json()) as { data: Record<string, unknown>; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  }

  /** Makes keys named `key 1` and so on. */
  async createKeys(count: number): Promise<void> {
    for (let from = 1; from <= count; from += 50) {
      const names = Array.from({ length: Math.min(50, count - from + 1) }, (_, i) => `key ${from + i}`);
      await this.graphql(`mutation { ${names.map((name, i) => `k${i}: createApiKey(input: {name: "${name}"}) { apiKey { id } }`).join(" ")} }`);
    }
  }
}

interface Fixtures {
  server: Server;
  /** Where else the page may go: the identity provider's origin, whose own pages are not ours to judge. */
  elsewhere: string[];
  /** Set where a test takes the server away or the session: the browser itself then says so on the console. */
  expectFailedLoads: { value: boolean };
}

export const test = base.extend<Fixtures>({
  server: async ({}, use) => {
    const server = new Server();
    await server.start();
    await use(server);
    await server.remove();
  },
  elsewhere: async ({}, use) => use([]),
  expectFailedLoads: async ({}, use) => use({ value: false }),
  page: async ({ page, context, server, elsewhere, expectFailedLoads }, use) => {
    const complaints: string[] = [];
    const isElsewhere = (page: Page | null) => page !== null && elsewhere.includes(new URL(page.url()).origin);
    context.on("console", (message) => {
      const isFailedLoad = message.text().startsWith("Failed to load resource");
      if (["error", "warning"].includes(message.type()) && !(isFailedLoad && expectFailedLoads.value) && !isElsewhere(message.page())) {
        complaints.push(`console: ${message.text()}`);
      }
    });
    context.on("weberror", (error) => {
      if (!isElsewhere(error.page())) {
        complaints.push(`error: ${error.error().message}`);
      }
    });
    context.on("request", (request) => {
      if (![server.base, ...elsewhere].includes(new URL(request.url()).origin) && !/^(blob|data):/.test(request.url())) {
        complaints.push(`a request to another origin: ${request.url()}`);
      }
    });
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await use(page);
    expect(complaints).toEqual([]);
  },
});

export { expect };

/** Creates a key by hand and gives its secret, which is on the screen. */
export async function createByHand(page: Page, name: string): Promise<string> {
  await page.getByRole("link", { name: "Add API Key" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Create key" }).click();
  await expect(page.getByRole("heading", { name: "API key created" })).toBeVisible();
  return page.getByLabel("Key", { exact: true }).inputValue();
}

/** A key that was made over the API. */
export interface Made {
  id: string;
  secret: string;
}

/** Creates a key over the API; `input` is what stands beside the name, as GraphQL. */
export async function createByApi(server: Server, name: string, input = ""): Promise<Made> {
  const data = await server.graphql(`mutation { createApiKey(input: {name: "${name}" ${input}}) { secret apiKey { id } } }`);
  const { secret, apiKey } = (data as { createApiKey: { secret: string; apiKey: { id: string } } }).createApiKey;
  return { id: apiKey.id, secret };
}

/** What the API says of a key. */
export async function apiKeyOf(server: Server, id: string): Promise<Record<string, unknown>> {
  const data = await server.graphql(`{ apiKey(id: "${id}") { name status expiresAt lastUsedAt scopes secrets { hint expiresAt } } }`);
  return data["apiKey"] as Record<string, unknown>;
}

/** Chooses from the menu of a key's row. */
export async function choose(page: Page, name: string, item: string): Promise<void> {
  await page.getByRole("button", { name: `More for the key ${name}`, exact: true }).click();
  await page.getByRole("menuitem", { name: item }).click();
}

/** What all the fields of a page hold. */
export async function fieldValues(page: Page): Promise<string[]> {
  return page.locator("input").evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value));
}

/** All that a page could leave behind in the browser, as one text; and how many databases and caches it made. */
export async function traces(page: Page): Promise<{ text: string; stores: number }> {
  const where = await page.evaluate(async () => ({
    url: location.href,
    history: JSON.stringify(history.state),
    local: JSON.stringify(localStorage),
    session: JSON.stringify(sessionStorage),
    cookies: document.cookie,
    stores: (await indexedDB.databases()).length + (await caches.keys()).length,
  }));
  return { text: JSON.stringify(where), stores: where.stores };
}

/** A secret that is on the screen is nowhere else, and is gone when the page was left by `go`. */
export async function expectGone(page: Page, secret: string, go: () => Promise<unknown>): Promise<void> {
  const left = await traces(page);
  expect(left.text).not.toContain(secret.slice(7));
  expect(left.stores).toBe(0);
  // Gone forward, back, or wherever: it does not come again.
  for (const step of [go, () => page.goBack(), () => page.goForward(), () => page.goForward(), () => page.reload()]) {
    await step();
    await expect(page.locator("h1, pre").first()).toBeVisible();
    await expect(page.locator("html")).not.toContainText(secret);
    expect(await fieldValues(page)).not.toContain(secret);
  }
}
