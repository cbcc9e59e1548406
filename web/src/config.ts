// What the server tells its pages about itself.

export type Config = { mode: "local" } | OidcConfig;

export interface OidcConfig {
  mode: "oidc";
  issuer: string;
  /** The id under which this page is registered with the issuer; null where the operator has set none. */
  clientId: string | null;
  /** Whom access tokens are to be made for: the server. */
  audience: string;
  scope: string;
  /** Where the issuer sends people back to: the page's own address. */
  redirectUri: string;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/console.json");
  if (!response.ok) {
    throw new Error(`/console.json: ${response.status}`);
  }
  return (await response.json()) as Config;
}
