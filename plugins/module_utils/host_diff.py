"""The difference that a release makes on a host, as text that a person can read and no secret is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .host_plan import ServicePlan, View

EMPTY = ("", "[]", "{}", "null")
HIDDEN = "(secret)"
HIDDEN_CHANGED = "(secret, changed)"


def service_lines(plan: ServicePlan) -> tuple[list[str], list[str]]:
    """Return what a service looks like before and after, one setting a line."""
    before, after = masked(plan.before, plan.after, plan.secrets)
    if before:
        before = {**before, "containers": ", ".join(one.name for one in [*plan.keep, *plan.retire])}
    if after:
        after = {**after, "containers": ", ".join(plan.serving)}
    return lines(plan.service, before), lines(plan.service, after)


def masked(before: View, after: View, secrets: Iterable[str]) -> tuple[View, View]:
    """Replace the values of secrets by a word that says only whether they differ."""
    hidden = {f"environment.{name}" for name in secrets}
    shown_before = {key: HIDDEN if key in hidden else value for key, value in before.items()}
    shown_after = {
        key: value
        if key not in hidden
        else HIDDEN
        if key not in before or before[key] == value
        else HIDDEN_CHANGED
        for key, value in after.items()
    }
    return shown_before, shown_after


def lines(prefix: str, view: Mapping[str, str]) -> list[str]:
    """Render a view as sorted lines of `prefix.key: value`, without what is empty."""
    return [f"{prefix}.{key}: {view[key]}" for key in sorted(view) if view[key] not in EMPTY]


def text(parts: Iterable[str]) -> str:
    """Join the lines as Ansible's diff wants them."""
    return "".join(f"{part}\n" for part in parts)
