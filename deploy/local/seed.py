"""What a fresh stack has in it: an admin, a customer, and things to order."""

from collections.abc import Mapping

from deploy.cluster import seed as demo
from deploy.local.environments import python_environment
from deploy.local.errors import StackError
from deploy.local.settings import Settings
from deploy.local.tls import channel_to


async def seed(settings: Settings, credentials: Mapping[str, str]) -> None:
    """Make the users and the stock that are not there yet.

    ``credentials`` has ADMIN_EMAIL, ADMIN_PASSWORD, DEMO_EMAIL and DEMO_PASSWORD.
    """
    operator = python_environment(settings.values) | {"MONGO_URI": settings.mongo_uri}
    async with (
        channel_to("auth", settings.address("auth"), settings.tls) as auth,
        channel_to("inventory", settings.address("inventory"), settings.tls) as inventory,
    ):
        try:
            await demo.seed(auth, inventory, credentials, operator)
        except demo.NotSeeded as error:
            raise StackError(f"{error} (`make clean` forgets what was before)") from error
