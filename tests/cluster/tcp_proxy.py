"""TCP proxies that break links in the ways that networks do. One Network holds the proxies of a test; its thread moves the bytes. Methods
may be called from any other thread and have taken effect when they return."""
import asyncio, contextlib, socket, struct, threading

from ports import free_port

PIECE = 64 * 1024
ANSWERS_WITHIN = 10  # seconds that the loop may take for a command


class Network:
    """`with Network() as network: proxy = network.proxy(port)`"""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.proxies = []

    def close(self):
        self.run(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(ANSWERS_WITHIN)
        self.loop.close()

    async def _end(self):
        for proxy in self.proxies:
            await proxy._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=ANSWERS_WITHIN / 2)

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(ANSWERS_WITHIN)

    def proxy(self, target_port):
        proxy = Proxy(self, target_port)
        self.run(proxy.listen())
        self.proxies.append(proxy)
        return proxy

    def heal(self):
        for proxy in self.proxies:
            proxy.heal()

    def die(self, proxies, kill):
        """kill() ends what the proxies lead to; nobody sees one of them go before the others"""
        async def work():
            for proxy in proxies:
                await proxy._refuse()
            kill()
            for proxy in proxies:
                await proxy._cut()
        self.run(work())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def reset(writer):
    """ends the connection with a RST, as a machine does that has never heard of it"""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Proxy:
    """From its port to the target's, both on 127.0.0.1."""

    def __init__(self, network, target_port):
        self.network, self.target_port, self.port = network, target_port, free_port()
        self.server, self.connections = None, set()  # of pairs of writers, the second None before the target was reached
        self.swallowing, self.delay_seconds, self.bytes_per_second, self.recorded = False, 0, None, None
        self.swallowed = set()  # connections that lost bytes: they cannot go on

    # ---- what tests call
    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def cut(self):
        """connections are reset, new ones refused"""
        self.network.run(self._cut())

    def half_open(self):
        """what either side sends is swallowed, connections stay and new ones are accepted: a router that drops packets"""
        self.network.run(self._set(swallowing=True))

    def delay(self, seconds):
        """each piece of at most 64 KiB is held up so long, in both directions"""
        self.network.run(self._set(delay_seconds=seconds))

    def throttle(self, bytes_per_second):
        """of each connection and direction"""
        self.network.run(self._set(bytes_per_second=bytes_per_second))

    def refuse(self):
        """new connections only: the target is down"""
        self.network.run(self._refuse())

    def heal(self):
        self.network.run(self._heal())

    def record(self):
        """from now on the bytes that come from clients are kept; recording() has them"""
        self.network.run(self._set(recorded={}))

    def recording(self):
        """what each connection has sent since record(), the oldest first"""
        return [bytes(sent) for sent in self.network.run(self._recording())]

    # ---- on the network's thread
    async def listen(self):
        if self.server is None:
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=PIECE)

    async def _set(self, **values):
        for name, value in values.items():
            setattr(self, name, value)

    async def _recording(self):
        return list(self.recorded.values())

    async def _refuse(self):
        if self.server is not None:
            self.server.close()
            self.server = None

    async def _cut(self):
        await self._refuse()
        for pair in list(self.connections):
            self._reset(pair)

    def _reset(self, pair):
        for writer in pair:
            if writer is not None:
                reset(writer)

    async def _heal(self):
        self.swallowing, self.delay_seconds, self.bytes_per_second = False, 0, None
        for pair in list(self.swallowed):
            self._reset(pair)
        self.swallowed.clear()
        await self.listen()

    async def _serve(self, reader, writer):
        pair = [writer, None]
        key = tuple(pair)
        self.connections.add(key)
        try:
            if self.swallowing:
                self.swallowed.add(key)
                while await reader.read(PIECE):
                    pass
                return
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target_port, limit=PIECE)
            self.connections.discard(key)
            key = (writer, target_writer)
            self.connections.add(key)
            ends = await asyncio.gather(self._pump(reader, target_writer, key, True), self._pump(target_reader, writer, key, False))
            if not all(ends):
                self._reset(key)
        except OSError:
            self._reset(key)
        finally:
            self.connections.discard(key)
            self.swallowed.discard(key)
            for end in key:
                if end is not None:
                    end.close()

    async def _pump(self, reader, writer, pair, from_client):
        """True when the sender closed in order"""
        try:
            while piece := await reader.read(PIECE):
                if from_client and self.recorded is not None:
                    self.recorded.setdefault(id(writer), bytearray()).extend(piece)
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                if self.bytes_per_second:
                    await asyncio.sleep(len(piece) / self.bytes_per_second)
                if self.swallowing:
                    self.swallowed.add(pair)
                    continue
                writer.write(piece)
                await writer.drain()
            if not self.swallowing:
                writer.write_eof()
            return True
        except OSError:
            self._reset(pair)
            return False
