#!/usr/bin/env python3
"""Holds packaging/ against schemas and programs: run.py --home DIR --binary mlnode --nats NATS_SERVER [--nats ANOTHER]
DIR keeps the venv with the schemas; made when it is not there."""
import argparse, hashlib, os, pathlib, re, shutil, subprocess, sys, tempfile, unittest

HERE = pathlib.Path(__file__).resolve().parent
PACKAGING = HERE.parent.parent / "packaging"
OPTIONS = argparse.Namespace()


def install(home):
    """the venv's bin folder; made anew when the requirements changed"""
    wanted = hashlib.sha256((HERE / "requirements.txt").read_bytes()).hexdigest()
    stamp = home / "installed"
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin/pip", "install", "-q", "--disable-pip-version-check", "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    return home / "bin"


def run(*command, **environment):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120, env=dict(os.environ, **environment))


class PackagingTest(unittest.TestCase):
    def passes(self, result):
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_kubernetes(self):
        for path in sorted((PACKAGING / "kubernetes").glob("*.yaml")):
            self.passes(run(OPTIONS.tools / "kubernetes-validate", "--strict", path))

    def test_kubernetes_refuses_what_is_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder) / "wrong.yaml"
            wrong.write_text((PACKAGING / "kubernetes/single.yaml").read_text().replace("containerPort: 9200", "containerPort: many"))
            self.assertNotEqual(run(OPTIONS.tools / "kubernetes-validate", "--strict", wrong).returncode, 0)

    def test_compose(self):
        for path in sorted((PACKAGING / "docker").glob("*.yaml")):
            self.passes(run(OPTIONS.tools / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path))

    def test_compose_refuses_what_is_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = pathlib.Path(folder) / "compose.yaml"
            wrong.write_text((PACKAGING / "docker/compose.yaml").read_text().replace("ports:", "portz:"))
            self.assertNotEqual(run(OPTIONS.tools / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", wrong).returncode, 0)

    def test_nats_configuration(self):
        text = (PACKAGING / "nats/nats-server.conf").read_text()
        for server in OPTIONS.nats:
            version = run(server, "--version").stdout
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "nats-server.conf"
                # As its comment says.
                path.write_text(re.sub(r"(?m)^.*sync_interval:.*\n", "", text) if " v2.9." in version else text)
                routes = {f"NATS_ROUTE_{i}": f"nats://route:r@nats-{i}:6222" for i in range(3)}
                self.passes(run(server, "-t", "-c", path, NATS_NAME="n", NATS_PASSWORD="p", NATS_ROUTES_PASSWORD="r", NATS_STORE=folder, **routes))

    def test_unit(self):
        verify = shutil.which("systemd-analyze")
        self.assertIsNotNone(verify, "systemd-analyze is not installed (deps.lock: systemd)")
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / "mlnode.service"
            unit.write_text((PACKAGING / "systemd/mlnode.service").read_text().replace("/opt/mlnode/bin/mlnode", OPTIONS.binary))
            result = run(verify, "verify", unit)
            self.passes(result)
            self.assertNotIn("mlnode.service", result.stderr)

    def test_settings_of_the_unit_are_known(self):
        # A setting that does not exist is refused before anything else; this folder cannot be made, so that no node starts.
        result = run(OPTIONS.binary, "serve", "--config", PACKAGING / "systemd/mlnode.yml", "--data", "/proc/no/such")
        self.assertNotEqual(result.returncode, 0)
        self.assertNotIn("unknown setting", result.stderr)

    def test_variables_are_settings(self):
        """every MLNODE_ variable of the images and manifests is one that the program reads"""
        known = {name.upper().replace(".", "_") for name in re.findall(r"`(mlnode\.[a-z_.]+)`", (PACKAGING.parent / "docs/settings.md").read_text())}
        known |= {"MLNODE_CLUSTER_KEY", "MLNODE_CREDENTIALS_KEYS"}
        for path in [p for p in PACKAGING.rglob("*") if p.is_file()]:
            for name in set(re.findall(r"\bMLNODE_[A-Z_]+\b", path.read_text())):
                self.assertIn(name, known, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=pathlib.Path, required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--nats", action="append", required=True)
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.tools = install(OPTIONS.home)
    unittest.main(argv=[sys.argv[0], *rest])
