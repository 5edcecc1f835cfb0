"""Registering: a new account."""

from dataclasses import dataclass

from chassis.clock import Clock
from chassis.violations import Violations
from services.auth.email_address import NotAnAddress, normalise
from services.auth.passwords import Passwords, problem_with
from services.auth.security_log import Event, note
from services.auth.store import AuthStore
from services.auth.user import NAME_LENGTH_MAX, User, new_customer


@dataclass(frozen=True)
class Register:
    """Creates accounts. The store decides who comes first for an address."""

    store: AuthStore
    passwords: Passwords
    clock: Clock

    async def __call__(self, email: str, password: str, name: str) -> User:
        """The new account, a customer's.

        :raises InvalidArgument: with everything that is wrong with the request.
        :raises EmailTaken: when another account has this address.
        :raises HashingOverloaded: when too many passwords wait.
        """
        email, name = _checked(email, password, name)
        password_hash = await self.passwords.hash(password)
        user = new_customer(email, name, password_hash, self.clock.now())
        await self.store.add_user(user)
        note(Event.REGISTERED, user_id=user.user_id)
        return user


def _checked(email: str, password: str, name: str) -> tuple[str, str]:
    """The address normalised, and the name with single spaces: it is written into mails."""
    violations = Violations()
    try:
        email = normalise(email)
    except NotAnAddress as error:
        violations.add("email", str(error))
    if problem := problem_with(password):
        violations.add("password", problem)
    name = " ".join(name.split())
    violations.require(len(name) <= NAME_LENGTH_MAX, "name", f"must have at most {NAME_LENGTH_MAX} characters")
    violations.check()
    return email, name
