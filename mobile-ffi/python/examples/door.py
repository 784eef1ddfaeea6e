"""A door in 30 lines: open, enrol, listen, scan, show the verdict. Run with: door.py DATABASE LINK CODE..."""

import asyncio
import sys

from muster import Client, Config, MusterError, Verdict, changes


async def door(database: str, link: str, codes: list[str]) -> None:
    async with await Client.open(Config(database=database)) as client:
        if await client.me() is None:
            await client.enrol(link, "Gate A")
        await client.start_sync()
        async for topics in changes(client):  # an app draws again what these are about, and goes on listening
            print("changed:", ", ".join(topic.name.lower() for topic in topics), file=sys.stderr)
            status = await client.status()
            if not status.missing and not status.indexing:
                break
        entrance = (await client.checkpoints())[0]
        for code in codes:
            try:
                result = await client.scan(entrance.id, code)
            except MusterError as error:  # nothing was recorded, nobody admitted
                print(f"{code}: {error.code()}: {error.remedy()}")
                continue
            who = result.card.attendee.name if result.card else "?"
            since = f" since {result.verdict.at}" if isinstance(result.verdict, Verdict.ALREADY_IN) else ""
            print(f"{entrance.name}: {result.code} {who}{since}")


if __name__ == "__main__":
    asyncio.run(door(sys.argv[1], sys.argv[2], sys.argv[3:]))
