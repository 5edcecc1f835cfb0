"""What auth refuses, and how it says so.

::

    Unauthenticated
    +-- InvalidCredentials      INVALID_CREDENTIALS     unknown address or wrong password: the same answer
    +-- InvalidRefreshToken     INVALID_REFRESH_TOKEN   not ours, used up, or its session is over
    +-- InvalidClient           INVALID_CLIENT          unknown service or wrong secret: the same answer
    +-- AccountGone             ACCOUNT_GONE            a valid token of an account that is no more
    +-- SessionOver             SESSION_OVER            a valid token of a session that has ended
    PermissionDenied
    +-- WrongPassword           WRONG_PASSWORD          the old password, when it is to be changed
    NotFound
    +-- UserNotFound            USER_NOT_FOUND
    AlreadyExists
    +-- EmailTaken              EMAIL_TAKEN
    ResourceExhausted
    +-- HashingOverloaded       OVERLOADED              too many passwords wait to be hashed
    +-- RateLimited             RATE_LIMITED            it was tried too often (chassis.rate_limits)
"""

from chassis.errors import AlreadyExists, NotFound, PermissionDenied, ResourceExhausted, Unauthenticated


class InvalidCredentials(Unauthenticated):
    """The address is unknown or the password is wrong; which of the two stays untold."""

    reason = "INVALID_CREDENTIALS"

    def __init__(self) -> None:
        super().__init__("the e-mail address or the password is wrong")


class InvalidRefreshToken(Unauthenticated):
    """The refresh token opens nothing (any more)."""

    reason = "INVALID_REFRESH_TOKEN"

    def __init__(self) -> None:
        super().__init__("the refresh token is not valid: log in again")


class InvalidClient(Unauthenticated):
    """The client id is unknown or the secret is wrong; which of the two stays untold."""

    reason = "INVALID_CLIENT"

    def __init__(self) -> None:
        super().__init__("the client id or the client secret is wrong")


class AccountGone(Unauthenticated):
    """The token is valid and its account does not exist."""

    reason = "ACCOUNT_GONE"

    def __init__(self) -> None:
        super().__init__("the account does not exist any more")


class SessionOver(Unauthenticated):
    """The token is valid and its session has ended."""

    reason = "SESSION_OVER"

    def __init__(self) -> None:
        super().__init__("the session has ended: log in again")


class WrongPassword(PermissionDenied):
    """The caller is known and does not know their password."""

    reason = "WRONG_PASSWORD"

    def __init__(self) -> None:
        super().__init__("the old password is wrong")


class UserNotFound(NotFound):
    """There is no such account."""

    reason = "USER_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("there is no such account")


class EmailTaken(AlreadyExists):
    """Another account has this address."""

    reason = "EMAIL_TAKEN"

    def __init__(self) -> None:
        super().__init__("there is already an account with this e-mail address")


class HashingOverloaded(ResourceExhausted):
    """Too many passwords wait to be hashed."""

    reason = "OVERLOADED"

    def __init__(self) -> None:
        super().__init__("too many passwords wait to be checked")
