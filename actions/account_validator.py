"""The check of the module's configuration, `validate_module_configuration`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.playbook import ExportAccountValidator

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class EventExportAccountValidator(ExportAccountValidator):
    """Tells an unreachable address, a refused API key and each missing permission apart."""

    def check(self, surroundings: Surroundings) -> None:
        """Check the account."""
        from sekoia_export.operations.account import ACCOUNT_TIMEOUT_S, check_account

        with surroundings.step(ACCOUNT_TIMEOUT_S) as step:
            check_account(step)
