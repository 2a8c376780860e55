import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import App from "../src/App.jsx";

// The backend, as far as the page knows it. `broken` makes it answer as it does without its database.
let backend;

function answer(status, body) {
  return { ok: status < 400, status, json: async () => body };
}

beforeEach(() => {
  backend = { goals: [{ id: "1", text: "Learn Docker" }], broken: false };
  vi.stubGlobal("fetch", async (path, { method = "GET", body } = {}) => {
    if (path === "/version") return answer(200, { version: "abc123" });
    if (backend.broken) return answer(503, { error: "the goals cannot be reached just now" });
    if (method === "GET") return answer(200, { goals: [...backend.goals] });
    if (method === "POST") {
      const goal = { id: String(backend.goals.length + 1), text: JSON.parse(body).text };
      backend.goals.push(goal);
      return answer(201, { goal });
    }
    backend.goals = backend.goals.filter((goal) => `/goals/${goal.id}` !== path);
    return answer(204);
  });
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function write(text) {
  fireEvent.change(screen.getByLabelText("What do you want to reach?"), { target: { value: text } });
}

test("the goals of the backend and its release are shown", async () => {
  render(<App />);
  expect(await screen.findByText("Learn Docker")).toBeTruthy();
  expect(await screen.findByText("Release abc123")).toBeTruthy();
});

test("a goal is added, without the blanks around it, and the field is empty again", async () => {
  render(<App />);
  await screen.findByText("Learn Docker");
  write("  Deploy it ");
  fireEvent.click(screen.getByRole("button", { name: "Add" }));

  expect(await screen.findByText("Deploy it")).toBeTruthy();
  expect(backend.goals.at(-1).text).toBe("Deploy it");
  await waitFor(() => expect(screen.getByLabelText("What do you want to reach?").value).toBe(""));
});

test("nothing can be added while the field is blank", async () => {
  render(<App />);
  await screen.findByText("Learn Docker");
  write("   ");
  expect(screen.getByRole("button", { name: "Add" }).disabled).toBe(true);
});

test("a goal is deleted, and an empty list says what to do", async () => {
  render(<App />);
  fireEvent.click(await screen.findByRole("button", { name: "Delete Learn Docker" }));
  expect(await screen.findByText(/No goals yet/)).toBeTruthy();
  expect(backend.goals).toEqual([]);
});

test("a backend that fails is said, and what was typed is kept", async () => {
  render(<App />);
  await screen.findByText("Learn Docker");
  backend.broken = true;
  write("Keep me");
  fireEvent.click(screen.getByRole("button", { name: "Add" }));

  expect((await screen.findByRole("alert")).textContent).toContain("cannot be reached just now");
  expect(screen.getByLabelText("What do you want to reach?").value).toBe("Keep me");
  expect(screen.getByText("Learn Docker")).toBeTruthy();
});

test("a backend that fails at the first look is said, and the page does not load for ever", async () => {
  backend.broken = true;
  render(<App />);
  expect(await screen.findByRole("alert")).toBeTruthy();
  expect(screen.queryByText("Loading…")).toBeNull();
});
