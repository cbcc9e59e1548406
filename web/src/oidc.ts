// Signing in with the identity provider, by authorization code with PKCE; oidc-client-ts speaks the protocol. Tokens live in
// the memory of this page and end with it: after a reload the provider, which has a session of its own, gives new ones.

import { ErrorResponse, ErrorTimeout, InMemoryWebStorage, UserManager, WebStorageStateStore, type User } from "oidc-client-ts";

import type { OidcConfig } from "./config";
import type { Session, SignInProblem } from "./session";

/** In sessionStorage, the mark of a tab that is signed in: it may go to the provider without being told to. */
const SIGNED_IN = "apikeys.signed-in";

/** A token that has fewer seconds left is renewed before it is used. */
const RENEWAL_MARGIN = 30;

/** How many seconds the provider has for each answer. */
const PROVIDER_DEADLINE = 15;

/** The provider cannot be asked for the token that a request needs. */
export class ProviderOutage extends Error {}

export class OidcSession {
  private readonly issuer: string;
  private readonly audience: string;
  private readonly resource: string | undefined;
  private readonly manager: UserManager;
  /** Reaches the person's other tabs: who signs out in one of them is signed out. */
  private readonly tabs = new BroadcastChannel("apikeys.signed-out");
  private user: User | undefined;
  private renewal: Promise<void> | undefined;

  constructor(
    { issuer, clientId, audience, scope, redirectUri }: OidcConfig & { clientId: string },
    private readonly show: (session: Session) => void,
  ) {
    this.issuer = issuer;
    this.audience = audience;
    this.resource = resourceOf(audience);
    this.manager = new UserManager({
      authority: issuer,
      client_id: clientId,
      redirect_uri: redirectUri,
      post_logout_redirect_uri: redirectUri,
      scope,
      resource: this.resource,
      extraTokenParams: { resource: this.resource },
      // What is kept between leaving for the provider and coming back holds no token; the user does.
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
      // That would open hidden frames, which the page's policy forbids.
      automaticSilentRenew: false,
      requestTimeoutInSeconds: PROVIDER_DEADLINE,
      silentRequestTimeoutInSeconds: PROVIDER_DEADLINE,
    });
    this.manager.events.addAccessTokenExpired(() => {
      if (!this.user?.refresh_token) {
        this.end();
      }
    });
    this.tabs.addEventListener("message", () => void this.forget().then(() => location.replace("/")));
    // A page that the browser keeps to come back to is kept empty, and starts anew: by then the person may be another.
    window.addEventListener("pagehide", () => this.show({ kind: "starting" }));
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  /** Takes the provider's answer, if the address has one; goes to ask for one, if this tab was signed in; or waits for `signIn`. */
  async start(): Promise<void> {
    const parameters = new URLSearchParams(location.search);
    if (parameters.has("state") && (parameters.has("code") || parameters.has("error"))) {
      await this.finishSignIn();
    } else if (sessionStorage.getItem(SIGNED_IN) !== null) {
      this.show({ kind: "under-way", message: "Signing in…" });
      // There is nothing on this page to come back to.
      await this.signIn("replace");
    } else {
      this.show({ kind: "signed-out", issuer: this.issuer });
    }
  }

  /** Leaves for the provider. Where that fails, the sign-in screen says why. */
  async signIn(redirectMethod: "assign" | "replace" = "assign"): Promise<void> {
    // Only a success sets it again, so that no failure leads back here by itself.
    sessionStorage.removeItem(SIGNED_IN);
    try {
      await this.manager.signinRedirect({ redirectMethod, state: location.pathname, extraQueryParams: { audience: this.audience } });
    } catch (error) {
      this.show({ kind: "signed-out", issuer: this.issuer, problem: this.problemOf(error) });
    }
  }

  private async finishSignIn(): Promise<void> {
    const answer = location.href;
    history.replaceState(null, "", "/");
    this.show({ kind: "under-way", message: "Signing in…" });
    try {
      this.user = await this.manager.signinRedirectCallback(answer);
      sessionStorage.setItem(SIGNED_IN, "yes");
      returnTo(this.user.state);
      this.show({ kind: "open", mode: "oidc", hasEnded: false });
    } catch (error) {
      if (error instanceof ErrorResponse) {
        returnTo(error.state);
      }
      this.show({ kind: "signed-out", issuer: this.issuer, problem: this.problemOf(error) });
    }
  }

  /** Signs out in every tab, and of the provider's own session where the provider lets us. */
  async signOut(): Promise<void> {
    this.tabs.postMessage("signed-out");
    await this.forget();
    if (await this.manager.metadataService.getEndSessionEndpoint()) {
      await this.manager.signoutRedirect();
    } else {
      location.replace("/");
    }
  }

  private async forget(): Promise<void> {
    sessionStorage.removeItem(SIGNED_IN);
    this.user = undefined;
    this.show({ kind: "under-way", message: "Signing out…" });
    // A refresh token that the provider does not revoke is still gone from here.
    await this.manager.revokeTokens(["refresh_token"]).catch(() => undefined);
  }

  /**
   * The token for a request that is made now, if the person is still signed in. It is renewed when it is needed, not by the
   * clock: a page that nobody uses keeps no session alive, and one that slept past the end goes on where it was.
   */
  async accessToken(): Promise<string | undefined> {
    if (this.user?.refresh_token && (this.user.expires_in ?? Infinity) < RENEWAL_MARGIN) {
      // One renewal for all who wait: a provider may take a second use of a refresh token for theft.
      this.renewal ??= this.renew().finally(() => (this.renewal = undefined));
      await this.renewal;
    }
    return this.user?.expired ? undefined : this.user?.access_token;
  }

  private async renew(): Promise<void> {
    try {
      this.user = (await this.manager.signinSilent({ resource: this.resource })) ?? undefined;
    } catch (error) {
      if (error instanceof ErrorResponse) {
        this.end();
      } else if (this.user?.expired) {
        throw new ProviderOutage(`The identity provider at ${this.issuer} cannot be reached to renew your session. Try again in a moment.`);
      }
    }
  }

  private end(): void {
    this.user = undefined;
    this.show({ kind: "open", mode: "oidc", hasEnded: true });
  }

  private problemOf(error: unknown): SignInProblem {
    if (error instanceof ErrorResponse) {
      return { isOutage: false, message: `The identity provider refused to sign you in: “${error.message}”.` };
    }
    // What `fetch` throws when nobody answers.
    if (error instanceof TypeError || error instanceof ErrorTimeout) {
      return { isOutage: true, message: `The identity provider at ${this.issuer} cannot be reached from here.` };
    }
    return { isOutage: false, message: `Signing in did not work: ${error instanceof Error ? error.message : String(error)}.` };
  }
}

/** What RFC 8707 lets a client name as the resource: a URL. Other audiences are asked for by the parameter `audience` alone. */
export function resourceOf(audience: string): string | undefined {
  return /^https?:\/\//.test(audience) ? audience : undefined;
}

/** Shows where the person was when they left for the provider; our own path, which came back with the answer's state. */
function returnTo(path: unknown): void {
  if (typeof path === "string") {
    history.replaceState(null, "", path);
  }
}
