import io, contextlib, json, os, pathlib, subprocess, sys, threading, time, uuid, warnings
import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent
# what setup.sh installed: the venv, the built agents, the model
HOME = pathlib.Path(os.environ.get("CONF_HOME", pathlib.Path.home() / ".cache/mlnode-conformance"))
sys.path.insert(0, str(HERE))
from fake_openai import FakeOpenAI
from make_model import build
from wire import Proxy, Schema

warnings.filterwarnings("ignore", category=DeprecationWarning)
BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:9200")
PORT0 = int(os.environ.get("CONF_PORT0", "9430"))
RUN = "conf" + uuid.uuid4().hex[:6]          # prefix of every name this run creates
ML = "/_plugins/_ml"
P = "plugins.ml_commons."
NEEDED = {P + "only_run_on_ml_node": False, P + "allow_registering_model_via_local_file": True, P + "native_memory_threshold": 100,
          P + "jvm_heap_memory_threshold": 100, P + "model_auto_deploy.enable": True, P + "connector.private_ip_enabled": True,
          P + "trusted_connector_endpoints_regex": [r"^http://127\.0\.0\.1:.*$", r"^https://api\.openai\.com/.*$"]}
proxy = Proxy(BASE_URL, range(PORT0, PORT0 + 10))
schema = Schema()
OPT = dict(max_retries=0, timeout=120)


def pytest_report_header(config):
    return f"BASE_URL={BASE_URL} via recording proxy {proxy.url}; names start with {RUN}"


WIRE = open(os.environ["CONF_WIRE"], "w") if os.environ.get("CONF_WIRE") else None


def keep(recs, test):
    """CONF_WIRE=file: one JSON line per exchange, to compare two servers byte by byte afterwards"""
    for r in recs if WIRE else ():
        txt = lambda b: b.decode("utf-8", "backslashreplace")[:20000]
        WIRE.write(json.dumps(dict(r, test=test, req=txt(r["req"]), body=txt(r["body"]))) + "\n")
    return recs


unclaimed = []  # deviations in answers that no passing test asked for: of tests known to fail, of the ends of fixtures


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        r = yield
    except BaseException:
        unclaimed.extend(schema.unknown(keep(proxy.drain(), item.nodeid)))
        raise
    bad = schema.unknown(keep(proxy.drain(), item.nodeid))
    if bad:
        raise AssertionError("responses that do not match the official OpenAPI schema:\n  " + "\n  ".join(sorted(set(bad))))
    return r


def pytest_sessionfinish(session):
    unclaimed.extend(schema.unknown(keep(proxy.drain(), "teardown")))
    if unclaimed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    t = terminalreporter
    for d in sorted(set(unclaimed)):
        t.write_line(f"schema: outside a passing test: {d}", red=True)
    if not schema.there:
        t.write_line("schema: ml-openapi.yaml is not on this machine, so answers were not held against the official schemas")
    t.write_sep("-", f"schema: {sum(schema.seen.values())} responses of {len(schema.seen)} operations validated")
    for d, n in sorted(schema.deviations.items()):
        t.write_line(f"  deviation x{n}: {d}")
    out = os.environ.get("CONF_REPORT")
    if out:
        json.dump(dict(base=BASE_URL, operations=schema.seen, deviations=schema.deviations), open(out, "w"), indent=1)


# ---- clients -------------------------------------------------------------------------------------------------
class Agent:
    def __init__(self, cmd):
        self.p = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lock = threading.Lock()

    def __call__(self, **m):
        with self.lock:
            self.p.stdin.write(json.dumps(m) + "\n")
            self.p.stdin.flush()
            l = self.p.stdout.readline()
        assert l, "agent died"
        return json.loads(l)

    def close(self):
        self.p.stdin.close()
        self.p.wait(20)


MISSING = json.loads((HOME / "missing.json").read_text()) if (HOME / "missing.json").exists() else {}


def need(client):
    """a client whose toolchain this machine lacks: its tests are named as not run, with the tool (never under CI=true: setup.py)"""
    if client in MISSING:
        pytest.skip(f"not run: the {client} client {MISSING[client]}")


@pytest.fixture(scope="session")
def node():
    need("node")
    a = Agent(["node", str(HOME / "agents/node/agent.js"), proxy.url])

    class N:
        def __call__(self, fn, ns="ml", file=None, **args):
            return a(ns=ns, fn=fn, args=args, **({"file": file} if file else {}))

        def ok(self, fn, ns="ml", file=None, **args):
            r = self(fn, ns, file, **args)
            assert r["ok"], r
            return r["body"]
    yield N()
    a.close()


@pytest.fixture(scope="session")
def java():
    need("java")
    d = HOME / "agents/java"
    a = Agent(["java", "-Xmx256m", "-cp", f"{d}/classes:{d}/lib/*", "Agent", proxy.url])

    class J:
        def __call__(self, op, **k):
            return a(op=op, **k)

        def ok(self, op, **k):
            r = self(op, **k)
            assert r["ok"], r
            return r["body"]
    yield J()
    a.close()


@pytest.fixture(scope="session")
def go():
    need("go")
    a = Agent([str(HOME / "agents/go/agent"), proxy.url])

    class G:
        def __call__(self, method, path, body=None, params=None, file=None):
            m = dict(op="do", method=method, path=path)
            for k, v in (("body", body), ("params", params), ("file", file)):
                if v is not None:
                    m[k] = v
            return a(**m)

        def op(self, op, **k):
            return a(op=op, **k)
    yield G()
    a.close()


@pytest.fixture(scope="session")
def os_client():
    from opensearchpy import OpenSearch
    return OpenSearch(proxy.url, verify_certs=False, ssl_show_warn=False, **OPT)


@pytest.fixture(scope="session")
def ml(os_client):
    return os_client.plugins.ml


@pytest.fixture(scope="session")
def mlc(os_client):
    from opensearch_py_ml.ml_commons import MLCommonClient
    return MLCommonClient(os_client)


@pytest.fixture(scope="session")
def raw(os_client):
    """opensearch-py's low-level transport; -> (status, body) and never raises on a 4xx/5xx."""
    from opensearchpy.exceptions import TransportError

    def call(method, path, body=None, params=None):
        try:
            r = os_client.transport.perform_request(method, path, body=body, params=params)
            return 200, r
        except TransportError as e:
            return e.status_code, e.info
    return call


# ---- reference -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def model_files():
    return build(str(HOME / "model"))


@pytest.fixture(scope="session")
def reference(model_files):
    import onnxruntime as o
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(str(model_files[2]))
    tok.no_padding()
    s = o.InferenceSession(str(model_files[1]), providers=["CPUExecutionProvider"])

    def f(text):
        e = tok.encode(text)
        ids, m = np.array([e.ids], np.int64), np.array([e.attention_mask], np.int64)
        h = s.run(None, {"input_ids": ids, "attention_mask": m, "token_type_ids": ids * 0})[0]
        v = (h * m[..., None]).sum(1)[0] / m.sum()
        return v / np.linalg.norm(v)
    return f


@pytest.fixture(scope="session")
def close_to(reference):
    def f(results, texts, at_least=0.999):
        assert len(results) == len(texts), f"{len(results)} results for {len(texts)} texts"
        for r, t in zip(results, texts):
            o, = [x for x in r["output"] if x["name"] == "sentence_embedding"]
            assert o["data_type"] == "FLOAT32" and o["shape"] == [384] and len(o["data"]) == 384
            v = np.array(o["data"])
            cos = float(v @ reference(t) / np.linalg.norm(v))
            assert cos >= at_least, f"cosine {cos} for {t[:40]!r}"
            assert abs(np.linalg.norm(v) - 1) < 1e-3
    return f


# ---- server state --------------------------------------------------------------------------------------------
def _flat(os_client):
    return os_client.cluster.get_settings(flat_settings=True)


@pytest.fixture(scope="session", autouse=True)
def server(os_client, raw):
    before = _flat(os_client)["persistent"]
    os_client.cluster.put_settings(body={"persistent": NEEDED})
    yield
    for kind in ("models", "connectors", "model_groups"):
        end = time.time() + 60          # a group can go only after its model's chunks, which go a little after the model
        while True:
            st, r = raw("POST", f"{ML}/{kind}/_search", {"query": {"match_all": {}}, "size": 1000})
            mine = [h["_id"] for h in (r["hits"]["hits"] if st == 200 else []) if str(h["_source"].get("name", "")).startswith(RUN)]
            for i in mine:
                if kind == "models":
                    raw("POST", f"{ML}/models/{i}/_undeploy", {})
                raw("DELETE", f"{ML}/{kind}/{i}")
            if not mine or time.time() > end:
                break
            time.sleep(1)
    os_client.cluster.put_settings(body={"persistent": {k: before.get(k) for k in NEEDED}})


@pytest.fixture
def name():
    return lambda s="x": f"{RUN}-{s}-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def setting(os_client):
    """set persistent settings for one test"""
    old = {}

    def f(**kw):
        for k, v in kw.items():
            k = P + k.replace("__", ".")
            old.setdefault(k, _flat(os_client)["persistent"].get(k))
            os_client.cluster.put_settings(body={"persistent": {k: v}})
    yield f
    if old:
        os_client.cluster.put_settings(body={"persistent": old})


@pytest.fixture(scope="session")
def wait_task(raw):
    def f(tid, timeout=180, states=("COMPLETED", "FAILED", "COMPLETED_WITH_ERROR")):
        end = time.time() + timeout
        while True:
            st, t = raw("GET", f"{ML}/tasks/{tid}")
            assert st == 200, t
            if t["state"] in states:
                return t
            assert time.time() < end, f"task still {t}"
            time.sleep(0.3)
    return f


@pytest.fixture(scope="session")
def wait_state(raw):
    def f(mid, want, timeout=120):
        end = time.time() + timeout
        while True:
            st, m = raw("GET", f"{ML}/models/{mid}")
            if st == 200 and m["model_state"] in ((want,) if isinstance(want, str) else want):
                return m
            assert time.time() < end, f"model is {m.get('model_state', m)}, wanted {want}"
            time.sleep(0.3)
    return f


def model_config(nm, **kw):
    return dict(dict(name=nm, version="1", description="conformance", model_format="ONNX", function_name="TEXT_EMBEDDING",
                     model_config=dict(model_type="bert", embedding_dimension=384, framework_type="sentence_transformers",
                                       pooling_mode="MEAN", normalize_result=True)), **kw)


class Uploaded:
    pass


@pytest.fixture(scope="session")
def uploaded(mlc, model_files, tmp_path_factory):
    """the real model, registered by opensearch-py-ml from a local file; not deployed"""
    u = Uploaded()
    u.name = f"{RUN}-minilm"
    cfg = tmp_path_factory.mktemp("cfg") / "model.json"
    cfg.write_text(json.dumps(model_config(u.name)))
    s = io.StringIO()
    with contextlib.redirect_stdout(s):
        u.id = mlc.register_model(str(model_files[0]), str(cfg), isVerbose=True, deploy_model=False)
    u.printed = s.getvalue()
    return u


@pytest.fixture
def deployed(uploaded, mlc, raw):
    """... and deployed (again, if a test undeployed it)"""
    if raw("GET", f"{ML}/models/{uploaded.id}")[1]["model_state"] != "DEPLOYED":
        with contextlib.redirect_stdout(io.StringIO()):
            mlc.deploy_model(uploaded.id)
    return uploaded


@pytest.fixture(scope="session")
def openai():
    return FakeOpenAI(range(PORT0 + 10, PORT0 + 19))


def reason(body):
    e = body["error"]
    return e if isinstance(e, str) else e["reason"]


# ---- known differences -----------------------------------------------------------------------------------------
def pytest_collection_modifyitems(items):
    """CONF_KNOWN=file: one test id a line, a reason behind '#'; such a test must fail, or the line is out of date."""
    path = os.environ.get("CONF_KNOWN")
    if not path:
        return
    known = {}
    for line in open(path):
        name, _, reason = line.partition("#")
        if name.strip():
            known[name.strip()] = reason.strip()
    unknown = set(known) - {i.nodeid.split("/")[-1] for i in items}
    if unknown:
        raise pytest.UsageError(f"CONF_KNOWN names tests that do not exist: {sorted(unknown)}")
    for item in items:
        name = item.nodeid.split("/")[-1]
        if name in known:
            item.add_marker(pytest.mark.xfail(strict=True, reason=known[name]))
