"""The harness's own pieces: proxies that break links as they say, servers of NATS that form a cluster and survive the loss of one.
pieces_test.py --nats PROGRAM"""
import argparse, pathlib, socket, sys, threading, time, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "process"))
from nats_cluster import NatsCluster
from scratch import Scratch
from tcp_proxy import Network

OPTIONS = argparse.Namespace(nats="nats-server")


class Echo:
    """answers each connection with what it sends"""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # ends the accept that waits, too
        except OSError:
            pass
        self.socket.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            try:
                while piece := connection.recv(65536):
                    connection.sendall(piece)
            except OSError:
                pass


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.network, self.echo = Network(), Echo()
        self.proxy = self.network.proxy(self.echo.port)

    def tearDown(self):
        self.network.close()
        self.echo.close()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=5)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, text=b"hello"):
        connection.sendall(text)
        answer = b""
        while len(answer) < len(text):
            piece = connection.recv(65536)
            if not piece:
                return answer
            answer += piece
        return answer

    def test_passes_bytes_and_the_end_of_a_connection(self):
        connection = self.connect()
        self.assertEqual(self.ask(connection, b"x" * 1_000_000), b"x" * 1_000_000)
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(connection.recv(1), b"")

    def test_cut_resets_and_refuses_until_healed(self):
        connection = self.connect()
        self.ask(connection)
        self.proxy.cut()
        with self.assertRaises(ConnectionResetError):
            connection.recv(1)
        with self.assertRaises(ConnectionRefusedError):
            self.connect()
        self.proxy.heal()
        self.assertEqual(self.ask(self.connect()), b"hello")

    def test_refuse_leaves_connections(self):
        connection = self.connect()
        self.ask(connection)
        self.proxy.refuse()
        with self.assertRaises(ConnectionRefusedError):
            self.connect()
        self.assertEqual(self.ask(connection), b"hello")

    def test_half_open_swallows_and_what_lost_bytes_is_reset_when_healed(self):
        old = self.connect()
        self.ask(old)
        self.proxy.half_open()
        new = self.connect()
        for connection in (old, new):
            connection.sendall(b"into the void")
            connection.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                connection.recv(1)
        self.proxy.heal()
        for connection in (old, new):
            connection.settimeout(5)
            with self.assertRaises(ConnectionResetError):
                connection.recv(1)
        self.assertEqual(self.ask(self.connect()), b"hello")

    def test_delay_and_throttle(self):
        connection = self.connect()
        self.proxy.delay(0.2)
        self.assertGreaterEqual(self.timed(connection, b"x"), 0.4, "both ways")
        self.proxy.heal()
        self.proxy.throttle(100_000)
        self.assertGreaterEqual(self.timed(connection, b"x" * 50_000), 0.5)
        self.proxy.heal()
        self.assertLess(self.timed(connection, b"x" * 50_000), 0.4)

    def timed(self, connection, text):
        begun = time.monotonic()
        self.ask(connection, text)
        return time.monotonic() - begun

    def test_a_target_that_is_gone_resets_its_clients(self):
        self.echo.close()
        with self.assertRaises(ConnectionError):
            connection = self.connect()
            if self.ask(connection) == b"":
                raise ConnectionError("closed")

    def test_record_keeps_what_clients_send(self):
        self.proxy.record()
        self.ask(self.connect(), b"one")
        self.ask(self.connect(), b"two")
        self.assertEqual(self.proxy.recording(), [b"one", b"two"])


class NatsClusterTest(unittest.TestCase):
    def test_survives_the_loss_of_its_leader_and_takes_it_back(self):
        with Scratch() as folder:
            cluster = NatsCluster(OPTIONS.nats, folder)
            cluster.start()
            leader = cluster.meta_leader()
            leader.kill()
            self.assertEqual(len(cluster.live()), 2)
            deadline = time.monotonic() + 20
            while (next_leader := cluster.meta_leader()) is None:
                self.assertLess(time.monotonic(), deadline, "no new leader")
                time.sleep(0.1)
            self.assertIsNot(next_leader, leader)
            cluster.start()
            self.assertEqual(len(cluster.live()), 3)
            cluster.kill_all()
            self.assertEqual(cluster.live(), [])
            self.assertIsNone(cluster.meta_leader())
            cluster.start()
            cluster.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nats", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
