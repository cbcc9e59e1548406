// A backend that asks apikeys whose key a request has, with openid-client.

import { createServer } from "node:http";
import * as oauth from "openid-client";

// The last two are the id and the secret of a key with the scope `apikeys:introspect`.
const { APIKEYS_URL, APIKEYS_CLIENT_ID, APIKEYS_CLIENT_SECRET, PORT = "3000" } = process.env;

const apikeys = new oauth.Configuration(
  { issuer: APIKEYS_URL, introspection_endpoint: `${APIKEYS_URL}/introspect` },
  APIKEYS_CLIENT_ID,
  undefined,
  oauth.ClientSecretBasic(APIKEYS_CLIENT_SECRET),
);
if (APIKEYS_URL.startsWith("http:")) oauth.allowInsecureRequests(apikeys);

/** The key that a request presents, or the answer that refuses it. */
async function authenticate(request, scope) {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (!token) return { refusal: [401, "Bearer"] };
  const key = await oauth.tokenIntrospection(apikeys, token);
  if (!key.active) return { refusal: [401, 'Bearer error="invalid_token"'] };
  if (!key.scope.split(" ").includes(scope)) {
    return { refusal: [403, `Bearer error="insufficient_scope", scope="${scope}"`] };
  }
  return { key };
}

const server = createServer(async (request, response) => {
  if (request.method !== "GET" || request.url !== "/hello") return response.writeHead(404).end();
  try {
    const { key, refusal } = await authenticate(request, "hello");
    if (refusal) return response.writeHead(refusal[0], { "WWW-Authenticate": refusal[1] }).end();
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" }).end(`Hello, ${key.sub}`);
  } catch (error) {
    // Whether the key is good is not known, so this is neither a 401 nor a 200.
    console.error("apikeys does not answer:", error.message);
    response.writeHead(503).end();
  }
});

server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
