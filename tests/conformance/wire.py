"""A recording pass-through proxy (every client goes through it) and the official-schema check of what came back."""
import gzip, http.client, http.server, json, os, pathlib, re, ssl, threading, urllib.parse
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

HERE = pathlib.Path(__file__).parent
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}


class Proxy:
    def __init__(self, target, ports):
        self.t = urllib.parse.urlsplit(target)
        self.log, self.lock = [], threading.Lock()
        me = self

        class H(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True   # otherwise headers and body in two packets cost 40 ms of delayed ACK

            def log_message(self, *a):
                pass

            def go(self):
                if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
                    body = b""
                    while True:
                        n = int(self.rfile.readline().split(b";")[0], 16)
                        body += self.rfile.read(n)
                        self.rfile.readline()
                        if not n:
                            break
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                h = {k: v for k, v in self.headers.items() if k.lower() not in HOP | {"host"}}
                h["Content-Length"] = str(len(body))
                C = http.client.HTTPSConnection if me.t.scheme == "https" else http.client.HTTPConnection
                kw = {"context": ssl._create_unverified_context()} if me.t.scheme == "https" else {}
                c = C(me.t.hostname, me.t.port, timeout=300, **kw)
                try:
                    c.request(self.command, self.path, body, h)
                    r = c.getresponse()
                    out = r.read()
                    st, rh = r.status, r.getheaders()
                except OSError as e:
                    st, rh, out = 502, [("content-type", "text/plain")], str(e).encode()
                finally:
                    c.close()
                u = urllib.parse.urlsplit(self.path)
                plain = gzip.decompress(out) if dict((k.lower(), v) for k, v in rh).get("content-encoding") == "gzip" else out
                with me.lock:
                    me.log.append(dict(method=self.command, target=self.path, path=urllib.parse.unquote(u.path), query=u.query, req_headers=dict(self.headers.items()),
                                       req=body if len(body) < 65536 else body[:256], req_len=len(body), status=st,
                                       headers={k.lower(): v for k, v in rh}, body=plain))
                self.send_response(st)
                for k, v in rh:
                    if k.lower() not in HOP:
                        self.send_header(k, v)
                self.send_header("Content-Length", dict((k.lower(), v) for k, v in rh).get("content-length", "0") if self.command == "HEAD" else str(len(out)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(out)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = go

        for p in ports:
            try:
                self.srv = http.server.ThreadingHTTPServer(("127.0.0.1", p), H)
                break
            except OSError:
                continue
        self.srv.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.srv.server_port}"
        threading.Thread(target=self.srv.serve_forever, daemon=True).start()

    def drain(self):
        with self.lock:
            out, self.log[:] = list(self.log), []
        return out


class Schema:
    """Which operation answers a path, and does its 200 response match the official schema."""

    def __init__(self, path=None):
        # the official description is not part of this repository: CONF_OPENAPI names it, or it lies in a folder beside the checkout
        path = pathlib.Path(path or os.environ.get("CONF_OPENAPI") or HERE.parents[2] / "shared/conformance/ml-openapi.yaml")
        self.there = path.exists()
        self.doc = yaml.load(open(path), getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if self.there else {"paths": {}}
        self.reg = Registry().with_resource("urn:os", Resource(contents=self.doc, specification=DRAFT202012))
        self.ops = []
        for p, item in self.doc["paths"].items():
            rx = re.compile("^" + re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(p)) + "/?$")
            for m, o in item.items():
                if m in ("get", "put", "post", "delete", "head"):
                    self.ops.append((p.count("{"), -len(p), p, m.upper(), rx, o))
        self.ops.sort(key=lambda x: x[:2])
        self.known = json.load(open(HERE / "known_schema_deviations.json"))
        self.seen, self.deviations = {}, {}
        self._v = {}

    def op(self, method, path):
        for *_, p, m, rx, o in self.ops:
            if m == method and rx.match(path):
                return p, o
        return None, None

    def deref(self, o):
        while "$ref" in o:
            _, _, a, b = o["$ref"].split("/")
            o = self.doc["components"][a][b]
        return o

    def check(self, rec):
        """-> list of deviations; [] when it matches or there is no schema."""
        p, o = self.op(rec["method"], rec["path"])
        if not o or rec["method"] == "HEAD":
            return []
        out = []
        key = f"{rec['method']} {p}"
        if rec["status"] >= 400:
            try:
                e = json.loads(rec["body"])
                no_route = str(e.get("error")).startswith("no handler found for uri")  # the real server gives no status then
                if not no_route and not (isinstance(e.get("status"), int) and e["status"] == rec["status"]):
                    out.append(f"{key} {rec['status']}: 'status' in the error body is {e.get('status')!r}")
                if isinstance(e.get("error"), dict):
                    for f in ("root_cause", "type", "reason"):
                        if f not in e["error"]:
                            out.append(f"{key} {rec['status']}: error.{f} missing")
                elif not isinstance(e.get("error"), str):
                    out.append(f"{key} {rec['status']}: no 'error' in the body")
            except ValueError:
                out.append(f"{key} {rec['status']}: error body is not JSON: {rec['body'][:80]!r}")
            return out
        ct = rec["headers"].get("content-type", "")
        if not ct.startswith("application/json"):
            return [f"{key}: content-type is {ct!r}"]
        r = self.deref(o["responses"].get("200", {}))
        s = (r.get("content") or {}).get("application/json", {}).get("schema")
        if s is None:
            return []
        if key not in self._v:
            self._v[key] = Draft202012Validator({"$ref": "urn:os#" + s["$ref"][1:]} if "$ref" in s else self._abs(s), registry=self.reg)
        self.seen[key] = self.seen.get(key, 0) + 1
        body = json.loads(rec["body"])
        for e in self._v[key].iter_errors(body):
            where = "/".join("*" if isinstance(x, int) or re.fullmatch(r"[A-Za-z0-9_-]{20,22}", str(x)) else str(x) for x in e.absolute_path)
            out.append(f"{key}: /{where} {e.validator}: {e.message[:160]}")
        return out

    def _abs(self, s):
        if isinstance(s, dict):
            return {k: ("urn:os" + v if k == "$ref" else self._abs(v)) for k, v in s.items()}
        return [self._abs(x) for x in s] if isinstance(s, list) else s

    def unknown(self, recs):
        bad = []
        for r in recs:
            for d in self.check(r):
                self.deviations[d] = self.deviations.get(d, 0) + 1
                if not any(re.search(k["match"], d) for k in self.known):
                    bad.append(d)
        return bad
