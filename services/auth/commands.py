"""The operator's commands: ``python -m services.auth grant-role``, ``create-user`` and ``import-users``."""

import argparse
import asyncio
import os
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from chassis.clock import SystemClock
from chassis.config import Environment, load_environment
from chassis.errors import DomainError
from chassis.mongo import MONGO_DOWN, MongoConfig
from chassis.process import run
from services.auth.app import open_store
from services.auth.email_address import NotAnAddress, normalise
from services.auth.errors import EmailTaken
from services.auth.grant_role import GrantRole
from services.auth.hash_parameters import DEFAULT_PARAMETERS, HashParameters
from services.auth.import_users import ImportUsers
from services.auth.limits import unlimited
from services.auth.passwords import Passwords
from services.auth.register import Register
from services.auth.store import AuthStore
from services.auth.user import Role

if TYPE_CHECKING:
    from tqdm import tqdm

STANDARD_INPUT = "-"


class CommandFailed(Exception):
    """The command could not do what it was told. The message is the line that the operator reads."""


def run_command(arguments: Sequence[str]) -> None:
    """Run a command: one line to standard output, or one to standard error and exit code 1."""
    parsed = _parser().parse_args(arguments)
    try:
        run(lambda: _command(parsed, load_environment()))
    except CommandFailed as failure:
        sys.stderr.write(f"{failure}\n")
        sys.exit(1)


async def _command(parsed: argparse.Namespace, values: Mapping[str, str]) -> None:
    env = Environment(values)
    config = MongoConfig.read(env, "auth")
    password = env.optional("PASSWORD") if parsed.command == "create-user" else None
    parameters = HashParameters.read(env)
    env.check()
    try:
        async with open_store(config) as store:
            if parsed.command == "import-users":
                await import_users(store, parsed.file)
                return
            if parsed.command == "create-user":
                password = password or _ask_password()
                line = await create_user(store, parsed.email, password, parsed.name, parsed.role, parameters)
            else:
                line = await grant_role(store, parsed.email, parsed.role)
    except (DomainError, NotAnAddress) as error:
        raise CommandFailed(f"{parsed.email}: {error}") from error
    except MONGO_DOWN as error:
        raise CommandFailed(f"MONGO_URI: the database does not answer ({type(error).__name__})") from error
    sys.stdout.write(f"{line}\n")


async def grant_role(store: AuthStore, email: str, role: Role) -> str:
    """Change the account's role; the line that says so.

    :raises CommandFailed: when there is no such account.
    """
    user = await GrantRole(store, SystemClock())(email, role)
    if user is None:
        raise CommandFailed(f"{email}: there is no such user")
    return f"{user.email} is {user.role.value}"


async def create_user(
    store: AuthStore,
    email: str,
    password: str,
    name: str,
    role: Role | None,
    parameters: HashParameters = DEFAULT_PARAMETERS,
) -> str:
    """Make sure that the account exists and has this role; the line that says what was done.

    An account that exists keeps its password and name. Without a role a new account is a customer's, and
    an existing one keeps its own.

    :raises CommandFailed: when the account exists with another role and another password. Anybody can register
        any address, so the address alone does not say that the account is the one that is meant.
    """
    with closing(Passwords(parameters, threads=1)) as passwords:
        try:
            user = await Register(store, passwords, SystemClock(), unlimited())(email, password, name)
        except EmailTaken:
            line = f"{email} exists already"
            if role and not await _may_become(role, store, passwords, email, password):
                raise CommandFailed(f"{email}: exists with another password; grant-role promotes it") from None
        else:
            line = f"{user.email} is created"
    return f"{line}; {await grant_role(store, email, role)}" if role else line


async def _may_become(role: Role, store: AuthStore, passwords: Passwords, email: str, password: str) -> bool:
    """Whether the account has this role already, or else this password."""
    user = await store.user_with_email(normalise(email))
    if user is None or user.role is role:
        return True
    return (await passwords.verify(password, user.password_hash)).matches


async def import_users(store: AuthStore, path: str) -> None:
    """Keep the accounts of a file; how many to standard output, each line that is refused to standard error.

    :raises CommandFailed: when the file cannot be read, a line was refused, or the command was told to stop.
    """
    created = present = refused = 0
    with _open(path) as file, _progress_bar(file) as bar:
        try:
            async for imported in ImportUsers(store, SystemClock())(file):
                for refusal in imported.refusals:
                    bar.write(refusal, file=sys.stderr)
                bar.update(imported.size_bytes)
                created += imported.created
                present += imported.present
                refused += len(imported.refusals)
        except asyncio.CancelledError:
            raise CommandFailed("it was stopped: import the file again, what is there stays as it is") from None
        finally:
            bar.close()
            sys.stdout.write(f"{created} imported, {present} already there, {refused} refused\n")
    if refused:
        raise CommandFailed("what was refused is not there: mend it and import the file again, the rest stays as it is")


def _open(path: str) -> BinaryIO:
    try:
        return sys.stdin.buffer if path == STANDARD_INPUT else Path(path).open("rb")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error


def _progress_bar(file: BinaryIO) -> "tqdm[NoReturn]":
    """A bar that is seen on a terminal only; it knows its end when the input is a file."""
    from tqdm import tqdm  # noqa: PLC0415 - the server comes here too, and needs no bar

    status = os.fstat(file.fileno())
    size_bytes = status.st_size if stat.S_ISREG(status.st_mode) else None
    return tqdm(total=size_bytes, unit="B", unit_scale=True, leave=False, file=sys.stderr, disable=None)


def _ask_password() -> str:
    return getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.auth",
        description="Without a command it serves. MONGO_URI says where the accounts are.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    grant = commands.add_parser("grant-role", help="change what an account may do")
    grant.add_argument("email")
    grant.add_argument("role", type=Role, choices=list(Role))
    create = commands.add_parser(
        "create-user", help="create an account, unless it exists (the password: PASSWORD or stdin)"
    )
    create.add_argument("email")
    create.add_argument("--name", default="")
    create.add_argument("--role", type=Role, choices=list(Role), help="default: customer, or what it is")
    imports = commands.add_parser("import-users", help="bring people with the password hashes they have elsewhere")
    imports.add_argument("file", help="a JSON object a line: email, password_hash, perhaps name; - is standard input")
    return parser
