import { createServer } from "node:http";

import { createApp } from "./app.js";
import { readConfig } from "./config.js";
import * as database from "./database.js";
import { log } from "./log.js";
import { gracefulServer } from "./shutdown.js";

// Longer than any proxy in front keeps an idle connection (ALB 60 s, Traefik 90 s): the proxy must be the one to
// close it, or it sends a request on a connection that we are just closing.
const KEEP_ALIVE_MS = 120_000;

const config = readConfig(process.env);
const server = createServer(createApp({ version: config.version, databaseAnswers: database.answers }));
server.keepAliveTimeout = KEEP_ALIVE_MS;
const stopServer = gracefulServer(server);

const stopping = new AbortController();

async function stop(signalName) {
  if (stopping.signal.aborted) return;
  stopping.abort();
  log.info("stopping", { signal: signalName });
  const clean = await stopServer(config.stopTimeoutMs);
  await database.close();
  log.info("stopped", { clean });
  process.exit(clean ? 0 : 1);
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);

server.listen(config.port, () => log.info("listening", { port: config.port, version: config.version }));
await database.connect(config.database, stopping.signal);
