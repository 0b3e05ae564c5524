// The same selection by mercurius with graphql-jit: the hash, the bisection, a seen-before check, the nested answer.
// Usage: node server.js PORT WORLD.json, with [{ "key", "experimentId", "seed", "variants": [{ "id", "name", "until",
// "version": { "id", "number", "content" } }] }] as the world; `until` is where a variant's share ends, in [0, 1].
const { readFileSync } = require("node:fs");
const Fastify = require("fastify");
const mercurius = require("mercurius");
const xxhash = require("xxhash-wasm");

const schema = `
  type PromptVersion { id: ID! number: Int! content: String! }
  enum SelectionReason { EXPERIMENT CURRENT_VERSION }
  type Selection {
    slot: String! reason: SelectionReason! experimentId: ID variantId: ID variantName: String
    promptVersion: PromptVersion!
  }
  input PromptSlotInput { slot: String! promptId: ID promptKey: String }
  type Query { selectVariant(prompts: [PromptSlotInput!]!, tenantId: ID!, track: Boolean = true): Selection }
`;

async function main() {
  const [port, file] = process.argv.slice(2);
  const { h64 } = await xxhash();
  const prompts = new Map(JSON.parse(readFileSync(file, "utf8")).map((prompt) => [prompt.key, prompt]));
  const seen = new Set();
  const waiting = [];
  const point = (seed, unit) => Number(h64(`${seed}\u0000${unit}`) >> 11n) / 9007199254740992;
  const resolvers = {
    Query: {
      selectVariant(_, { prompts: slots, tenantId, track }) {
        for (const slot of slots) {
          const prompt = prompts.get(slot.promptKey);
          if (!prompt) continue;
          const place = point(prompt.seed, tenantId);
          const variant = prompt.variants.find((each) => place < each.until);
          const key = `${prompt.experimentId}\u0000${tenantId}`;
          if (track && !seen.has(key)) {
            seen.add(key);
            waiting.push({ key, at: Date.now() });
          }
          return {
            slot: slot.slot, reason: "EXPERIMENT", experimentId: prompt.experimentId, variantId: variant.id,
            variantName: variant.name, promptVersion: variant.version,
          };
        }
        return null;
      },
    },
  };
  const app = Fastify({ logger: false });
  app.get("/ready", async () => "ready");
  app.register(mercurius, { schema, resolvers, jit: 1 });
  await app.listen({ port: Number(port), host: "127.0.0.1" });
}

main();
