// What the scripts of Node clients share; the words are those of checks.py.
import assert from "node:assert/strict";

export const BASE = process.argv[2];
export const MODEL = "local";
export const NO_MODEL = "no-such-model";
export const HELLO = "Hello from Nemora, said in small pieces.";
export const RAIN = "rain, 12 degrees";
export const TOLD = `The tool said: ${RAIN}`;
export const TOO_LONG = "word ".repeat(4_000);
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const FORECAST = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};

export async function run(checks) {
  for (const [name, check] of Object.entries(checks)) {
    let problem = "";
    try {
      await check();
    } catch (error) {
      problem = `${error?.name}: ${error?.message}`.slice(0, 600);
    }
    console.log(JSON.stringify({ check: name, problem }));
  }
}

export async function refused(ask, status) {
  await assert.rejects(ask, (error) => {
    assert.equal(error.status, status);
    return true;
  });
}
