import { useEffect, useState } from "react";

import { addGoal, deleteGoal, listGoals, readVersion } from "./api.js";
import GoalForm from "./GoalForm.jsx";
import GoalList from "./GoalList.jsx";

export default function App() {
  const [goals, setGoals] = useState(null);
  const [version, setVersion] = useState("");
  const [fault, setFault] = useState("");

  /** Runs one exchange with the backend; true if it succeeded, otherwise the page says why. */
  async function attempt(what, exchange) {
    try {
      await exchange();
      setFault("");
      return true;
    } catch (error) {
      setFault(`${what}: ${error.message}.`);
      return false;
    }
  }

  useEffect(() => {
    attempt("The goals could not be loaded", async () => setGoals(await listGoals()));
    // The version is an ornament; without it the page is still whole.
    readVersion().then(setVersion, () => setVersion(""));
  }, []);

  const add = (text) =>
    attempt("The goal was not added", async () => {
      const goal = await addGoal(text);
      setGoals((current) => [...(current ?? []), goal]);
    });

  const remove = (id) =>
    attempt("The goal was not deleted", async () => {
      await deleteGoal(id);
      setGoals((current) => current.filter((goal) => goal.id !== id));
    });

  return (
    <main>
      <h1>Goals</h1>
      <GoalForm onAdd={add} />
      {fault && <p role="alert">{fault}</p>}
      {goals === null && !fault && <p className="quiet">Loading…</p>}
      {goals && <GoalList goals={goals} onDelete={remove} />}
      {version && <footer className="quiet">Release {version}</footer>}
    </main>
  );
}
