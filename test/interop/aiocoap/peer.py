#!/usr/bin/env python3
"""A CoAP peer on aiocoap. `client URI` runs fixed exchanges and prints their outcome; `server PORT` serves until stdin ends."""

import asyncio
import json
import sys

import aiocoap
from aiocoap import Code, Message
from aiocoap.resource import ObservableResource, Resource, Site

LONG = bytes(97 + i % 26 for i in range(5000))


async def client(uri: str) -> None:
    context = await aiocoap.Context.create_client_context()
    out: dict[str, object] = {}

    async def run(method: Code, path: str, payload: bytes = b"") -> Message:
        return await context.request(Message(code=method, uri=uri + path, payload=payload)).response

    registered = await run(Code.POST, "/rd?ep=urn:x&lt=60", b"</1/0>")
    out["register"] = [str(registered.code), list(registered.opt.location_path)]
    out["long"] = (await run(Code.GET, "/long")).payload == LONG
    out["slow"] = (await run(Code.GET, "/slow")).payload.decode()
    out["echo"] = (await run(Code.PUT, "/echo", LONG)).payload == LONG
    request = context.request(Message(code=Code.GET, uri=uri + "/observed", observe=0))
    seen = [(await request.response).payload.decode()]
    async for notification in request.observation:
        seen.append(notification.payload.decode() if len(notification.payload) < 100 else len(notification.payload))
        if len(seen) == 3:
            break
    out["observed"] = seen
    print(json.dumps(out), flush=True)
    await context.shutdown()


class Echo(Resource):
    async def render_put(self, request: Message) -> Message:
        return Message(code=Code.CHANGED, payload=request.payload)


class Long(Resource):
    async def render_get(self, request: Message) -> Message:
        return Message(payload=LONG)


class Slow(Resource):
    async def render_get(self, request: Message) -> Message:
        await asyncio.sleep(0.5)
        return Message(payload=b"late")


class Observed(ObservableResource):
    """`1`, then `2`, then a body of several blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.body = b"1"

    def update_observation_count(self, count: int) -> None:
        if count == 1:
            loop = asyncio.get_running_loop()
            loop.call_later(0.1, self.change, b"2")
            loop.call_later(0.4, self.change, LONG)

    def change(self, body: bytes) -> None:
        self.body = body
        self.updated_state()

    async def render_get(self, request: Message) -> Message:
        return Message(payload=self.body)


async def server(port: int) -> None:
    site = Site()
    for name, resource in {"echo": Echo(), "long": Long(), "slow": Slow(), "observed": Observed()}.items():
        site.add_resource([name], resource)
    context = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", port))
    print("listening", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await context.shutdown()


if __name__ == "__main__":
    asyncio.run(client(sys.argv[2]) if sys.argv[1] == "client" else server(int(sys.argv[2])))
