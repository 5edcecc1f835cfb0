"""Auth with its accounts and sessions, asked again whenever it died before it answered."""

import json
from collections.abc import Callable, Coroutine
from io import BytesIO
from typing import Any, TypeVar

from passlib.hash import argon2

from chassis.testing import ManualClock
from services.auth.announcements import ANNOUNCEMENTS_PORT, MemoryAnnouncements
from services.auth.errors import EmailTaken, InvalidRefreshToken, SessionOver, WrongPassword
from services.auth.grant_role import GrantRole
from services.auth.import_users import ImportUsers
from services.auth.passwords import Passwords
from services.auth.store import STORE_PORT, AuthStore
from services.auth.tests.scene import Auth, auth_over
from services.auth.user import Role
from tests.faults.in_process.process import Plan, Process, Unreachable

T = TypeVar("T")

TRIES_MAX = 3
DAY_SECONDS = 24 * 60 * 60.0

ADA, BOB = "ada@example.com", "bob@example.com"
PASSWORD, NEW_PASSWORD = "correct horse", "battery staple"
OLD_HASHES = argon2.using(time_cost=1, memory_cost=64, parallelism=1)
"""What hashes are made with in that system."""


class Accounts:
    """One story of Ada, who is robbed of a refresh token, and of Bob, who comes from another system.

    Sessions end in every way, and in the end everybody must have heard of each.
    """

    def __init__(self, store: AuthStore, passwords: Passwords, clock: ManualClock, plan: Plan) -> None:
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._plan = plan
        self._announcements = MemoryAnnouncements()
        self._ended: set[str] = set()
        self._begin()

    async def findings(self) -> list[str]:
        """Tell the story; what went otherwise than it should."""
        await self._register()
        await self._ask(lambda auth: GrantRole(auth.store, self._clock)(ADA, Role.ADMIN))
        found = await self._rob()
        found += await self._log_out()
        found += await self._change_password()
        await self._log_in(BOB)
        await self._ask(lambda auth: auth.announcer.once())
        if untold := self._ended - self._announcements.kept.keys():
            found.append(f"{len(untold)} sessions were ended, and nobody heard of it")
        ada, bob = [await self._store.user_with_email(email) for email in (ADA, BOB)]
        assert ada is not None
        assert bob is not None
        if ada.role is not Role.ADMIN:
            found.append(f"Ada is a {ada.role}")
        if bob.password_hash == self._old_hash:
            found.append("Bob's hash is still of another system")
        return found

    async def end(self) -> None:
        """Let nothing live."""
        await self._process.bury()

    async def _register(self) -> None:
        try:
            await self._ask(lambda auth: auth.register(ADA, PASSWORD, "Ada"))
        except EmailTaken:  # she was registered, and the answer was lost
            assert self._plan.deaths
        self._old_hash = OLD_HASHES.hash(PASSWORD)
        await self._ask(self._import_bob)

    async def _import_bob(self, auth: Auth) -> None:
        """He may be there already: the answer was lost, and the command is run again."""
        file = BytesIO(json.dumps({"email": BOB, "name": "Bob", "password_hash": self._old_hash}).encode())
        async for imported in ImportUsers(auth.store, auth.clock)(file):
            assert imported.created + imported.present == 1

    async def _rob(self) -> list[str]:
        """A lost answer logs nobody out, and a stolen token is good for nothing."""
        first = await self._log_in(ADA)
        second = await self._refreshed(first)
        found = [] if await self._refreshed(first) == second else ["a repeated refresh had another answer"]
        self._clock.advance(DAY_SECONDS)
        third = await self._refreshed(second)
        if not third:
            found.append("Ada was logged out")
        if await self._refreshed(first) or await self._refreshed(third):
            found.append("a session lives on after an old token of it was used")
        self._note_end(first)
        return found

    async def _log_out(self) -> list[str]:
        """One session of three ends, then all of them."""
        one, *others = [await self._log_in(ADA) for _ in range(3)]
        await self._ask(lambda auth: auth.logout(one))
        self._note_end(one)
        found = ["a session lives on after its logout"] if await self._refreshed(one) else []
        if not all([await self._refreshed(token) for token in others]):
            found.append("a logout ended another session")
        caller = await self._auth_of_story().caller(others[0])
        await self._ask(lambda auth: auth.logout_all(caller.subject))
        for token in others:
            self._note_end(token)
            if await self._refreshed(token):
                found.append("a session lives on after all were ended")
        return found

    async def _change_password(self) -> list[str]:
        """The session that changes it goes on, unless its process died; the other one ends."""
        mine, other = [await self._log_in(ADA) for _ in range(2)]
        caller = await self._auth_of_story().caller(mine)
        deaths = len(self._plan.deaths)
        try:
            await self._ask(lambda auth: auth.change_password(caller, PASSWORD, NEW_PASSWORD))
        except (WrongPassword, SessionOver):  # it was changed, and the answer was lost
            assert len(self._plan.deaths) > deaths
            await self._ask(lambda auth: auth.logout_all(caller.subject))
            self._note_end(mine)
        else:
            if not await self._refreshed(mine):
                return ["whoever changed the password was logged out"]
        self._note_end(other)
        found = ["a session lives on after the password was changed"] if await self._refreshed(other) else []
        await self._ask(lambda auth: auth.login(ADA, NEW_PASSWORD))
        return found

    def _note_end(self, refresh_token: str) -> None:
        self._ended.add(refresh_token.partition(".")[0])

    def _auth_of_story(self) -> Auth:
        """Auth as whoever tells the story sees it: it never dies."""
        return auth_over(self._store, self._passwords, self._clock)

    async def _log_in(self, email: str) -> str:
        """The first refresh token of a new session."""
        return (await self._ask(lambda auth: auth.login(email, PASSWORD))).refresh_token

    async def _refreshed(self, token: str) -> str:
        """The next token, or none."""
        try:
            return (await self._ask(lambda auth: auth.refresh(token))).refresh_token
        except InvalidRefreshToken:
            return ""

    async def _ask(self, question: Callable[[Auth], Coroutine[Any, Any, T]]) -> T:
        for _ in range(TRIES_MAX):
            if self._process.is_dead:
                await self._process.bury()
                self._begin()
            try:
                return await self._process.answer(question(self._auth))
            except Unreachable:
                continue
        raise AssertionError(f"no answer after {TRIES_MAX} tries")

    def _begin(self) -> None:
        self._process = Process(self._plan)
        store = self._process.around(self._store, STORE_PORT)
        announcements = self._process.around(self._announcements, ANNOUNCEMENTS_PORT)
        self._auth = auth_over(store, self._passwords, self._clock, announcements=announcements)
