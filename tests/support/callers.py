"""Callers who ask about new pictures as fast as they are let, in a process of their own: `python -m`, ADDRESS, N.

A test that plays them itself shares its server's interpreter with them, and takes its clients' work for the server's.
Says "asking" when there were as many answers as callers. When its input ends, it prints the statuses and how often each
came, as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections import Counter

import httpx

from tests.support.pictures import patches, saved, sent


async def call(address: str, callers: int) -> Counter[int]:
    """Ask until standard input ends."""
    statuses: Counter[int] = Counter()
    numbers = itertools.count()
    limits = httpx.Limits(max_connections=callers)
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60, limits=limits) as http:

        async def caller() -> None:
            while True:
                picture = sent(saved(patches(32, 24, seed=next(numbers))))
                answer = await http.post("/sam3/embed_image", json={"image": picture})
                statuses[answer.status_code] += 1
                if statuses.total() == callers:
                    print("asking", flush=True)
                if answer.status_code == 429:
                    await asyncio.sleep(float(answer.headers["Retry-After"]))

        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(caller()) for _ in range(callers)]
            await asyncio.to_thread(sys.stdin.read)
            for each in asking:
                each.cancel()
    return statuses


if __name__ == "__main__":
    print(json.dumps(asyncio.run(call(sys.argv[1], int(sys.argv[2])))))
