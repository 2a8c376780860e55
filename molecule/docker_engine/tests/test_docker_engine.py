"""The engine as the role leaves it."""
