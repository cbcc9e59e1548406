// Runs the server audits of graphql-http against a running server: node run.mjs URL TOKEN
// Prints each audit that is not ok, then a count; exits 1 if there is any.
import { serverAudits } from "graphql-http";

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

let ok = 0;
const audits = serverAudits({ url, fetchFn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === "ok") {
    ok += 1;
  } else {
    console.log(`${result.status}: ${audit.id} ${audit.name}: ${result.reason}`);
  }
}
console.log(`${ok} of ${audits.length} audits ok`);
process.exit(ok === audits.length && ok > 0 ? 0 : 1);
