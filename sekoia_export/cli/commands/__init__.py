"""The commands, one module each; see `sekoia_export.cli` for their form."""
