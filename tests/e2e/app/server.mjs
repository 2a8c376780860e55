// The application of the end-to-end tests: what a test needs to see or provoke in a release, and nothing else.
//
//   GET /            GREETING and VERSION
//   GET /health      HEALTH_STATUS, 200 unless set
//   GET /version     {"version": VERSION, "release": APP_VERSION, "container": host name}
//   GET /slow?ms=N   as /version, after N milliseconds (300 unless given)
//   GET /env/NAME    the value of an environment variable, 404 without it
//   GET /crash       ends the process with exit code 42 after the answer
//
// EXIT_AT_START=N ends it before it listens; IGNORE_SIGTERM=true lets it be killed; FAIL_EVERY=N answers each Nth
// request for / with 500.
import { createServer } from "node:http";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const { PORT = "8000", VERSION = "1", APP_VERSION, GREETING = "Hello from version" } = process.env;
const { HEALTH_STATUS = "200", EXIT_AT_START, IGNORE_SIGTERM, FAIL_EVERY } = process.env;

// Longer than any proxy in front keeps an idle connection: the proxy must be the one to close it.
const KEEP_ALIVE_MS = 120_000;

const identity = () => ({ version: VERSION, release: APP_VERSION ?? null, container: hostname() });

let asked = 0;
const failing = () => FAIL_EVERY && ++asked % Number(FAIL_EVERY) === 0;

const pages = {
  "/": () => (failing() ? [500, "as FAIL_EVERY says\n"] : [200, `${GREETING} ${VERSION}\n`]),
  "/health": () => [Number(HEALTH_STATUS), "health\n"],
  "/version": () => [200, identity()],
  "/slow": async (query) => {
    await sleep(Number(query.get("ms") ?? 300));
    return [200, identity()];
  },
  "/env": (query, name) => (name in process.env ? [200, process.env[name]] : [404, "no such variable\n"]),
  "/crash": () => {
    setTimeout(() => process.exit(42), 50);
    return [200, "crashing\n"];
  },
};

let stopping = false;

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://here");
  const [, first, rest = ""] = pathname.match(/^(\/[^/]*)(?:\/(.*))?$/);
  const [status, body] = await (pages[first]?.(searchParams, rest) ?? [404, "no such page\n"]);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const type = typeof body === "string" ? "text/plain" : "application/json";
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(text),
    "Cache-Control": "no-store",
    // Said at the time of the answer, so that the answers in flight at SIGTERM say it too.
    ...(stopping && { Connection: "close" }),
  });
  response.end(text);
});
server.keepAliveTimeout = KEEP_ALIVE_MS;

process.on("SIGTERM", () => {
  console.log("SIGTERM");
  if (IGNORE_SIGTERM === "true") return;
  stopping = true;
  // Idle connections are closed at once; the callback runs when the last request in flight is answered.
  server.close(() => process.exit(0));
});

if (EXIT_AT_START) {
  console.log(`ending with exit code ${EXIT_AT_START}, as EXIT_AT_START says`);
  process.exit(Number(EXIT_AT_START));
}
server.listen(Number(PORT), () => console.log(`version ${VERSION} listens on ${PORT}`));
