/**
 * Everything that the environment decides, read once.
 *
 * A fault stops the process before it listens, with every fault named: a container that starts with a wrong
 * configuration and only fails at the first request is worse than one that does not start.
 */
export function readConfig(environment) {
  const faults = [];
  const required = (name, meaning) => {
    const value = environment[name];
    if (!value) faults.push(`${name} is not set; it must hold ${meaning}`);
    return value;
  };
  const wholeNumber = (name, fallback) => {
    const text = environment[name] ?? String(fallback);
    if (!/^[1-9]\d*$/.test(text)) faults.push(`${name} must be a whole number above 0, not "${text}"`);
    return Number(text);
  };

  const config = {
    port: wholeNumber("PORT", 3000),
    version: environment.APP_VERSION || "development",
    // Below the 30 s that Docker and ECS usually wait between SIGTERM and SIGKILL.
    stopTimeoutMs: wholeNumber("STOP_TIMEOUT_MS", 25_000),
    database: {
      url: required("MONGODB_URL", "the database's address, mongodb://HOST:27017/DATABASE"),
      username: environment.MONGODB_USERNAME,
      password: environment.MONGODB_PASSWORD,
    },
  };
  if (Boolean(config.database.username) !== Boolean(config.database.password)) {
    faults.push("MONGODB_USERNAME and MONGODB_PASSWORD must be set together or not at all");
  }
  if (faults.length > 0) throw new Error(`wrong configuration: ${faults.join("; ")}`);
  return config;
}
