#!/usr/bin/env python3
"""How N nodes get a model's file at once: each from the store's leader, each from the store's replica nearest to it, or from each other.
chunk_spread.py --nats NATS_SERVER [--megabytes 24] [--link 12] [--nodes 1,3,5,10,20]

Three real servers, replicas 3; the file lies in pieces of 512 KiB as storage/nats keeps it. Every server's and every node's network card is a
budget of --link MB/s that its transfers share (sending, for a server and a serving node; receiving, for a node): what is compared is
who sends how much, not this machine's loopback. "peers": the first node reads the store; who has the whole file serves two others at a time; who finds
no server free waits. Prints seconds until the last node has the file; needs nats-py (the venv is the caller's)."""
import argparse, asyncio, pathlib, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/cluster"))
from nats_cluster import NatsCluster

PIECE = 512 * 1024
SERVED_AT_ONCE = 2
STREAM = "spread"


class Card:
    """a network card: bytes leave it one after the other, at its rate"""

    def __init__(self, rate):
        self.rate, self.free_at = rate, 0.0

    def book(self, size):
        """when the last of these bytes has passed"""
        self.free_at = max(self.free_at, time.monotonic()) + size / self.rate
        return self.free_at


async def transfer(size, sender, receiver):
    until = max(sender.book(size), receiver.book(size))
    await asyncio.sleep(max(0.0, until - time.monotonic()))


async def store_file(client, pieces):
    from nats.js.api import StreamConfig, StorageType
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name=STREAM, subjects=[f"{STREAM}.>"], num_replicas=3, storage=StorageType.FILE, allow_direct=True))
    for number in range(pieces):
        await stream.publish(f"{STREAM}.{number}", bytes(PIECE))


async def from_store(connection, server, card, pieces, direct):
    stream = connection.jetstream()
    for number in range(pieces):
        message = await stream.get_last_msg(STREAM, f"{STREAM}.{number}", direct=direct)
        assert len(message.data) == PIECE
        await transfer(PIECE, server, card)


async def by_store(connections, servers, cards, pieces, leader):
    """leader: index of the server that sends everything, or None: each node's own"""
    await asyncio.gather(*(from_store(connections[n], servers[n % len(servers) if leader is None else leader], card, pieces, leader is None)
                           for n, card in enumerate(cards)))


async def by_peers(connections, servers, cards, pieces):
    have = asyncio.Queue()

    async def node(n):
        if n > 0:
            source = await have.get()
            for _ in range(pieces):
                await transfer(PIECE, cards[source], receiving[n])
            have.put_nowait(source)
        else:
            await from_store(connections[0], servers[0], receiving[0], pieces, True)
        for _ in range(SERVED_AT_ONCE):
            have.put_nowait(n)

    receiving = [Card(card.rate) for card in cards]
    await asyncio.gather(*(node(n) for n in range(len(cards))))


async def measure(options, cluster):
    import nats
    connections = [await nats.connect(f"nats://127.0.0.1:{server.port}") for server in cluster.servers]
    pieces = options.megabytes * 1024 * 1024 // PIECE
    await store_file(connections[0], pieces)
    leader = cluster.servers.index(cluster.stream_leader(STREAM))
    rate = options.link * 1024 * 1024
    print(f"{options.megabytes} MB, {options.link} MB/s a card: seconds until the last node has it")
    print("nodes  leader  nearest replica  peers")
    for count in (int(n) for n in options.nodes.split(",")):
        taken = []
        for way in (lambda s, c: by_store(mine, s, c, pieces, leader), lambda s, c: by_store(mine, s, c, pieces, None),
                    lambda s, c: by_peers(mine, s, c, pieces)):
            mine = [connections[n % len(connections)] for n in range(count)]
            begin = time.monotonic()
            await way([Card(rate) for _ in connections], [Card(rate) for _ in range(count)])
            taken.append(time.monotonic() - begin)
        print(f"{count:5}  {taken[0]:6.2f}  {taken[1]:15.2f}  {taken[2]:5.2f}", flush=True)
    for connection in connections:
        await connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--megabytes", type=int, default=24)
    parser.add_argument("--link", type=float, default=12)
    parser.add_argument("--nodes", default="1,3,5,10,20")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cluster = NatsCluster(options.nats, folder)
        cluster.start()
        try:
            asyncio.run(measure(options, cluster))
        finally:
            cluster.kill_all()


if __name__ == "__main__":
    main()
