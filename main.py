"""What the playbook engine runs: `python main.py <command>`."""

from actions.account_validator import EventExportAccountValidator
from actions.build_report import BuildReport
from actions.convert_export import ConvertExport
from actions.delete_export import DeleteExport
from actions.extract_observables import ExtractObservables
from actions.fetch_and_decrypt import FetchAndDecrypt
from actions.get_download_link import GetDownloadLink
from actions.get_export_status import GetExportStatus
from actions.hunt_export import HuntExport
from actions.list_exports import ListExports
from actions.query_export import QueryExport
from actions.wait_until_finished import WaitUntilFinished
from sekoia_export.playbook import EventExportModule
from trigger_export.export_events import ExportEvents
from trigger_export.plan_windows import PlanWindows
from trigger_export.scheduled_export import ScheduledExport
from trigger_export.search_events import SearchEvents
from trigger_export.trigger_export import TriggerExport

if __name__ == "__main__":
    module = EventExportModule()
    module.register(SearchEvents, "search_events")
    module.register(TriggerExport, "trigger_export")
    module.register(WaitUntilFinished, "wait_until_finished")
    module.register(FetchAndDecrypt, "fetch_and_decrypt")
    module.register(ExportEvents, "export_events")
    module.register(GetExportStatus, "get_export_status")
    module.register(ListExports, "list_exports")
    module.register(GetDownloadLink, "get_download_link")
    module.register(DeleteExport, "delete_export")
    module.register(PlanWindows, "plan_windows")
    module.register(ScheduledExport, "scheduled_export")
    module.register(QueryExport, "query_export")
    module.register(ConvertExport, "convert_export")
    module.register(HuntExport, "hunt_export")
    module.register(BuildReport, "build_report")
    module.register(ExtractObservables, "extract_observables")
    module.register_account_validator(EventExportAccountValidator)
    module.run()
