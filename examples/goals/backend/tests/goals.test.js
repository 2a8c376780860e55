import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import mongoose from "mongoose";

import * as database from "../src/database.js";
import { Goal, LONGEST_GOAL } from "../src/goal.js";
import { databaseUrl, startApp } from "./helpers.js";

let app;

before(async () => {
  await database.connect({ url: databaseUrl("goals") }, new AbortController().signal);
  app = await startApp({ databaseAnswers: database.answers });
});

beforeEach(() => Goal.deleteMany());

after(async () => {
  await mongoose.connection.dropDatabase();
  await database.close();
  await app.stop();
});

function post(body, headers = { "Content-Type": "application/json" }) {
  return fetch(`${app.origin}/goals`, { method: "POST", headers, body });
}

async function texts() {
  const { goals } = await (await fetch(`${app.origin}/goals`)).json();
  return goals.map((goal) => goal.text);
}

test("a goal that was added is listed, oldest first, with an id and its text alone", async () => {
  assert.equal((await post(JSON.stringify({ text: "  Learn Docker " }))).status, 201);
  assert.equal((await post(JSON.stringify({ text: "Deploy it" }))).status, 201);

  const response = await fetch(`${app.origin}/goals`);
  const { goals } = await response.json();

  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.deepEqual(goals.map((goal) => goal.text), ["Learn Docker", "Deploy it"]);
  assert.deepEqual(Object.keys(goals[0]), ["id", "text"]);
});

test("a goal that was deleted is gone; deleting it again says so", async () => {
  const { goal } = await (await post(JSON.stringify({ text: "Passing" }))).json();
  const remove = () => fetch(`${app.origin}/goals/${goal.id}`, { method: "DELETE" });

  assert.equal((await remove()).status, 204);
  assert.equal((await remove()).status, 404);
  assert.deepEqual(await texts(), []);
});

test("an id that is none is not found", async () => {
  assert.equal((await fetch(`${app.origin}/goals/$ne`, { method: "DELETE" })).status, 404);
});

for (const [what, body] of [
  ["no text", "{}"],
  ["a blank text", '{"text": "   "}'],
  ["a text that is too long", JSON.stringify({ text: "x".repeat(LONGEST_GOAL + 1) })],
  ["a text that is an object", '{"text": {"$ne": null}}'],
  ["a body that is no JSON", "{"],
]) {
  test(`${what} is refused with a reason and nothing is stored`, async () => {
    const response = await post(body);
    assert.equal(response.status, 400);
    assert.ok((await response.json()).error);
    assert.deepEqual(await texts(), []);
  });
}

test("a body of another type is refused", async () => {
  assert.equal((await post("text=x", { "Content-Type": "application/x-www-form-urlencoded" })).status, 400);
});

test("a body above the limit is refused", async () => {
  assert.equal((await post(JSON.stringify({ text: "x".repeat(20_000) }))).status, 413);
});

test("health is 200 while the database answers", async () => {
  assert.equal((await fetch(`${app.origin}/health`)).status, 200);
});

test("the version is the release's", async () => {
  assert.deepEqual(await (await fetch(`${app.origin}/version`)).json(), { version: "test" });
});

test("an unknown page is 404 and does not name the framework", async () => {
  const response = await fetch(`${app.origin}/nothing`);
  assert.equal(response.status, 404);
  assert.equal(response.headers.get("x-powered-by"), null);
});
