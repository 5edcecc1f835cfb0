"""What schemathesis is told about this API (its SCHEMATHESIS_HOOKS): how to log in.

It imports this in a process of its own, which is told the gateway and the admin's account by its environment.
"""

import os
import re
from typing import Any

import httpx
import schemathesis

from tests.fuzzing.run import ENDING

SOMEBODY = "0" * 32

TOO_SHORT = re.compile(r"[0-9]{1,8}[mun]|0{1,8}[HMS]")
"""Deadlines of less than a second."""

TOKEN_SECONDS = 300
"""A token is good for ten minutes."""

URL, EMAIL, PASSWORD = (os.environ[key] for key in ("GATEWAY_URL", "ADMIN_EMAIL", "ADMIN_PASSWORD"))


class _Login:
    def get(self, _case: Any, _context: Any) -> str:
        """A new session's access token."""
        answer = httpx.post(f"{URL}/api/auth/login", json={"email": EMAIL, "password": PASSWORD}, trust_env=False)
        answer.raise_for_status()
        return str(answer.json()["accessToken"])

    def set(self, case: Any, data: str, _context: Any) -> None:
        """Let a request carry it."""
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Leave the admin the role, and us the time to answer.

    Who reads their own account learns an id, and tries it elsewhere. Who gives 7 ns is answered 504, as they must be.
    """
    if TOO_SHORT.fullmatch(str((case.headers or {}).get("Grpc-Timeout", ""))):
        del case.headers["Grpc-Timeout"]
    if case.operation.definition.raw.get("operationId") == "setUserRole":
        case.path_parameters = {**(case.path_parameters or {}), "user_id": SOMEBODY}


schemathesis.auth(refresh_interval=None).apply_to(operation_id=list(ENDING))(_Login)
schemathesis.auth(refresh_interval=TOKEN_SECONDS).skip_for(operation_id=list(ENDING))(_Login)
