// The smallest web application worth deploying: one page, a health check, and a clean end.
import { createServer } from "node:http";

const { PORT = "8000", APP_VERSION = "unknown" } = process.env;

const page = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Hello</title></head>
  <body><h1>Hello from a container</h1><p>Version ${APP_VERSION}</p></body>
</html>
`;

let stopping = false;

const server = createServer((request, response) => {
  const [status, type, body] = { "/": [200, "text/html", page], "/health": [200, "text/plain", "ok\n"] }[
    request.url
  ] ?? [404, "text/plain", "no such page\n"];
  response.writeHead(status, { "Content-Type": type, ...(stopping && { Connection: "close" }) }).end(body);
});
// Longer than any proxy in front keeps an idle connection: the proxy must be the one to close it.
server.keepAliveTimeout = 120_000;

process.on("SIGTERM", () => {
  stopping = true;
  server.close(() => process.exit(0));
});

server.listen(Number(PORT), () => console.log(`listening on ${PORT}`));
