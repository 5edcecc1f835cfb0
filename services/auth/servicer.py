"""The AuthService: translates a request, calls the use case, translates the answer."""

from collections.abc import Sequence

from chassis.call import caller
from chassis.tokens import ALGORITHM
from ordermesh.auth.v1 import auth_service_pb2 as auth_pb2
from ordermesh.auth.v1.auth_service_pb2_grpc import AuthServiceServicer
from services.auth.change_password import ChangePassword
from services.auth.get_current_user import GetCurrentUser
from services.auth.issue_service_token import IssueServiceToken
from services.auth.issue_ticket import IssueTicket
from services.auth.keys import SigningKey
from services.auth.login import Login
from services.auth.logout import Logout, LogoutAll
from services.auth.refresh import Refresh
from services.auth.register import Register
from services.auth.set_user_role import SetUserRole
from services.auth.token_pairs import TokenPair
from services.auth.user import Role, User

BEARER = "Bearer"

_ROLES = {Role.CUSTOMER: auth_pb2.User.CUSTOMER, Role.ADMIN: auth_pb2.User.ADMIN}


class AuthServicer(AuthServiceServicer):
    """One method a use case."""

    def __init__(
        self,
        *,
        register: Register,
        login: Login,
        refresh: Refresh,
        logout: Logout,
        logout_all: LogoutAll,
        change_password: ChangePassword,
        set_user_role: SetUserRole,
        get_current_user: GetCurrentUser,
        issue_service_token: IssueServiceToken,
        issue_ticket: IssueTicket,
        published_keys: Sequence[SigningKey],
    ) -> None:
        self._register = register
        self._login = login
        self._refresh = refresh
        self._logout = logout
        self._logout_all = logout_all
        self._change_password = change_password
        self._set_user_role = set_user_role
        self._get_current_user = get_current_user
        self._issue_service_token = issue_service_token
        self._issue_ticket = issue_ticket
        self._key_set = auth_pb2.JsonWebKeySet(keys=[_json_web_key(key) for key in published_keys])

    async def Register(self, request: auth_pb2.RegisterRequest, context: object) -> auth_pb2.User:
        return _user(await self._register(request.email, request.password, request.name))

    async def Login(self, request: auth_pb2.LoginRequest, context: object) -> auth_pb2.TokenPair:
        return _token_pair(await self._login(request.email, request.password))

    async def RefreshToken(self, request: auth_pb2.RefreshTokenRequest, context: object) -> auth_pb2.TokenPair:
        return _token_pair(await self._refresh(request.refresh_token))

    async def Logout(self, request: auth_pb2.LogoutRequest, context: object) -> auth_pb2.LogoutResponse:
        await self._logout(request.refresh_token)
        return auth_pb2.LogoutResponse()

    async def LogoutAll(self, request: auth_pb2.LogoutAllRequest, context: object) -> auth_pb2.LogoutAllResponse:
        await self._logout_all(caller().subject)
        return auth_pb2.LogoutAllResponse()

    async def ChangePassword(
        self, request: auth_pb2.ChangePasswordRequest, context: object
    ) -> auth_pb2.ChangePasswordResponse:
        await self._change_password(caller(), request.old_password, request.new_password)
        return auth_pb2.ChangePasswordResponse()

    async def SetUserRole(self, request: auth_pb2.SetUserRoleRequest, context: object) -> auth_pb2.User:
        role = {number: role for role, number in _ROLES.items()}.get(request.role)
        return _user(await self._set_user_role(caller(), request.user_id, role))

    async def GetCurrentUser(self, request: auth_pb2.GetCurrentUserRequest, context: object) -> auth_pb2.User:
        return _user(await self._get_current_user(caller().subject))

    async def GetJsonWebKeySet(
        self, request: auth_pb2.GetJsonWebKeySetRequest, context: object
    ) -> auth_pb2.JsonWebKeySet:
        return self._key_set

    async def IssueServiceToken(
        self, request: auth_pb2.IssueServiceTokenRequest, context: object
    ) -> auth_pb2.ServiceToken:
        token = self._issue_service_token(request.client_id, request.client_secret)
        return auth_pb2.ServiceToken(
            access_token=token.text, token_type=BEARER, expires_in_seconds=token.expires_in_seconds
        )

    async def IssueTicket(self, request: auth_pb2.IssueTicketRequest, context: object) -> auth_pb2.Ticket:
        ticket = self._issue_ticket(caller(), request.order_id)
        return auth_pb2.Ticket(ticket=ticket.text, expires_in_seconds=ticket.expires_in_seconds)


def _user(user: User) -> auth_pb2.User:
    message = auth_pb2.User(user_id=user.user_id, email=user.email, name=user.name, role=_ROLES[user.role])
    message.create_time.FromDatetime(user.create_time)
    return message


def _token_pair(pair: TokenPair) -> auth_pb2.TokenPair:
    return auth_pb2.TokenPair(
        access_token=pair.access.text,
        token_type=BEARER,
        expires_in_seconds=pair.access.expires_in_seconds,
        refresh_token=pair.refresh_token,
        refresh_expires_in_seconds=pair.refresh_expires_in_seconds,
    )


def _json_web_key(key: SigningKey) -> auth_pb2.JsonWebKey:
    return auth_pb2.JsonWebKey(kty="OKP", crv="Ed25519", x=key.x, kid=key.key_id, use="sig", alg=ALGORITHM)
