"""The access that there is to a service of ECS; apart, so that who names them loads nothing of AWS."""

from __future__ import annotations

#: There is no such service; it runs no task; it publishes no name; it is found by its name.
ABSENT, STOPPED, CLOSED, OPEN = "absent", "stopped", "closed", "open"
