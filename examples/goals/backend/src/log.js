// One JSON object a line on standard output: what CloudWatch, Docker and jq all read.

/** Hides the credentials of any URL in the text: errors of the MongoDB driver may quote the address they were given. */
function withoutCredentials(text) {
  return text.replace(/\/\/[^/@\s]+@/g, "//***@");
}

function write(level, message, fields = {}) {
  const line = JSON.stringify({ time: new Date().toISOString(), level, message, ...fields });
  process.stdout.write(`${withoutCredentials(line)}\n`);
}

export const log = {
  info: (message, fields) => write("info", message, fields),
  warn: (message, fields) => write("warn", message, fields),
  error: (message, fields) => write("error", message, fields),
};
