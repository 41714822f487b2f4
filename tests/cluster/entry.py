"""A cluster as one client sees it: three servers of NATS, a node that serves local models, and one that holds none, through which all
goes: role `data` is not enough for local ones, and with box_type warm not for remote ones either. In place of a NodeProcess: `url` is the second node's."""
import contextlib, pathlib, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "process")]
from nats_cluster import NatsCluster
from node_process import NodeProcess
from scratch import Scratch


@contextlib.contextmanager
def through_an_empty_node(binary, nats, *flags):
    with Scratch() as folder:
        servers = NatsCluster(nats, folder / "nats")
        servers.start()
        try:
            join = ("--cluster", servers.urls, *flags)
            with NodeProcess(binary, *join, "--node-name", "worker", data=folder / "worker"):
                with NodeProcess(binary, *join, "--node-name", "entry", "--roles", "data", "--set", "mlnode.node.attributes=box_type=warm", data=folder / "entry") as entry:
                    yield entry
        finally:
            servers.kill_all()


def node_or_cluster(binary, nats, *flags):
    """what a suite asks: a node alone, or with `nats` (a nats-server) the empty node of a cluster"""
    return through_an_empty_node(binary, nats, *flags) if nats else NodeProcess(binary, *flags)
