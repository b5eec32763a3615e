"""Cases and alerts, as far as an export's result ends up in one: reading them and commenting on them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sekoia_export.errors import NetworkError, NotFound, PermissionMissing, PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.api.client import Client


class Cases:
    """The cases and alerts of one platform. A name is a uuid or a short id.

    Every method raises PlatformError for a refusal, NetworkError when no usable answer came, and DeadlineExceeded when
    the client's deadline came first.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def case(self, name: str) -> dict[str, Any]:
        """Return a case, with its alerts."""
        return self._read(f"/sic/cases/{quote(name, safe='')}", what=f"reading the case {name}")

    def alert(self, name: str) -> dict[str, Any]:
        """Return an alert."""
        return self._read(f"/sic/alerts/{quote(name, safe='')}", what=f"reading the alert {name}")

    def comment_on_case(self, name: str, content: str) -> dict[str, Any]:
        """Leave a comment, which is Markdown, on a case and return it.

        Raises:
            AnswerLost: the comment may be there.
        """
        path = f"/sic/cases/{quote(name, safe='')}/comments"
        return self._send(path, {"content": content}, what=f"commenting on the case {name}")

    def comment_on_alert(self, name: str, content: str, *, author: str | None = None) -> dict[str, Any]:
        """Leave a comment on an alert and return it; arguments and errors are those of comment_on_case."""
        body = {"content": content} if author is None else {"content": content, "author": author}
        path = f"/sic/alerts/{quote(name, safe='')}/comments"
        return self._send(path, body, what=f"commenting on the alert {name}")

    def _read(self, path: str, *, what: str) -> dict[str, Any]:
        with _remedies():
            return _an_object(self._client.read(path, what=what), what)

    def _send(self, path: str, body: dict[str, str], *, what: str) -> dict[str, Any]:
        with _remedies():
            return _an_object(self._client.send("POST", path, body, what=what), what)


@contextmanager
def _remedies() -> Iterator[None]:
    """Give refusals the remedies that fit here; their own are those of searches and exports."""
    try:
        yield
    except NotFound as refused:
        raise _with_remedy(
            refused, "Check its uuid or short id, and that the API key is of its community."
        ) from refused
    except PermissionMissing as refused:
        remedy = "Give the API key's role the permissions to view cases and alerts and to comment on them."
        raise _with_remedy(refused, remedy) from refused


def _with_remedy(refused: PlatformError, remedy: str) -> PlatformError:
    return type(refused)(refused.cause, remedy, status=refused.status, code=refused.code, detail=refused.detail)


def _an_object(answer: Any, what: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise NetworkError(
            f"The platform's answer is not understood while {what}.",
            "Check that base_url is the address of the region's API; when it is, report it.",
        )
    return answer
