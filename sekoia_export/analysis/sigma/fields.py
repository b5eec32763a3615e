"""Sigma's names of fields and those of the platform's events, which are ECS with dots.

Public rules name fields as Windows, Sysmon, proxies and Linux do. A rule that names the platform's fields works as it
is. Where events may have a value in one of two fields, a rule finds it in either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sigma.processing.pipeline import ProcessingPipeline

FIELDS: dict[str, tuple[str, ...]] = {
    "AccessMask": ("action.properties.AccessMask",),
    "Accesses": ("action.properties.Accesses",),
    "Channel": ("action.properties.Channel", "winlog.channel"),
    "ClientIP": ("source.ip",),
    "CommandLine": ("process.command_line", "process.args"),
    "Company": ("process.pe.company",),
    "Computer": ("host.name",),
    "ComputerName": ("host.name",),
    "CurrentDirectory": ("process.working_directory",),
    "Description": ("process.pe.description",),
    "DestinationHostname": ("destination.domain",),
    "DestinationIp": ("destination.ip",),
    "DestinationPort": ("destination.port",),
    "EventID": ("action.id", "event.code"),
    "FileName": ("file.name",),
    "GrantedAccess": ("action.properties.GrantedAccess",),
    "Hashes": ("process.hash.sha256", "file.hash.sha256", "process.hash.md5", "file.hash.md5"),
    "Image": ("process.executable",),
    "ImageLoaded": ("dll.path", "file.path"),
    "ImagePath": ("action.properties.ImagePath",),
    "Imphash": ("process.pe.imphash",),
    "Initiated": ("action.properties.Initiated",),
    "IntegrityLevel": ("process.integrity_level", "action.properties.IntegrityLevel"),
    "IpAddress": ("source.ip",),
    "IpPort": ("source.port",),
    "LogonId": ("user.logon_id", "action.properties.LogonId"),
    "LogonType": ("action.properties.LogonType",),
    "OriginalFileName": ("process.pe.original_file_name",),
    "ParentCommandLine": ("process.parent.command_line",),
    "ParentImage": ("process.parent.executable",),
    "ParentProcessId": ("process.parent.pid",),
    "ParentUser": ("process.parent.user.name",),
    "PipeName": ("action.properties.PipeName",),
    "ProcessId": ("process.pid",),
    "ProcessName": ("process.name", "process.executable"),
    "Product": ("process.pe.product",),
    "Provider_Name": ("action.properties.ProviderName", "winlog.provider_name"),
    "QueryName": ("dns.question.name",),
    "QueryResults": ("dns.answers",),
    "QueryStatus": ("dns.response_code",),
    "ScriptBlockText": ("action.properties.ScriptBlockText",),
    "ServiceFileName": ("action.properties.ServiceFileName",),
    "ServiceName": ("action.properties.ServiceName", "service.name"),
    "ShareName": ("action.properties.ShareName",),
    "SourceHostname": ("source.domain",),
    "SourceImage": ("process.executable",),
    "SourceIp": ("source.ip",),
    "SourcePort": ("source.port",),
    "Status": ("action.properties.Status",),
    "SubjectDomainName": ("action.properties.SubjectDomainName",),
    "SubjectUserName": ("action.properties.SubjectUserName",),
    "TargetFilename": ("file.path",),
    "TargetImage": ("action.properties.TargetImage",),
    "TargetObject": ("registry.path", "action.properties.TargetObject"),
    "TargetUserName": ("user.target.name", "action.properties.TargetUserName"),
    "TaskName": ("action.properties.TaskName",),
    "User": ("user.name",),
    "UserName": ("user.name",),
    "WorkstationName": ("action.properties.WorkstationName",),
    "a0": ("auditd.data.a0",),
    "c-ip": ("source.ip",),
    "c-uri": ("url.original", "url.full"),
    "c-uri-extension": ("url.extension",),
    "c-uri-query": ("url.query",),
    "c-uri-stem": ("url.path",),
    "c-useragent": ("user_agent.original",),
    "cs-cookie": ("http.cookie",),
    "cs-host": ("url.domain", "destination.domain"),
    "cs-method": ("http.request.method",),
    "cs-referer": ("http.request.referrer",),
    "cs-uri": ("url.original", "url.full"),
    "cs-uri-query": ("url.query",),
    "cs-uri-stem": ("url.path",),
    "cs-user-agent": ("user_agent.original",),
    "cs-username": ("user.name",),
    "dst_ip": ("destination.ip",),
    "dst_port": ("destination.port",),
    "md5": ("process.hash.md5", "file.hash.md5"),
    "query": ("dns.question.name",),
    "r-dns": ("url.domain", "destination.domain"),
    "record_type": ("dns.question.type",),
    "sc-status": ("http.response.status_code",),
    "sha1": ("process.hash.sha1", "file.hash.sha1"),
    "sha256": ("process.hash.sha256", "file.hash.sha256"),
    "src_ip": ("source.ip",),
    "src_port": ("source.port",),
}
"""Sigma's name, and the events' names for the same."""


def platform_fields() -> ProcessingPipeline:
    """Return the pipeline that gives a rule the names of the platform's events."""
    from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
    from sigma.processing.transformations import FieldMappingTransformation

    mapping: dict[str | None, str | list[str]] = {
        name: fields[0] if len(fields) == 1 else list(fields) for name, fields in FIELDS.items()
    }
    return ProcessingPipeline(
        name="Sekoia.io", items=[ProcessingItem(FieldMappingTransformation(mapping), identifier="fields")]
    )
