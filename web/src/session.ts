// Who uses the page, and what it therefore shows. In local mode that is the server's affair, which knows its cookie; in OIDC
// mode people sign in with the identity provider (oidc.ts).

import { loadConfig, type Config } from "./config";
import { OidcSession } from "./oidc";

export type Session =
  | { kind: "starting" }
  | { kind: "unreachable" }
  | { kind: "unregistered"; issuer: string; redirectUri: string }
  /** On the way to the identity provider, or back. */
  | { kind: "under-way"; message: string }
  | { kind: "signed-out"; issuer: string; problem?: SignInProblem }
  /** The routes are shown. `hasEnded`: the token has run out, and it takes the person to get another. */
  | { kind: "open"; mode: Config["mode"]; hasEnded: boolean };

export interface SignInProblem {
  message: string;
  /** The provider could not be asked: the same may work later. */
  isOutage: boolean;
}

let session: Session = { kind: "starting" };
let oidc: OidcSession | undefined;
const listeners = new Set<() => void>();

export function currentSession(): Session {
  return session;
}

/** Tells of each change until the function that this gives is called. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function show(next: Session): void {
  session = next;
  listeners.forEach((listener) => listener());
}

/** Finds out who is here. Called once, as early as can be: the first screen waits for it. */
export async function start(): Promise<void> {
  let config: Config;
  try {
    config = await loadConfig();
  } catch {
    show({ kind: "unreachable" });
    return;
  }
  if (config.mode === "local") {
    show({ kind: "open", mode: "local", hasEnded: false });
    return;
  }
  const { issuer, clientId, redirectUri } = config;
  const home = new URL(redirectUri);
  if (home.origin !== location.origin) {
    // The provider sends people there, and what a sign-in keeps in the browser belongs to one origin.
    home.pathname = location.pathname;
    location.replace(home);
  } else if (clientId === null) {
    show({ kind: "unregistered", issuer, redirectUri });
  } else {
    oidc = new OidcSession({ ...config, clientId }, show);
    await oidc.start();
  }
}

export async function signIn(): Promise<void> {
  await oidc?.signIn();
}

export async function signOut(): Promise<void> {
  await oidc?.signOut();
}

/** `fetch` in the person's name. A call makes one request, whatever comes of it: a mutation is never sent twice. */
export async function authorizedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const token = await oidc?.accessToken();
  if (token === undefined) {
    // Local mode has its cookie. In OIDC mode nobody is signed in any more, and the server is the one to say so.
    return fetch(input, init);
  }
  const headers = new Headers(init?.headers);
  headers.set("authorization", `Bearer ${token}`);
  return fetch(input, { ...init, headers });
}
