import type { CodegenConfig } from "@graphql-codegen/cli";

// The types of our operations, from the schema that the server's tests keep true.
const config: CodegenConfig = {
  schema: "../schema.graphql",
  documents: "src/**/*.graphql",
  generates: {
    "src/generated.ts": {
      plugins: ["typescript", "typescript-operations", "typed-document-node"],
      config: { useTypeImports: true, onlyOperationTypes: true, enumsAsTypes: true, scalars: { DateTime: "string", ID: "string" }, strictScalars: true },
    },
  },
};

export default config;
