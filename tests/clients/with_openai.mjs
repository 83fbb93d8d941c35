// OpenAI's client for Node: chat completions and Responses.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { BASE, FORECAST, HELLO, MODEL, NO_MODEL, RAIN, TOLD, TOO_LONG, WEATHER, refused, run } from "./checks.mjs";

const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: "none", maxRetries: 0, timeout: 60_000 });
const HI = [{ role: "user", content: "Hi" }];
const TOOLS = [{ type: "function", function: { name: "weather", parameters: WEATHER, strict: true } }];
const FORM = { type: "json_schema", json_schema: { name: "forecast", schema: FORECAST, strict: true } };

await run({
  async chat() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes(MODEL));
    const answer = await client.chat.completions.create({ model: MODEL, messages: HI });
    assert.equal(answer.choices[0].message.content, HELLO);
    const response = await client.responses.create({ model: MODEL, input: "Hi" });
    assert.equal(response.output_text, HELLO);
  },

  async stream() {
    const stream = client.chat.completions.stream({ model: MODEL, messages: HI, stream_options: { include_usage: true } });
    const pieces = [];
    stream.on("content", (piece) => pieces.push(piece));
    const final = await stream.finalChatCompletion();
    assert.equal(pieces.join(""), HELLO);
    assert.equal(final.choices[0].message.content, HELLO);
    assert.ok(pieces.length > 3 && final.usage.completion_tokens > 0);
    let text = "";
    for await (const event of await client.responses.create({ model: MODEL, input: "Hi", stream: true })) {
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    assert.equal(text, HELLO);
  },

  async tools() {
    const asked = [];
    const weather = {
      type: "function",
      function: {
        name: "weather",
        parameters: WEATHER,
        parse: JSON.parse,
        function: (given) => {
          asked.push(given);
          return RAIN;
        },
      },
    };
    for (const stream of [false, true]) {
      const runner = client.chat.completions.runTools({ model: MODEL, messages: HI, tools: [weather], stream });
      assert.equal(await runner.finalContent(), TOLD);
    }
    assert.deepEqual(asked, [{ city: "Bonn" }, { city: "Bonn" }]);
    const answer = await client.chat.completions.create({ model: MODEL, messages: HI, tools: TOOLS, tool_choice: "required" });
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
  },

  async structured() {
    const answer = await client.chat.completions.parse({ model: MODEL, messages: HI, response_format: FORM });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: "Bonn", days: 7 });
    const format = { type: "json_schema", name: "forecast", schema: FORECAST, strict: true };
    const response = await client.responses.parse({ model: MODEL, input: "Hi", text: { format } });
    assert.deepEqual(JSON.parse(response.output_text), { city: "Bonn", days: 7 });
  },

  async error() {
    await refused(() => client.chat.completions.create({ model: NO_MODEL, messages: HI }), 404);
    await refused(() => client.responses.create({ model: MODEL, input: TOO_LONG }), 400);
    const long = [{ role: "user", content: TOO_LONG }];
    await assert.rejects(
      () => client.chat.completions.create({ model: MODEL, messages: long }),
      (error) => error.code === "context_length_exceeded",
    );
  },
});
