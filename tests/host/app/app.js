// A small application whose faults are switched on by its environment.
const http = require("node:http");
const fs = require("node:fs");

const { VERSION, PORT = "8000", CRASH, SICK, EAT, START_DELAY = "0", TOKEN, DATA } = process.env;

if (CRASH) {
  console.error(`Error: cannot reach the database with ${TOKEN}`);
  process.exit(3);
}
if (EAT) {
  const eaten = [];
  setInterval(() => eaten.push(Buffer.alloc(20_000_000, 1)), 20);
}
if (DATA) {
  // Two processes on one volume must never be: the file is there for as long as this one runs.
  const lock = `${DATA}/lock`;
  fs.writeFileSync(lock, VERSION, { flag: "wx" });
  process.on("exit", () => fs.unlinkSync(lock));
}

let sick = Boolean(SICK);
const server = http.createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname === "/sicken") sick = true;
  if (url.pathname === "/health" && sick) {
    response.statusCode = 503;
    return response.end("the database is away");
  }
  const body = JSON.stringify({ version: VERSION, path: url.pathname, from: process.env.NAME });
  setTimeout(() => response.end(body), Number(url.searchParams.get("ms") ?? 0));
});
setTimeout(() => server.listen(Number(PORT)), Number(START_DELAY));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
