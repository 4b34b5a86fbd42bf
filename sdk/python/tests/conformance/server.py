"""A small server that hands each request to the player, with the connection to answer on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass
class Request:
    server: int
    """The place of the server in the watcher's list."""
    method: str
    path: str
    query: str
    headers: dict[str, str]
    """By name in lower case."""
    connection: asyncio.StreamWriter

    @property
    def kind(self) -> str:
        last = self.path.rsplit("/", 1)[-1]
        return "poll" if last == "snapshot" and "wait=" in self.query else last


@dataclass
class Server:
    url: str
    listener: asyncio.Server
    connections: set[asyncio.StreamWriter]

    async def close(self) -> None:
        self.listener.close()
        for connection in self.connections:
            connection.transport.abort()


async def start(at: int, requests: asyncio.Queue[Request]) -> Server:
    connections: set[asyncio.StreamWriter] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        pairs = (line.partition(": ") for line in lines if line)
        headers = {name.lower(): value for name, _, value in pairs}
        requests.put_nowait(Request(at, method, path, query, headers, writer))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    return Server(f"http://127.0.0.1:{port}", listener, connections)


async def write(connection: asyncio.StreamWriter, data: bytes, *, slow: bool = False) -> None:
    """Writes bytes at once, or one by one."""
    try:
        for part in [bytes([byte]) for byte in data] if slow else [data]:
            connection.write(part)
            await connection.drain()
            if slow:
                await asyncio.sleep(0)
    except ConnectionError:
        return
