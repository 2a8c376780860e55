import { setTimeout as sleep } from "node:timers/promises";

import mongoose from "mongoose";

import { log } from "./log.js";

const SELECTION_TIMEOUT_MS = 3_000;
const PING_TIMEOUT_MS = 1_500;
const RETRY_AFTER_MS = 1_000;

// Without a connection a query fails at once, so that a request is answered (503) and not held for ten seconds.
mongoose.set("bufferCommands", false);

/**
 * Connects and keeps trying until it succeeds or `signal` aborts: on a new host the database may start after us.
 * Once connected, the driver reconnects by itself.
 */
export async function connect({ url, username, password }, signal) {
  const credentials = username ? { user: username, pass: password, authSource: "admin" } : {};
  const options = { ...credentials, serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS };
  while (!signal.aborted) {
    try {
      await mongoose.connect(url, options);
      log.info("connected to the database", { host: mongoose.connection.host });
      return;
    } catch (error) {
      log.warn("the database does not answer; trying again", { error: error.name, reason: error.message });
      await sleep(RETRY_AFTER_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** True if the database answers a ping in time; the state of the connection alone says nothing about a hung server. */
export async function answers() {
  if (mongoose.connection.readyState !== mongoose.ConnectionStates.connected) return false;
  try {
    await mongoose.connection.db.command({ ping: 1 }, { timeoutMS: PING_TIMEOUT_MS });
    return true;
  } catch (error) {
    log.warn("the database does not answer a ping", { error: error.name, reason: error.message });
    return false;
  }
}

export async function close() {
  // Closing a connection that is still being made would wait for the attempt to end.
  if (mongoose.connection.readyState === mongoose.ConnectionStates.connected) await mongoose.disconnect();
}
