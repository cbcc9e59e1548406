// Runs what other people's tools ask of a GraphQL server, against a running one: node run.mjs URL TOKEN
//
// The server audits of graphql-http, each of them; then the introspection queries of graphql-js, which GraphiQL and the
// code generators of Relay and Apollo send. Prints each thing that is not ok, then a count; exits 1 if there is any.
import { serverAudits } from "graphql-http";
import { buildClientSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, buildSchema } from "graphql";

const [url, token] = process.argv.slice(2);
if (!url || !token) {
  console.error("usage: node run.mjs URL TOKEN");
  process.exit(2);
}

const fetchFn = (input, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${token}`);
  return fetch(input, { ...init, headers });
};

let failures = 0;
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== "ok") {
    failures += 1;
    console.log(`${result.status}: ${audit.id} ${audit.name}: ${result.reason}`);
  }
}
console.log(`${audits.length - failures} of ${audits.length} audits ok`);

const text = (schema) => printSchema(lexicographicSortSchema(schema));
const sdl = await (await fetch(new URL("/schema.graphql", url))).text();
for (const options of [
  {},
  { descriptions: false },
  { specifiedByUrl: true, directiveIsRepeatable: true, inputValueDeprecation: true },
]) {
  const response = await fetchFn(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/graphql-response+json" },
    body: JSON.stringify({ query: getIntrospectionQuery(options) }),
  });
  const { data, errors } = await response.json();
  if (errors) {
    failures += 1;
    console.log(`introspection ${JSON.stringify(options)}: ${JSON.stringify(errors)}`);
  } else if (options.specifiedByUrl && text(buildClientSchema(data)) !== text(buildSchema(sdl))) {
    failures += 1;
    console.log("introspection and /schema.graphql tell of two different schemas");
  }
}
console.log(failures === 0 ? "all ok" : `${failures} not ok`);
process.exit(failures === 0 && audits.length > 0 ? 0 : 1);
