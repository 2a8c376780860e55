// The backend is reached on the page's own origin: the load balancer (Vite's server in development) routes by path.

async function ask(path, options) {
  const response = await fetch(path, options);
  const body = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `the server answered ${response.status}`);
  return body;
}

export async function listGoals() {
  return (await ask("/goals")).goals;
}

export async function addGoal(text) {
  const body = JSON.stringify({ text });
  return (await ask("/goals", { method: "POST", headers: { "Content-Type": "application/json" }, body })).goal;
}

export async function deleteGoal(id) {
  await ask(`/goals/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export async function readVersion() {
  return (await ask("/version")).version;
}
