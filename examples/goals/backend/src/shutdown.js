/**
 * Makes an HTTP server able to stop without losing a request.
 *
 * Returns `stop(timeoutMs)`: the server accepts no more connections, requests in flight are answered, each of
 * these answers says `Connection: close` so that no client sends another request on a connection about to end,
 * and idle connections are closed. Resolves to true when all ended in time, to false when the rest was cut off.
 */
export function gracefulServer(server) {
  const inFlight = new Set();
  let stopping = false;

  const sayClose = (response) => {
    if (!response.headersSent) response.setHeader("Connection", "close");
  };

  server.prependListener("request", (request, response) => {
    inFlight.add(response);
    response.once("close", () => inFlight.delete(response));
    if (stopping) sayClose(response);
  });

  return function stop(timeoutMs) {
    stopping = true;
    inFlight.forEach(sayClose);
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        resolve(false);
        server.closeAllConnections();
      }, timeoutMs);
      // close() also ends the connections that are idle, and calls back when the last one is gone.
      server.close(() => {
        clearTimeout(deadline);
        resolve(true);
      });
    });
  };
}
