// A client in TypeScript: openapi-fetch with the types that openapi-typescript generates. It makes a product, a plan, a
// customer and a license, lists and activates, and reads an error. Usage: client.js URL TOKEN.
import createClient from "openapi-fetch";
import type { components, paths } from "./kaching.js";

declare const process: { argv: string[] };

const [url, token] = process.argv.slice(2) as [string, string];
const api = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token}` } });
const product = createClient<paths>({ baseUrl: url });

function expect<T>(what: string, answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) {
    throw new Error(`${what}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  }
  return answer.data;
}

const limits: components["schemas"]["LimitMap"] = {
  activations: { kind: "slots", max: 2 },
  jobs: { kind: "counter", max: 100, per: "day", mode: "soft" },
};
const made = await api.POST("/v1/admin/products", { body: { code: "typed", name: "Typed" } });
const version = made.response.headers.get("etag");
expect("a product", made);
expect(
  "a plan",
  await api.POST("/v1/admin/plans", {
    body: { product: "typed", code: "team", name: "Team", rank: 1, term: "1y", limits },
  }),
);
expect("a customer", await api.POST("/v1/admin/customers", { body: { name: "東京", reference: "typed" } }));
const license = expect(
  "a license",
  await api.POST("/v1/admin/licenses", {
    params: { header: { "Idempotency-Key": "typed-1" } },
    body: { customer: "typed", product: "typed", plan: "team" },
  }),
);
const list = expect("licenses", await api.GET("/v1/admin/licenses", { params: { query: { product: "typed", sort: "-created_at" } } }));
if (list.items.length !== 1 || list.items[0]?.id !== license.id || list.next !== null) {
  throw new Error(`one license is listed, not ${JSON.stringify(list)}`);
}

const activated = expect(
  "an activation",
  await product.POST("/v1/activate", {
    body: { license_key: license.key ?? "", product: "typed", fingerprint: "ts-1", kind: "device", nonce: "0123456789abcdef" },
  }),
);
if (activated.activation.license !== license.id || activated.quotas[0]?.name !== "activations") {
  throw new Error(`the activation is of the license, not ${JSON.stringify(activated)}`);
}

const edited = await api.PATCH("/v1/admin/products/{id}", {
  params: { path: { id: "typed" }, header: { "If-Match": version ?? "" } },
  body: { name: "Typed twice" },
});
expect("an edit", edited);
const { error } = await api.PATCH("/v1/admin/products/{id}", {
  params: { path: { id: "typed" }, header: { "If-Match": version ?? "" } },
  body: { name: "Typed thrice" },
});
if (error?.status !== 412 || error.code !== "precondition_failed") {
  throw new Error(`an edit of an outdated object is refused, not ${JSON.stringify(error)}`);
}
console.log(`TypeScript: ${license.id} is listed and active as ${activated.activation.id}; an error is read: ${error.code}`);
