"""What both ends of a stream know: how its caller hears that it was let in."""

from chassis.interceptors.chain import Context

OPEN_KEY = "stream-open"
"""Initial metadata of a stream that has nothing to send yet. See (ordermesh.options.v1.resume)."""


async def open_stream(context: Context) -> None:
    """Tell the caller that nothing is wrong, before there is a message."""
    await context.send_initial_metadata(((OPEN_KEY, "true"),))
