"""The extras of the installation: which one has a library that is missing."""

from __future__ import annotations

from sekoia_export.cli.wording import CommandLineError

DISTRIBUTION = "sekoia-event-export"
_EXTRAS = {
    "playbook": ("sekoia_automation", "flask", "werkzeug"),
    "analysis": ("duckdb", "sqlglot", "sigma", "matplotlib"),
    "spark": ("pyspark",),
    "keyring": ("keyring",),
}


def missing_extra(missing: ModuleNotFoundError) -> CommandLineError | None:
    """Return the error that says which extra to install; None when the module belongs to none."""
    module = (missing.name or "").partition(".")[0]
    for extra, modules in _EXTRAS.items():
        if module in modules:
            return CommandLineError(
                f"This needs {module}, which is not installed: it comes with the extra {extra}.",
                f"Install it: pip install '{DISTRIBUTION}[{extra}]', or in a checkout: pipx install -f '.[{extra}]'.",
            )
    return None
