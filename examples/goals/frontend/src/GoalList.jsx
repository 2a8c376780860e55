export default function GoalList({ goals, onDelete }) {
  if (goals.length === 0) return <p className="quiet">No goals yet. Add the first one.</p>;
  return (
    <ul aria-label="Goals">
      {goals.map((goal) => (
        <li key={goal.id}>
          <span>{goal.text}</span>
          <button className="plain" aria-label={`Delete ${goal.text}`} onClick={() => onDelete(goal.id)}>
            Delete
          </button>
        </li>
      ))}
    </ul>
  );
}
