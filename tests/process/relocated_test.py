"""`cmake --install` gives bin/ and lib/ that run anywhere: in a bare root that holds nothing but them and the C library, the node starts,
loads the real model and predicts. relocated_test.py --build DIR --binary mlnode --model DIR (root: it uses chroot)"""
import argparse, os, pathlib, re, shutil, subprocess, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from api import Api, demo_archive
from node_process import NodeProcess
from scratch import Scratch

OPTIONS = argparse.Namespace()
# A bare root with /proc, where the loader learns where the program lies ($ORIGIN); its mount is seen by the node alone. The environment
# is another's, too.
ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
# What every Linux has: glibc's own files.
C_LIBRARY = re.compile(r"^(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|anl|nss_\w+)\.so.*)$")


class InChroot(NodeProcess):
    """the same node, started below another root"""

    def __init__(self, root):
        super().__init__("/opt/anywhere/bin/mlnode", data="/data")
        self.root = root

    def command(self):
        # Of this environment only what a sanitizer build needs: TBB otherwise loads its parts in a way sanitizers refuse.
        tbb = [f"{name}={os.environ[name]}" for name in ("TBB_ENABLE_SANITIZERS",) if name in os.environ]
        return ["env", "-i", *tbb, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "unshare", "--mount", "sh", "-c", ENTER, str(self.root), *super().command()]


class RelocatedTest(unittest.TestCase):
    def test_runs_in_a_bare_root(self):
        with Scratch() as root:
            subprocess.run(["cmake", "--install", OPTIONS.build, "--prefix", str(root / "opt/first")], check=True, stdout=subprocess.DEVNULL)
            (root / "opt/first").rename(root / "opt/anywhere")  # moved after the install
            for name in ("data", "tmp", "proc", "dev", "etc"):
                (root / name).mkdir()
            for listed in pathlib.Path("/lib/x86_64-linux-gnu").iterdir():
                if C_LIBRARY.match(listed.name):
                    target = root / "lib/x86_64-linux-gnu" / listed.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(listed.resolve(), target)
            loader = root / "lib64/ld-linux-x86-64.so.2"
            loader.parent.mkdir()
            shutil.copy(os.path.realpath("/lib64/ld-linux-x86-64.so.2"), loader)
            with InChroot(root) as node:
                api = Api(node.url)
                model = api.register(demo_archive(OPTIONS.model), "relocated")
                self.assertEqual(api.deploy(model)["state"], "COMPLETED")
                self.assertEqual(len(api.embed(model, ["anywhere"])[0]), 384)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True), parser.add_argument("--binary"), parser.add_argument("--model", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
