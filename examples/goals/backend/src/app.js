import express from "express";
import mongoose from "mongoose";

import { Goal } from "./goal.js";
import { log } from "./log.js";

/** The HTTP interface. `databaseAnswers` is asked by every health check. */
export function createApp({ version, databaseAnswers }) {
  const app = express();
  app.disable("x-powered-by");
  app.use(logRequests);
  app.use(express.json({ limit: "16kb" }));

  app.get("/health", async (request, response) => {
    const ready = await databaseAnswers();
    response.status(ready ? 200 : 503).json({ status: ready ? "ok" : "no database" });
  });

  app.get("/version", (request, response) => {
    response.set("Cache-Control", "no-store").json({ version });
  });

  app.get("/goals", async (request, response) => {
    const goals = await Goal.find().sort({ createdAt: 1, _id: 1 });
    response.set("Cache-Control", "no-store").json({ goals });
  });

  app.post("/goals", async (request, response) => {
    const goal = await Goal.create({ text: request.body?.text });
    response.status(201).json({ goal });
  });

  app.delete("/goals/:id", async (request, response) => {
    const { id } = request.params;
    const deleted = mongoose.isValidObjectId(id) && (await Goal.findByIdAndDelete(id));
    if (!deleted) return response.status(404).json({ error: "no such goal" });
    return response.status(204).end();
  });

  app.use((request, response) => response.status(404).json({ error: "no such page" }));
  app.use(answerError);
  return app;
}

function logRequests(request, response, next) {
  const start = process.hrtime.bigint();
  response.on("close", () => {
    // Health checks come every few seconds from every side; only their failures are news.
    if (request.path === "/health" && response.statusCode === 200) return;
    log.info("request", {
      method: request.method,
      path: request.path,
      status: response.statusCode,
      ms: Number((process.hrtime.bigint() - start) / 1_000_000n),
      ...(response.writableFinished ? {} : { aborted: true }),
    });
  });
  next();
}

// Express knows an error handler by its four parameters.
// eslint-disable-next-line no-unused-vars
function answerError(error, request, response, next) {
  if (error instanceof mongoose.Error.ValidationError) {
    const reasons = Object.values(error.errors).map((fault) => fault.message);
    return response.status(400).json({ error: reasons.join("; ") });
  }
  if (error.expose) return response.status(error.status).json({ error: error.message });
  log.error("request failed", { method: request.method, path: request.path, error: error.name, reason: error.message });
  return response.status(503).json({ error: "the goals cannot be reached just now" });
}
