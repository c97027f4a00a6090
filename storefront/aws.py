"""How boto3 clients are made: from one session a process, one at a time."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from boto3.session import Session

_making = threading.Lock()


@cache
def _session() -> Session:
    return Session()


def make_client(service: str, **options: Any) -> Any:
    """A client of an AWS service, to be made after any fork and then shared by the process's threads.

    Clients are safe to share, sessions are not, hence the lock. The session keeps the parsed descriptions of
    the services: reading one takes some 100 ms.
    """
    with _making:
        return _session().client(service, **options)  # type: ignore[call-overload]
