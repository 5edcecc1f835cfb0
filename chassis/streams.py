"""What both ends of a stream know: how its caller hears that it was let in, and that it goes on with another call."""

from chassis.interceptors.chain import Context

OPEN_KEY = "stream-open"
"""Initial metadata of a stream that has nothing to send yet. See (ordermesh.options.v1.resume)."""

RESUMED_KEY = "x-stream-resumed"
"""Metadata of a call by which the gateway goes on with a stream that its client was let into: a ticket is for that
moment only. Like the client's address it is believed only from who proves to be the gateway."""


async def open_stream(context: Context) -> None:
    """Tell the caller that nothing is wrong, before there is a message."""
    await context.send_initial_metadata(((OPEN_KEY, "true"),))
