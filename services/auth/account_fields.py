"""What the fields of a new account must be, however it comes."""

from chassis.violations import Violations
from services.auth.email_address import NotAnAddress, normalise
from services.auth.user import NAME_LENGTH_MAX


def checked_email(violations: Violations, email: str) -> str:
    """The address normalised, or a violation."""
    try:
        return normalise(email)
    except NotAnAddress as error:
        violations.add("email", str(error))
        return email


def checked_name(violations: Violations, name: str) -> str:
    """The name with single spaces, for it is written into mails; or a violation."""
    name = " ".join(name.split())
    violations.require(len(name) <= NAME_LENGTH_MAX, "name", f"must have at most {NAME_LENGTH_MAX} characters")
    return name
