import { expect, test } from "vitest";

import { resourceOf } from "./oidc";

test("only a URL is named as the resource", () => {
  expect(resourceOf("https://keys.example.com/graphql")).toBe("https://keys.example.com/graphql");
  expect(resourceOf("http://127.0.0.1:8080")).toBe("http://127.0.0.1:8080");
  expect(resourceOf("apikeys")).toBeUndefined();
  expect(resourceOf("api://keys")).toBeUndefined();
});
