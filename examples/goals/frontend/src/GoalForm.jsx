import { useState } from "react";

export default function GoalForm({ onAdd }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    // What was typed stays in the field until the backend has it.
    if (await onAdd(text.trim())) setText("");
    setBusy(false);
  }

  return (
    <form onSubmit={submit}>
      <label htmlFor="goal">What do you want to reach?</label>
      <div className="row">
        <input id="goal" value={text} maxLength={200} autoComplete="off" onChange={(event) => setText(event.target.value)} />
        <button disabled={busy || text.trim() === ""}>Add</button>
      </div>
    </form>
  );
}
