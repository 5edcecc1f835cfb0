"""Registering: a new account."""

from dataclasses import dataclass

from chassis.clock import Clock
from chassis.violations import Violations
from services.auth.account_fields import checked_email, checked_name
from services.auth.limits import AuthLimits
from services.auth.new_password import fault_of
from services.auth.passwords import Passwords
from services.auth.security_log import Event, note
from services.auth.store import AuthStore
from services.auth.user import User, new_customer


@dataclass(frozen=True)
class Register:
    """Creates accounts. The store decides who comes first for an address."""

    store: AuthStore
    passwords: Passwords
    clock: Clock
    limits: AuthLimits

    async def __call__(self, email: str, password: str, name: str) -> User:
        """The new account, a customer's.

        :raises InvalidArgument: with everything that is wrong with the request.
        :raises RateLimited: when it was tried too often.
        :raises EmailTaken: when another account has this address.
        :raises HashingOverloaded: when too many passwords wait.
        """
        email, name = _checked(email, password, name)
        self.limits.register()
        password_hash = await self.passwords.hash(password)
        user = new_customer(email, name, password_hash, self.clock.now())
        await self.store.add_user(user)
        note(Event.REGISTERED, user_id=user.user_id)
        return user


def _checked(email: str, password: str, name: str) -> tuple[str, str]:
    violations = Violations()
    email = checked_email(violations, email)
    if fault := fault_of(password):
        violations.add("password", fault)
    name = checked_name(violations, name)
    violations.check()
    return email, name
