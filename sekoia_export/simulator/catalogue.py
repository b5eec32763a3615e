"""What the seeded events speak of: a company of some hundred people, its hosts, its traffic, and a few bad things."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_FIRST = (
    "alice", "bruno", "chloe", "david", "emma", "farid", "gwen", "hugo", "ines", "jules", "karim", "lea", "marc",
    "nora", "oscar", "paula", "quentin", "rosa", "samir", "tess", "ugo", "vera", "wim", "xenia", "yann", "zoe",
)  # fmt: skip
_LAST = ("martin", "bernard", "dubois", "moreau", "laurent", "simon", "michel", "garcia", "roux", "fontaine")
_SITES = ("par", "lyo", "ber", "mad", "mil")
_DOMAINS = (
    "intranet.example.com", "mail.example.com", "login.example.com", "updates.example.org", "cdn.example.net",
    "files.example.org", "api.example.net", "telemetry.example.net", "xn--caf-dma.example", "a1b2c3d4.bad.example",
)  # fmt: skip
_PATHS = ("/", "/index.html", "/login", "/api/v2/items?page=3", "/search?q=100%25+sûr", "/wp-admin/setup.php")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "curl/8.11.0",
)
_PROCESSES = {
    "windows": (
        ("powershell.exe", r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe", "-NoProfile -File backup.ps1"),
        ("cmd.exe", r"C:\Windows\System32\cmd.exe", r"/c dir C:\Users"),
        ("svchost.exe", r"C:\Windows\System32\svchost.exe", "-k netsvcs -p"),
        ("chrome.exe", r"C:\Program Files\Google\Chrome\Application\chrome.exe", "--type=renderer"),
        ("rundll32.exe", r"C:\Windows\System32\rundll32.exe", r"C:\ProgramData\x.dll,Start"),
    ),
    "linux": (
        ("sshd", "/usr/sbin/sshd", "-D"),
        ("python3", "/usr/bin/python3", "/opt/app/worker.py --queue default"),
        ("curl", "/usr/bin/curl", "-s http://files.example.org/x.sh"),
    ),
}
_PARENTS = {"windows": ("explorer.exe", "services.exe", "winword.exe"), "linux": ("systemd", "bash")}
_PORTS = ((443, "https", "tcp"), (80, "http", "tcp"), (53, "dns", "udp"), (22, "ssh", "tcp"), (445, "smb", "tcp"),
          (3389, "rdp", "tcp"), (25, "smtp", "tcp"))  # fmt: skip
_INTAKES = {
    "auth": ("3f8c1d2e-5a6b-4c7d-8e9f-0a1b2c3d4e5f", "windows"),
    "network": ("7b1e9c40-2d3f-4a5b-9c6d-1e2f3a4b5c6d", "fortigate"),
    "process": ("c2d4e6f8-1a3b-4c5d-8e7f-9a0b1c2d3e4f", "crowdstrike-falcon"),
    "dns": ("58a7b6c5-d4e3-4f21-8a9b-0c1d2e3f4a5b", "infoblox"),
    "web": ("90f1e2d3-c4b5-4a69-8788-7a6b5c4d3e2f", "squid"),
}


def body(source: random.Random) -> dict[str, Any]:
    """Return an event drawn from `source`, without @timestamp and event.id; source.port is only a placeholder."""
    makers = {"auth": _auth, "network": _network, "process": _process, "dns": _dns, "web": _web}
    kind = source.choices(list(makers), weights=[20, 35, 20, 15, 10])[0]
    person = min(int(source.expovariate(0.02)), len(_FIRST) * len(_LAST) - 1)
    first, last = _FIRST[person % len(_FIRST)], _LAST[person // len(_FIRST)]
    site = person % len(_SITES)
    intake, dialect = _INTAKES[kind]
    event: dict[str, Any] = {
        "event.kind": "event",
        "event.dialect": dialect,
        "sekoiaio.intake.uuid": intake,
        "sekoiaio.intake.dialect": dialect,
        "user.name": f"{first}.{last}",
        "user.domain": "EXAMPLE",
        "host.name": f"{_SITES[site]}-{'srv' if source.random() < 0.2 else 'ws'}{person:03d}",
        "host.os.type": "linux" if source.random() < 0.2 else "windows",
        "source.ip": f"10.{20 + site}.{person // 250}.{person % 250 + 4}",
    }
    makers[kind](event, source)
    addresses = (event[name] for name in ("source.ip", "destination.ip") if name in event)
    event["related.ip"] = list(dict.fromkeys(addresses))
    return event


def _auth(event: dict[str, Any], source: random.Random) -> None:
    failed = source.random() < 0.15
    if failed and source.random() < 0.5:
        event["source.ip"] = f"203.0.113.{source.randrange(8, 40)}"
    event.update({
        "event.category": ["authentication"],
        "event.action": "logon-failed" if failed else "logged-in",
        "event.outcome": "failure" if failed else "success",
        "event.code": "4625" if failed else "4624",
        "source.port": 0,
    })  # fmt: skip
    done = "failed to log on" if failed else "logged on"
    event["message"] = f"EXAMPLE\\{event['user.name']} {done} to {event['host.name']} from {event['source.ip']}"


def _network(event: dict[str, Any], source: random.Random) -> None:
    port, protocol, transport = source.choices(_PORTS, weights=[50, 15, 12, 6, 8, 5, 4])[0]
    allowed = source.random() < 0.9
    event.update({
        "event.category": ["network"],
        "event.action": "allowed" if allowed else "denied",
        "event.outcome": "success" if allowed else "failure",
        "source.port": 0,
        "destination.ip": f"198.51.100.{source.randrange(1, 255)}",
        "destination.port": port,
        "network.protocol": protocol,
        "network.transport": transport,
        "network.bytes": int(source.lognormvariate(8, 2)),
    })  # fmt: skip
    event["message"] = (
        f"{transport} {event['source.ip']} -> {event['destination.ip']}:{port} {protocol} {event['event.action']}"
    )


def _process(event: dict[str, Any], source: random.Random) -> None:
    name, executable, arguments = source.choice(_PROCESSES[event["host.os.type"]])
    event.update({
        "event.category": ["process"],
        "event.action": "process-created",
        "event.outcome": "success",
        "process.name": name,
        "process.executable": executable,
        "process.args": [executable, *arguments.split()],
        "process.command_line": f'"{executable}" {arguments}',
        "process.pid": source.randrange(400, 65_000),
        "process.parent.name": source.choice(_PARENTS[event["host.os.type"]]),
        "file.path": executable,
        "file.name": name,
        "file.hash.sha256": hashlib.sha256(executable.encode()).hexdigest(),
        "file.hash.md5": hashlib.md5(executable.encode(), usedforsecurity=False).hexdigest(),
    })  # fmt: skip
    del event["source.ip"]
    event["message"] = f"{event['process.parent.name']} started {event['process.command_line']} as {event['user.name']}"


def _dns(event: dict[str, Any], source: random.Random) -> None:
    question = source.choices(_DOMAINS, weights=[20, 15, 15, 10, 15, 8, 8, 6, 2, 1])[0]
    known = source.random() < 0.95
    event.update({
        "event.category": ["network"],
        "event.action": "dns-query",
        "event.outcome": "success" if known else "failure",
        "source.port": 0,
        "destination.ip": "10.20.0.2",
        "destination.port": 53,
        "network.protocol": "dns",
        "network.transport": "udp",
        "dns.question.name": question,
        "dns.question.type": source.choice(["A", "AAAA", "TXT"]),
        "dns.response_code": "NOERROR" if known else "NXDOMAIN",
    })  # fmt: skip
    event["message"] = (
        f"{event['source.ip']} asked for {question} {event['dns.question.type']}: {event['dns.response_code']}"
    )


def _web(event: dict[str, Any], source: random.Random) -> None:
    domain = source.choice(_DOMAINS)
    status = source.choices([200, 301, 403, 404, 500], weights=[80, 5, 5, 8, 2])[0]
    event.update({
        "event.category": ["web"],
        "event.action": "proxy-request",
        "event.outcome": "success" if status < 400 else "failure",
        "source.port": 0,
        "destination.ip": f"192.0.2.{source.randrange(1, 255)}",
        "destination.port": 443,
        "network.protocol": "https",
        "network.transport": "tcp",
        "url.full": f"https://{domain}{source.choice(_PATHS)}",
        "url.domain": domain,
        "http.request.method": source.choices(["GET", "POST"], weights=[85, 15])[0],
        "http.response.status_code": status,
        "user_agent.original": source.choice(_AGENTS),
    })  # fmt: skip
    event["message"] = f'{event["http.request.method"]} {event["url.full"]} {status} "{event["user.name"]}"'
