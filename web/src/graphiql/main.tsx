import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./style.css";

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import { loadConfig } from "../config";

// The three everyday operations, ready to run: the play button asks which.
const operations = `# Press play, then choose an operation.

query ListApiKeys {
  apiKeys(first: 20) {
    totalCount
    nodes {
      id
      name
      hint
      createdAt
    }
  }
}

# The secret is shown in this answer
# and never again.
mutation CreateApiKey {
  createApiKey(input: {name: "my key"}) {
    apiKey {
      id
      name
    }
    secret
  }
}

# Put an id from the list here.
mutation DeleteApiKey {
  deleteApiKey(input: {id: ""}) {
    deletedApiKeyId
  }
}
`;

// In local mode the session's cookie is enough; in OIDC mode one pastes a token here, and GraphiQL has nowhere to keep it.
const config = await loadConfig().catch(() => undefined);
const headers = config?.mode === "oidc" ? `{"Authorization": "Bearer "}` : undefined;

const root = document.getElementById("graphiql");
if (root) {
  createRoot(root).render(
    <GraphiQL
      fetcher={createGraphiQLFetcher({ url: "/graphql" })}
      defaultQuery={operations}
      defaultHeaders={headers}
      defaultEditorToolsVisibility={headers ? "headers" : false}
      shouldPersistHeaders={false}
      // No history: it keeps headers, and with them tokens, in localStorage all the same.
      plugins={[]}
    />,
  );
}
