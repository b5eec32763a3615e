"""`python -m sekoia_export.cli` is `sekoia-export`."""

from sekoia_export.cli import main

main()
