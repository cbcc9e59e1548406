// An identity provider for the tests of OIDC mode: npm oidc-provider on a port of its own. It knows anna and ben, and lets
// them in when they say their name.

import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

import { Provider } from "oidc-provider";

export const AUDIENCE = "https://keys.example.com/graphql";
export const CLIENT_ID = "console";

const PEOPLE = ["anna", "ben"];

/** What a person sees at the provider; nothing comes from elsewhere. */
const page = (body: string) => `<!doctype html><html lang="en"><title>Identity provider</title>${body}</html>`;

export interface Customs {
  /** How many seconds an access token lives. */
  lifetime: number;
  /** Whether there are refresh tokens. */
  refreshes: boolean;
}

export class IdentityProvider {
  private readonly http = createServer((request, response) => void this.answer(request, response));
  private provider: Provider | undefined;
  private port = 0;
  /** What tokens were given for, in order: `authorization_code`, `refresh_token`. */
  readonly grants: unknown[] = [];

  /** For a browser, another site than the server's 127.0.0.1, with cookies of its own. */
  get issuer(): string {
    return `http://localhost:${this.port}`;
  }

  /** Started again, it is at the same address, and remembers what it knew. */
  async start(): Promise<void> {
    this.http.listen(this.port, "127.0.0.1");
    await once(this.http, "listening");
    this.port = (this.http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (this.http.listening) {
      const closed = once(this.http, "close");
      this.http.close();
      this.http.closeAllConnections();
      await closed;
    }
  }

  /** Knows the page at the origin `home` as a client, and nothing of what was before. */
  register(home: string, { lifetime, refreshes }: Customs): void {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: CLIENT_ID,
          token_endpoint_auth_method: "none",
          grant_types: ["authorization_code", "refresh_token"],
          redirect_uris: [`${home}/`],
          post_logout_redirect_uris: [`${home}/`],
          id_token_signed_response_alg: "ES256",
        },
      ],
      jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), alg: "ES256", use: "sig" }] },
      cookies: { keys: ["of the tests"] },
      clientBasedCORS: (_, origin) => origin === home,
      findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
      interactions: { url: (_, { uid }) => `/interaction/${uid}` },
      // The client is the house's own: nobody is asked what it may do.
      loadExistingGrant: async ({ oidc }) => {
        const grant = new provider.Grant({ clientId: CLIENT_ID, accountId: oidc.session?.accountId });
        grant.addOIDCScope("openid");
        await grant.save();
        return grant;
      },
      issueRefreshToken: () => Promise.resolve(refreshes),
      features: {
        devInteractions: { enabled: false },
        revocation: { enabled: true, allowedPolicy: () => true },
        rpInitiatedLogout: {
          logoutSource: (context, form) => {
            context.body = page(`<h1>Sign out?</h1>${form}<button form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>`);
          },
        },
        resourceIndicators: {
          getResourceServerInfo: (_, resource) => ({
            scope: "",
            audience: resource,
            accessTokenTTL: lifetime,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "ES256" } },
          }),
        },
      },
      ttl: { AccessToken: lifetime, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
    });
    provider.on("grant.success", ({ oidc }) => this.grants.push(oidc.params?.["grant_type"]));
    this.provider = provider;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.provider) {
      response.writeHead(503).end();
    } else if (!request.url?.startsWith("/interaction/")) {
      await this.provider.callback()(request, response);
    } else if (request.method === "POST") {
      const person = new URLSearchParams(await text(request)).get("person") ?? "";
      const refusal = { error: "access_denied", error_description: "The person does not want to" };
      await this.provider.interactionFinished(request, response, PEOPLE.includes(person) ? { login: { accountId: person } } : refusal);
    } else {
      const buttons = [...PEOPLE, "nobody"].map((name) => `<button name="person" value="${name}">I am ${name}</button>`);
      response.setHeader("content-type", "text/html");
      response.end(page(`<h1>Who are you?</h1><form method="post">${buttons.join(" ")}</form>`));
    }
  }
}
