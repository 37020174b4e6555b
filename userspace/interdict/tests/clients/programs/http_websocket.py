"""A WebSocket service (`serve PORT`), and a client of it (`PORT`)."""

import asyncio
import json
import sys

import websockets

PATIENT = {"id": 1, "ssn": "123-45-6789", "note": "SSN 219-09-9999 seen", "mail": "ada@example.org"}


async def answer(socket):
    async for message in socket:
        if message == "patient":
            await socket.send(json.dumps(PATIENT))
        elif message == "pieces":
            text = json.dumps(PATIENT)
            # One message in frames of three letters, which the masks must see as one.
            await socket.send(text[at : at + 3] for at in range(0, len(text), 3))
        elif message == "bytes":
            await socket.send(b"\x01\x02 SSN 123-45-6789")
        elif message == "long":
            await socket.send("x" * 200_000)
        else:
            await socket.send(message)


async def serve(port):
    async with websockets.serve(answer, "127.0.0.1", port):
        await asyncio.get_running_loop().create_future()


def main():
    import steps
    from steps import step

    address = f"ws://127.0.0.1:{steps.PORT}/live"

    def talk(*messages):
        async def all_of_it():
            async with websockets.connect(address) as socket:
                shown = []
                for message in messages:
                    await socket.send(message)
                    shown.append(await socket.recv())
                pong = await socket.ping()
                await pong
                return shown

        return asyncio.run(all_of_it())

    @step
    def echoes():
        return talk("hello", b"\x00\x01\xff", "", "grüße")

    @step
    def patient():
        return talk("patient", "pieces", "patient")

    @step
    def length():
        return [len(message) for message in talk("long")]

    @step
    def unreadable():
        return talk("bytes")

    steps.run()


if sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2])))
else:
    main()
