"""The store in MongoDB: one document an account, one document a session.

Those that were written before epochs were counted have none: theirs is 0.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo import ASCENDING, ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, WriteConcernError
from pymongo.read_concern import ReadConcern

from chassis.background import finish
from chassis.mongo import Database, Document
from chassis.revocations import REMEMBERED, Revocation
from services.auth.errors import EmailTaken
from services.auth.session import Session
from services.auth.user import Role, User

NEWEST_READ_MS_MAX = 3000
"""A linearizable read waits for a majority; without one it would wait for ever."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

_DUPLICATE_KEY = 11000


class MongoStore:
    """See :class:`services.auth.store.AuthStore`.

    Writes run to their end when the caller goes away: pymongo would close the connection, and nobody
    would know whether the write happened.
    """

    def __init__(self, database: Database) -> None:
        self._users = database["users"]
        self._sessions = database["sessions"]
        self._newest_sessions = self._sessions.with_options(read_concern=ReadConcern("linearizable"))

    async def create_indexes(self) -> None:
        """Create what is not there yet: one account an address, and sessions that are forgotten when over."""
        await self._users.create_index("email", unique=True)
        await self._sessions.create_index("expire_time", expireAfterSeconds=0)
        await self._sessions.create_index([("user_id", ASCENDING), ("rotate_time", ASCENDING)])
        revoked = {"revoke_time": {"$gt": LONG_AGO}}  # a filter by type would not be seen to hold for a later time
        await self._sessions.create_index("revoke_time", partialFilterExpression=revoked)

    async def add_user(self, user: User) -> None:
        """See the port."""
        try:
            await finish(self._users.insert_one(_user_document(user)))
        except DuplicateKeyError:
            raise EmailTaken from None  # its text has the address, which must not reach a log

    async def add_users(self, users: Sequence[User]) -> list[str]:
        """See the port."""
        return await finish(self._add_users(users)) if users else []

    async def user(self, user_id: str) -> User | None:
        """See the port."""
        return _user(await self._users.find_one({"_id": user_id}))

    async def user_with_email(self, email: str) -> User | None:
        """See the port."""
        return _user(await self._users.find_one({"email": email}))

    async def replace_password_hash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        """See the port."""
        change = {"$set": {"password_hash": new_hash}}
        await finish(self._users.update_one({"_id": user_id, "password_hash": old_hash}, change))

    async def change_password(self, user_id: str, old_hash: str, new_hash: str) -> User | None:
        """See the port."""
        unchanged = {"_id": user_id, "password_hash": old_hash}
        return await self._in_new_epoch(unchanged, {"password_hash": new_hash})

    async def set_role(self, user_id: str, role: Role) -> User | None:
        """See the port."""
        another = {"_id": user_id, "role": {"$ne": role.value}}
        return await self._in_new_epoch(another, {"role": role.value}) or await self.user(user_id)

    async def end_epoch(self, user_id: str) -> User | None:
        """See the port."""
        return await self._in_new_epoch({"_id": user_id}, {})

    async def _in_new_epoch(self, who: Document, changed: Document) -> User | None:
        change = {"$inc": {"session_epoch": 1}, **({"$set": changed} if changed else {})}
        after = ReturnDocument.AFTER
        return _user(await finish(self._users.find_one_and_update(who, change, return_document=after)))

    async def add_session(self, session: Session) -> None:
        """See the port."""
        await finish(self._sessions.insert_one(_session_document(session)))

    async def session(self, session_id: str) -> Session | None:
        """See the port."""
        return _session(await self._sessions.find_one({"_id": session_id}))

    async def rotate_session(self, session: Session, now: datetime) -> Session | None:
        """See the port."""
        unchanged = {"_id": session.session_id, "generation": session.generation, "revoke_time": None}
        change = {
            "$inc": {"generation": 1},
            "$set": {"rotate_time": now, "idle_expire_time": session.idle_expire_time_from(now)},
        }
        after = ReturnDocument.AFTER
        rotated = await finish(self._sessions.find_one_and_update(unchanged, change, return_document=after))
        if rotated is None:  # the write that came first may not have reached a majority yet: wait for it
            by_id = {"_id": session.session_id}
            rotated = await self._newest_sessions.find_one(by_id, max_time_ms=NEWEST_READ_MS_MAX)
        return _session(rotated)

    async def revoke_session(self, session_id: str, now: datetime) -> None:
        """See the port."""
        change = {"$set": {"revoke_time": now}}
        await finish(self._sessions.update_one({"_id": session_id, "revoke_time": None}, change))

    async def revoke_sessions(self, user: User, now: datetime) -> list[Revocation]:
        """See the port."""
        ended = {
            "user_id": user.user_id,
            "rotate_time": {"$gte": now - REMEMBERED},
            "epoch": {"$not": {"$gte": user.session_epoch}},
        }
        await finish(self._sessions.update_many(ended | {"revoke_time": None}, {"$set": {"revoke_time": now}}))
        return await self._revocations(ended | {"revoke_time": {"$gte": now}})

    async def move_session(self, session_id: str, epoch: int) -> bool:
        """See the port."""
        change = {"$set": {"epoch": epoch}}
        moved = await finish(self._sessions.update_one({"_id": session_id, "revoke_time": None}, change))
        return moved.matched_count == 1

    async def revoked_since(self, time: datetime) -> list[Revocation]:
        """See the port."""
        return await self._revocations({"revoke_time": {"$gte": time}})

    async def _revocations(self, which: Document) -> list[Revocation]:
        return [Revocation(row["_id"], row["revoke_time"]) async for row in self._sessions.find(which, ["revoke_time"])]

    async def _add_users(self, users: Sequence[User]) -> list[str]:
        try:
            await self._users.insert_many([_user_document(user) for user in users], ordered=False)
        except BulkWriteError as error:
            return [users[index].email for index in _duplicates(error)]
        return []


def _duplicates(error: BulkWriteError) -> list[int]:
    """Which of many inserts found their address taken. The error has all documents: it must not reach a log."""
    details = error.details
    codes = {failed["code"] for failed in details["writeErrors"]}
    if unconfirmed := details["writeConcernErrors"]:
        raise WriteConcernError("MongoDB does not confirm the accounts", unconfirmed[0]["code"]) from None
    if others := sorted(codes - {_DUPLICATE_KEY}):
        raise OperationFailure(f"MongoDB refuses accounts, with the codes {others}", others[0]) from None
    return [failed["index"] for failed in details["writeErrors"]]


def _user_document(user: User) -> Document:
    return {
        "_id": user.user_id,
        "email": user.email,
        "name": user.name,
        "password_hash": user.password_hash,
        "role": user.role.value,
        "create_time": user.create_time,
        "session_epoch": user.session_epoch,
    }


def _user(document: Document | None) -> User | None:
    if document is None:
        return None
    return User(
        user_id=document["_id"],
        email=document["email"],
        name=document["name"],
        password_hash=document["password_hash"],
        role=Role(document["role"]),
        create_time=document["create_time"],
        session_epoch=document.get("session_epoch", 0),
    )


def _session_document(session: Session) -> Document:
    return {
        "_id": session.session_id,
        "user_id": session.user_id,
        "salt": session.salt,
        "generation": session.generation,
        "rotate_time": session.rotate_time,
        "idle_expire_time": session.idle_expire_time,
        "expire_time": session.expire_time,
        "epoch": session.epoch,
        "revoke_time": session.revoke_time,
    }


def _session(document: Document | None) -> Session | None:
    if document is None:
        return None
    return Session(
        session_id=document["_id"],
        user_id=document["user_id"],
        salt=document["salt"],
        generation=document["generation"],
        rotate_time=document["rotate_time"],
        idle_expire_time=document["idle_expire_time"],
        expire_time=document["expire_time"],
        epoch=document.get("epoch", 0),
        revoke_time=document["revoke_time"],
    )
