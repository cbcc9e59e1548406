import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compression, defineAlgorithm } from "vite-plugin-compression2";

// `npx vite` serves the page with hot reloading, and sends the rest to a server that runs on its usual address.
// In OIDC mode that server takes people to APIKEYS_PUBLIC_URL: set it to http://localhost:5173.
const server = "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [
    react(),
    compression({
      include: /\.(html|js|css|svg|json|ttf)$/,
      algorithms: [defineAlgorithm("gzip", { level: 9 }), defineAlgorithm("brotliCompress")],
    }),
  ],
  build: {
    // The Content-Security-Policy allows no data: URLs for what can be a file.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 6000,
    rolldownOptions: { input: { index: "index.html", graphiql: "graphiql.html" } },
  },
  server: { proxy: { "/graphql": server, "/console.json": server, "/sign-in": server, "/sign-out": server } },
});
