"""Giving a service of the mesh its token (client credentials, RFC 6749 section 4.4)."""

from dataclasses import dataclass

from services.auth.access_tokens import AccessToken, AccessTokens
from services.auth.errors import InvalidClient
from services.auth.security_log import Event, note
from services.auth.service_clients import ServiceClients


@dataclass(frozen=True)
class IssueServiceToken:
    """Issues tokens to services that know their secret."""

    clients: ServiceClients
    access_tokens: AccessTokens

    def __call__(self, client_id: str, client_secret: str) -> AccessToken:
        """A short-lived token.

        :raises InvalidClient: when the client is unknown or the secret is wrong.
        """
        if not self.clients.knows(client_id, client_secret):
            note(Event.CLIENT_REFUSED)
            raise InvalidClient
        return self.access_tokens.for_service(client_id)
