"""SQS's JSON protocol (AWS JSON 1.0) and SES v2's REST JSON, over aiohttp."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.faults.rig.emulator.errors import AwsError, Cut
from tests.faults.rig.emulator.faults import Dice, Ordeal
from tests.faults.rig.emulator.ses import Ses
from tests.faults.rig.emulator.sqs import Sqs

SQS_TYPE = "application/x-amz-json-1.0"
SES_TYPE = "application/json"
SERVER_ERROR = 500

Answer = dict[str, Any]


class Service:
    """Answers requests of both protocols."""

    def __init__(self, sqs: Sqs, ses: Ses, dice: Dice) -> None:
        self._sqs = sqs
        self._ses = ses
        self._dice = dice
        self._begun: set[asyncio.Task[Answer]] = set()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request, or cut its connection."""
        transport = request.transport
        try:
            body = await request.read()
            target = request.headers.get("X-Amz-Target")
            if target:
                return await self._to_sqs(target.rpartition(".")[2], json.loads(body))
            return await self._to_ses(request, json.loads(body or b"{}"))
        except Cut:
            if transport:
                transport.abort()
            return web.Response()  # nobody sees it

    async def close(self) -> None:
        """Give up what is not done yet."""
        for task in self._begun:
            task.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)

    async def _to_sqs(self, action: str, request: dict[str, Any]) -> web.Response:
        try:
            ordeal = self._dice.sqs_request(action)
            if action == "ReceiveMessage":
                return _response(await self._received(ordeal, request), SQS_TYPE)
            act = self._sqs.actions.get(action)
            if act is None:
                raise AwsError("UnsupportedOperation", f"This SQS has no {action}.")  # noqa: TRY301
            return _response(await self._done(ordeal, lambda: act(request)), SQS_TYPE)
        except AwsError as error:
            response = _response({"__type": f"com.amazonaws.sqs#{error.code}", "message": error.message}, SQS_TYPE)
            response.set_status(error.status)
            fault = "Receiver" if error.status >= SERVER_ERROR else "Sender"
            response.headers["x-amzn-query-error"] = f"{error.query_code or error.code};{fault}"
            return response

    async def _to_ses(self, request: web.BaseRequest, content: dict[str, Any]) -> web.Response:
        try:
            match request.method, unquote(request.path).split("/")[1:]:
                case "POST", ["v2", "email", "outbound-emails"]:
                    return await self._mail(request, content)
                case "POST", ["v2", "email", "identities"]:
                    self._dice.raise_if_ses_is_down()
                    return _response(self._ses.create_identity(content["EmailIdentity"]), SES_TYPE)
                case "GET", ["v2", "email", "identities", identity]:
                    self._dice.raise_if_ses_is_down()
                    return _response(self._ses.identity(identity), SES_TYPE)
            raise AwsError("NotFoundException", f"This SES has no {request.method} {request.path}.", status=404)  # noqa: TRY301
        except AwsError as error:
            return _refusal_of_ses(error)

    async def _mail(self, request: web.BaseRequest, content: dict[str, Any]) -> web.Response:
        mail = self._ses.arrived(content)

        def accept() -> Answer:
            self._dice.raise_if_ses_is_down()
            return self._ses.accept(content, mail)

        try:
            response = _response(await self._done(self._dice.mail(), accept), SES_TYPE)
        except AwsError as error:
            response = _refusal_of_ses(error)
        mail.answered = request.transport is not None and not request.transport.is_closing()
        return response

    async def _received(self, ordeal: Ordeal, request: dict[str, Any]) -> Answer:
        """A receive ends when its client leaves: what it would have got stays in the queue."""
        await asyncio.sleep(ordeal.seconds_before)
        answer = await self._sqs.receive(request)
        await asyncio.sleep(ordeal.seconds_after)
        if ordeal.is_cut_after:
            raise Cut
        return answer

    async def _done(self, ordeal: Ordeal, act: Callable[[], Answer]) -> Answer:
        """Anything else is done although its client left meanwhile, as AWS does it."""
        if ordeal.seconds_before or ordeal.seconds_after:
            task = asyncio.create_task(_slowly(ordeal, act))
            self._begun.add(task)
            task.add_done_callback(self._begun.discard)
            answer = await asyncio.shield(task)
        else:
            answer = act()
        if ordeal.is_cut_after:
            raise Cut
        return answer


async def _slowly(ordeal: Ordeal, act: Callable[[], Answer]) -> Answer:
    await asyncio.sleep(ordeal.seconds_before)
    answer = act()
    await asyncio.sleep(ordeal.seconds_after)
    return answer


def _response(answer: Answer, content_type: str) -> web.Response:
    return web.Response(body=json.dumps(answer).encode(), headers={"Content-Type": content_type})


def _refusal_of_ses(error: AwsError) -> web.Response:
    response = _response({"message": error.message}, SES_TYPE)
    response.set_status(error.status)
    response.headers["x-amzn-ErrorType"] = error.code
    return response
