"""SecantusDB with a second, encrypted listener: serve.py TLS_PORT PORT CERTIFICATE_AND_KEY, then what secantusd-py takes.

By itself SecantusDB serves either plain or encrypted connections, and a client that is slow in its handshake keeps everybody else waiting.
So TLS ends here, in a child of the same process: what pauses and kills a part of the stack takes its children along.
"""

import asyncio
import multiprocessing
import signal
import ssl
import sys

BUFFER = 65536


async def copy(reader, writer):
    try:
        while data := await reader.read(BUFFER):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def listen(port, target, certificate):
    # Ctrl-C and the like are the parent's to answer; it takes this process with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(port, target, certificate))


async def serve(port, target, certificate):
    async def connected(reader, writer):
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, back_writer), copy(back_reader, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(connected, "127.0.0.1", port, ssl=context, ssl_handshake_timeout=5)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = (int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    multiprocessing.get_context("fork").Process(target=listen, args=arguments, daemon=True).start()
    from secantus.cli import main

    sys.exit(main(sys.argv[4:]))
