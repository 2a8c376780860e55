import { once } from "node:events";
import { createServer } from "node:http";

import { createApp } from "../src/app.js";

/** The address of a database of the test's own on the server that MONGODB_URL names. */
export function databaseUrl(name) {
  const given = process.env.MONGODB_URL;
  if (!given) {
    throw new Error("these tests need a running database: set MONGODB_URL, for example mongodb://127.0.0.1:27017/test");
  }
  const url = new URL(given);
  url.pathname = `/${name}-${process.pid}`;
  return url.toString();
}

/** Starts the application on a free port; resolves to its origin and a function that stops it. */
export async function startApp(options) {
  const server = createServer(createApp({ version: "test", databaseAnswers: async () => true, ...options }));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Asks `condition` again and again until it holds; fails after `timeoutMs`. */
export async function until(condition, timeoutMs = 10_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`still not true after ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
