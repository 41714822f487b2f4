"""What the test files of the cluster share: one cluster for each file, whole again before each test."""
import argparse, sys, time, unittest

from cluster import TRUE_WITHIN, Cluster
from load import Load, Reference

OPTIONS = argparse.Namespace(binary=None, nats="nats-server")


class Shared:
    cluster = None


def start_shared(settings=()):
    """for setUpModule"""
    Shared.cluster = Cluster(OPTIONS.binary, OPTIONS.nats, settings=settings)
    try:
        Shared.cluster.start()
    except BaseException:
        print(Shared.cluster.logs(), flush=True)
        stop_shared()
        raise


def stop_shared():
    """for tearDownModule"""
    if Shared.cluster:
        Shared.cluster.close()


class ClusterCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.cluster = Shared.cluster
        self.cluster.make_whole()
        self.cluster.remove_models()
        self.cluster.reset_settings()
        self.n1, self.n2, self.n3, self.n4, self.n5 = self.cluster.nodes[:5]

    def run(self, result):
        before = len(result.failures), len(result.errors)
        begun = time.monotonic()
        super().run(result)
        print(f"    {time.monotonic() - begun:.1f} s", flush=True)
        broken = result.failures[before[0]:] + result.errors[before[1]:]
        for _, why in broken:
            print(why, flush=True)  # here, too: what is printed last may be cut
        if broken:
            print(f"==== logs of {self.id()}\n{Shared.cluster.logs()}", flush=True)

    # ---- what tests do
    def deployed(self, name, nodes=None, **over):
        """(model, reference): registered, deployed as asked and true everywhere"""
        model = self.cluster.register(name, **over)
        self.assertEqual(self.cluster.deploy(model, nodes)["state"], "COMPLETED")
        self.assert_true()
        return model, Reference.of((nodes or self.cluster.live())[0].api(), model)

    def load(self, nodes, model, reference, **options):
        return Load(nodes, model, reference, **options)

    def state(self, model, node=None):
        return (node or self.cluster.live()[0]).api().state(model)

    # ---- what must hold
    def assert_true(self, limit=TRUE_WITHIN, nodes=None):
        self.assertEqual(self.cluster.lies(limit, nodes), [], f"not true after {limit} s")

    def assert_no_errors(self, load, at_least=20):
        self.assertEqual(load.mismatches, [])
        self.assertEqual(load.errors()[:5], [], load.counts())
        self.assertGreaterEqual(load.counts().get(200, 0), at_least, "hardly any load")

    def assert_predicts(self, model, reference, nodes=None):
        for node in nodes or self.cluster.live():
            texts = list(reference.vectors)
            answer = node.api().embed(model, texts)
            self.assertEqual(dict(zip(texts, answer)), reference.vectors, node.name)

    def eventually(self, what, holds, within=TRUE_WITHIN, pause=0.1):
        """holds() is true within so many seconds; returns what it gave"""
        deadline = time.monotonic() + within
        while not (found := holds()):
            self.assertLess(time.monotonic(), deadline, f"not within {within} s: {what}")
            time.sleep(pause)
        return found


def main(documentation):
    parser = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True), parser.add_argument("--nats", required=True)
    options, rest = parser.parse_known_args()
    vars(OPTIONS).update(vars(options))
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
