"""Muster on a phone or computer: check people in and make rooms ready, with or without a network.

`Client` is what an app uses; `changes` tells it what to draw again. All else is generated from the Rust library and
documented there: every error is a `MusterError` with `code()`, `retry()`, `remedy()` and `detail()`.
"""

import asyncio
import atexit

from . import muster_mobile
from .muster_mobile import *  # noqa: F403
from .muster_mobile import ChangeListener, Client, Topic, silence

__all__ = [*muster_mobile.__all__, "changes"]


async def changes(client: Client):
    """What to draw again, as an asynchronous iterator of lists of `Topic`: all at first, then what changes.

    It ends when the loop around it is left and the iterator closed or let go.
    """
    loop, queue = asyncio.get_running_loop(), asyncio.Queue()

    class Forward(ChangeListener):
        def changed(self, topics: list[Topic]) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, topics)

    subscription = client.subscribe(Forward())
    try:
        yield list(Topic)
        while True:
            yield await queue.get()
    finally:
        subscription.cancel()


async def _enter(self: Client) -> Client:
    return self


async def _exit(self: Client, *_error: object) -> None:
    await self.shutdown()


Client.__aenter__ = _enter
Client.__aexit__ = _exit

# An interpreter that is going down must not be called any more.
atexit.register(silence)
