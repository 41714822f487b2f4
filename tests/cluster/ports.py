"""TCP ports for processes that must find theirs again after a restart. Below the range that the system gives to outgoing connections, which
would take the port of a process that is down."""
import random, socket

given = set()


def free_port():
    for _ in range(1000):
        port = random.randrange(20_000, 32_000)
        if port in given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        given.add(port)
        return port
    raise RuntimeError("no free port below 32000")
