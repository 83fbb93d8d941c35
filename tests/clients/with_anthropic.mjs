// Anthropic's client for Node.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { BASE, FORECAST, HELLO, MODEL, NO_MODEL, RAIN, TOLD, TOO_LONG, WEATHER, refused, run } from "./checks.mjs";

const client = new Anthropic({ baseURL: BASE, apiKey: "none", maxRetries: 0, timeout: 60_000 });
const HI = { model: MODEL, max_tokens: 400, messages: [{ role: "user", content: "Hi" }] };
const TOOLS = [{ name: "weather", input_schema: WEATHER }];
const text = (message) => message.content.filter((b) => b.type === "text").map((b) => b.text).join("");

await run({
  async chat() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes(MODEL));
    const answer = await client.messages.create(HI);
    assert.equal(text(answer), HELLO);
    assert.equal(answer.stop_reason, "end_turn");
    assert.ok((await client.messages.countTokens({ model: MODEL, messages: HI.messages })).input_tokens > 0);
  },

  async stream() {
    const stream = client.messages.stream({ ...HI, max_tokens: 2048, thinking: { type: "enabled", budget_tokens: 1024 } });
    const pieces = [];
    stream.on("text", (piece) => pieces.push(piece));
    const final = await stream.finalMessage();
    assert.equal(pieces.join(""), HELLO);
    assert.deepEqual(final.content.map((block) => block.type), ["thinking", "text"]);
  },

  async tools() {
    const answer = await client.messages.stream({ ...HI, tools: TOOLS }).finalMessage();
    const use = answer.content.find((block) => block.type === "tool_use");
    assert.deepEqual([answer.stop_reason, use.name, use.input], ["tool_use", "weather", { city: "Bonn" }]);
    const result = { type: "tool_result", tool_use_id: use.id, content: RAIN };
    const messages = [...HI.messages, { role: "assistant", content: answer.content }, { role: "user", content: [result] }];
    assert.equal(text(await client.messages.create({ ...HI, messages, tools: TOOLS })), TOLD);
  },

  async structured() {
    const format = { type: "json_schema", schema: FORECAST };
    const answer = await client.messages.create({ ...HI, output_config: { format } });
    assert.deepEqual(JSON.parse(text(answer)), { city: "Bonn", days: 7 });
  },

  async error() {
    await refused(() => client.messages.create({ ...HI, model: NO_MODEL }), 404);
    await refused(() => client.messages.create({ ...HI, messages: [{ role: "user", content: TOO_LONG }] }), 400);
  },
});
