"""Print the last line of a test run: how many tests passed and failed, read from pytest's JUnit reports.

Usage: summary.py REPORT...
"""

from __future__ import annotations

import sys
from xml.etree import ElementTree as ET


def main() -> int:
    """Print the counts; the exit status is 1 when a test failed or none ran."""
    reports = [ET.parse(name).getroot() for name in sys.argv[1:]]  # noqa: S314 - pytest just wrote them
    suites = [suite for report in reports for suite in report.findall("testsuite")]
    ran, failed, errors, skipped = (
        sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    passed = ran - failed - errors - skipped
    print(f"{passed} passed, {failed + errors} failed" + (f", {skipped} skipped" if skipped else ""))  # noqa: T201 - its purpose
    return int(passed == 0 or failed + errors > 0)


if __name__ == "__main__":
    sys.exit(main())
