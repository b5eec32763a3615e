"""What an invocation is configured with, and where each value came from."""

from sekoia_export.cli.settings.places import Places
from sekoia_export.cli.settings.settings import Setting, Settings, load_settings

__all__ = ["Places", "Setting", "Settings", "load_settings"]
