// The process as a container runs it: its start, its end, and what it writes.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTo, createServer } from "node:net";
import { afterEach, test } from "node:test";

import { databaseUrl, until } from "./helpers.js";

const NOWHERE = "mongodb://127.0.0.1:9/goals?directConnection=true";
const running = new Set();

afterEach(() => running.forEach((child) => child.kill("SIGKILL")));

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function startService(environment) {
  const port = await freePort();
  const child = spawn(process.execPath, ["src/server.js"], {
    env: { PORT: String(port), APP_VERSION: "v7", ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.add(child);
  const ended = once(child, "exit").then(([code]) => {
    running.delete(child);
    return code;
  });
  const output = { text: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => (output.text += text));
  return { child, port, origin: `http://127.0.0.1:${port}`, ended, output };
}

const healthStatus = (service) => fetch(`${service.origin}/health`).then((response) => response.status, () => 0);

/** Sends raw HTTP, so that a request can be left unfinished; `received` is all that came back. */
function openConnection(port) {
  const socket = connectTo(port, "127.0.0.1");
  const connection = { socket, received: "", closed: once(socket, "close") };
  socket.setEncoding("utf8").on("data", (text) => (connection.received += text));
  return connection;
}

test("it is ready with its database, says its version, and stops on SIGTERM with exit code 0", async () => {
  const service = await startService({ MONGODB_URL: databaseUrl("process") });
  await until(async () => (await healthStatus(service)) === 200);
  assert.deepEqual(await (await fetch(`${service.origin}/version`)).json(), { version: "v7" });
  service.child.kill("SIGTERM");
  assert.equal(await service.ended, 0);
});

test("a request in flight at SIGTERM is answered, with Connection: close; an idle connection is ended", async () => {
  const service = await startService({ MONGODB_URL: databaseUrl("process") });
  await until(async () => (await healthStatus(service)) === 200);
  const body = JSON.stringify({ text: "half sent" });
  const head = `POST /goals HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;

  const idle = openConnection(service.port);
  idle.socket.write("GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
  await until(() => idle.received.includes("v7"));
  assert.match(idle.received, /Connection: keep-alive/);
  const busy = openConnection(service.port);
  busy.socket.write(head + body.slice(0, 5));
  await until(async () => (await healthStatus(service)) === 200);

  service.child.kill("SIGTERM");
  await idle.closed;
  assert.equal(await healthStatus(service), 0, "a stopping service accepts no new connection");
  busy.socket.write(body.slice(5));
  await busy.closed;

  assert.match(busy.received, /^HTTP\/1.1 201 /);
  assert.match(busy.received, /Connection: close/);
  assert.equal(await service.ended, 0);
});

test("a request that does not end is cut off at the stop timeout, and the exit code says so", async () => {
  const service = await startService({ MONGODB_URL: databaseUrl("process"), STOP_TIMEOUT_MS: "300" });
  await until(async () => (await healthStatus(service)) === 200);
  const stuck = openConnection(service.port);
  stuck.socket.write("POST /goals HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
  await until(async () => (await healthStatus(service)) === 200);

  service.child.kill("SIGTERM");
  assert.equal(await service.ended, 1);
});

test("without its database it runs, is not ready, answers 503, and still stops at once", async () => {
  const service = await startService({ MONGODB_URL: NOWHERE });
  await until(async () => (await healthStatus(service)) === 503);
  assert.equal((await fetch(`${service.origin}/goals`)).status, 503);
  const start = Date.now();
  service.child.kill("SIGTERM");
  assert.equal(await service.ended, 0);
  assert.ok(Date.now() - start < 1_000, "the attempt to connect must not hold up the stop");
});

test("it writes JSON lines, and no credential in any of them", async () => {
  const url = NOWHERE.replace("//", "//reader:in-the-url@");
  const service = await startService({ MONGODB_URL: url, MONGODB_USERNAME: "writer", MONGODB_PASSWORD: "in-the-variable" });
  await until(() => service.output.text.includes("does not answer"));
  await fetch(`${service.origin}/goals?token=in-the-query`);
  service.child.kill("SIGTERM");
  await service.ended;

  const messages = service.output.text.trim().split("\n").map((line) => JSON.parse(line).message);
  assert.ok(messages.includes("request"));
  assert.equal(messages.at(-1), "stopped");
  assert.doesNotMatch(service.output.text, /in-the-/);
});

test("a wrong configuration ends it before it listens, with every fault named", async () => {
  const child = spawn(process.execPath, ["src/server.js"], {
    env: { PORT: "http", MONGODB_USERNAME: "alone" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  assert.notEqual(code, 0);
  assert.match(stderr, /PORT must be a whole number.*MONGODB_URL is not set.*MONGODB_PASSWORD must be set together/);
});
