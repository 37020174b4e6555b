"""The door of a broker that has none: TLS and SASL as Kafka asks for them. Who is let in speaks with the broker behind it.

Usage: kafka_door.py PORT BROKER_PORT CERTIFICATE KEY MECHANISM USER PASSWORD
"""

import asyncio
import ssl
import struct
import sys

import scramp

HANDSHAKE, VERSIONS, AUTHENTICATE = 17, 18, 36
port, behind, certificate, key, mechanism, user, password = sys.argv[1:]


async def frame(reader):
    size = struct.unpack(">i", await reader.readexactly(4))[0]
    return await reader.readexactly(size)


def framed(content):
    return struct.pack(">i", len(content)) + content


def answer(correlation, content):
    return framed(struct.pack(">i", correlation) + content)


class Plain:
    done = False

    def turn(self, text):
        if text.split("\0")[1:] != [user, password]:
            raise PermissionError
        self.done = True
        return ""


class Scram:
    done = False

    def __init__(self):
        ways = scramp.ScramMechanism(mechanism=mechanism)
        facts = ways.make_auth_info(password, iteration_count=4096)
        self.server = ways.make_server(lambda name: facts if name == user else None)
        self.first = True

    def turn(self, text):
        try:
            if self.first:
                self.first = False
                self.server.set_client_first(text)
                return self.server.get_server_first()
            self.server.set_client_final(text)
        except (scramp.ScramException, TypeError):
            raise PermissionError from None
        self.done = True
        return self.server.get_server_final()


async def admit(reader, writer, broker_reader, broker_writer):
    login = None
    while login is None or not login.done:
        request = await frame(reader)
        kind, version, correlation, name = struct.unpack_from(">hhih", request)
        body = request[10 + max(name, 0) :]
        if kind == VERSIONS:
            broker_writer.write(framed(request))
            writer.write(framed(await frame(broker_reader)))
        elif kind == HANDSHAKE:
            length = struct.unpack_from(">h", body)[0]
            wanted = body[2 : 2 + length].decode()
            known = wanted == mechanism
            login = (Plain() if mechanism == "PLAIN" else Scram()) if known else None
            content = struct.pack(">hih", 0 if known else 33, 1, len(mechanism)) + mechanism.encode()
            writer.write(answer(correlation, content))
        else:
            # Before a login there is nothing else to ask for; version 2 has another encoding, which nobody here speaks.
            assert (kind, version in (0, 1), login is None) == (AUTHENTICATE, True, False), (kind, version)
            length = struct.unpack_from(">i", body)[0]
            try:
                said = login.turn(body[4 : 4 + length].decode()).encode()
                content = struct.pack(">hhi", 0, -1, len(said)) + said
            except PermissionError:
                why = b"not this one"
                content = struct.pack(">hh", 58, len(why)) + why + struct.pack(">i", 0)
            writer.write(answer(correlation, content + (struct.pack(">q", 0) if version else b"")))
        await writer.drain()


async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(reader, writer):
    broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", int(behind))
    try:
        await admit(reader, writer, broker_reader, broker_writer)
        await asyncio.gather(copy(reader, broker_writer), copy(broker_reader, writer))
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        pass
    finally:
        broker_writer.close()
        writer.close()


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", int(port), ssl=context)
    async with server:
        await server.serve_forever()


asyncio.run(main())
