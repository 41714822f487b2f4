#!/usr/bin/env python3
"""compare.py GOLDEN OURS [--known FILE] [--show N] [--only REGEX] [--json OUT] [--without NODE]: how two recordings of record.py differ.

Exchanges are paired by name. Ids, times, sizes, host facts and float noise are taken out first, so what is left is a difference that a
client can see (two recordings of one real server come out equal). Exchanges whose golden file holds no response (kept back on purpose) are run but not compared.
--known: one line a difference that is meant, `exchange-name  # reason`; a known line that no longer differs is an error. A name with
`~` before it differs in some runs only (what it shows depends on how fast the node is): known, and never stale.
--without: ours is of a cluster, where each node has a part in an answer; this one's is left out, unless it alone has something to say, for the
peer's recording is of one node.
Exit status 1 if anything unexplained differs."""
import argparse, collections, json, os, re, sys

VOLATILE = {"took", "took_ms", "_version", "_seq_no", "_primary_term", "max_score", "_score", "build_hash", "build_date", "lucene_version",
            "cluster_uuid", "cluster_name", "ip", "host", "transport_address", "publish_address", "p50", "p90", "p99", "max", "min", "average",
            "count", "predictor", "model_content_hash_value", "model_content_size_in_bytes", "memory_size_estimation_cpu", "memory_size_estimation_gpu", "ml_jvm_heap_usage", "docs.count", "number",
            "heap.percent", "ram.percent", "cpu", "load_1m", "load_5m", "load_15m", "forced_refresh", "_shards", "line", "col"}
ID20, ID22 = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20}(?![A-Za-z0-9_-])"), re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MS = re.compile(r"\b1[6-9]\d{11}\b")
ALLOWED = re.compile(r"allowed: \[([^\]]*)\]")
TRANSIENT = re.compile(r"-(created|running)(#\d+)?$")  # a state of a task that a poll meets or misses: compared when both met it
RACY = re.compile(r"while-deploying")  # the peer itself answers these differently from run to run: only the status is compared


def mixed(m):
    text = m.group(0)  # an id has digits or upper and lower case; a word such as 'register_model_group' has not
    return "<id>" if re.search(r"\d", text) or (re.search(r"[A-Z]", text) and re.search(r"[a-z]", text)) else text


def text(s):
    s = UUID.sub("<id>", s)
    s = ID22.sub(mixed, s)
    s = ID20.sub(mixed, s)
    s = MS.sub("<ms>", s)
    s = ALLOWED.sub(lambda m: "allowed: " + str(sorted(v.strip() for v in m.group(1).split(","))), s)
    s = re.sub(r"@[0-9a-f]{6,8}\b", "@<hash>", s)
    return re.sub(r"127\.0\.0\.1:\d+", "<local>", s)


def normal(x, key=None):
    if key in VOLATILE and not isinstance(x, (dict, list)):
        return f"<{key}>"
    if key in ("_shards",):
        return "<_shards>"
    if isinstance(x, dict):
        out = collections.defaultdict(list)
        for k, v in x.items():
            out[text(k)].append(normal(v, k))
        # Members that are named by ids have one name here: their order is that of their contents.
        return {k: v[0] if len(v) == 1 else sorted(v, key=lambda one: json.dumps(one, sort_keys=True)) for k, v in sorted(out.items())}
    if isinstance(x, list):
        if x and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in x):
            return ["<numbers>", len(x), ["<ms>" if 1.6e12 < v < 2e12 else round(float(v), 2) for v in x[:8]]]
        return [normal(v) for v in x]
    if isinstance(x, bool) or x is None:
        return x
    if isinstance(x, (int, float)):
        return "<ms>" if 1.6e12 < x < 2e12 else round(float(x), 2)
    if isinstance(x, str):
        try:  # JSON inside a string, such as a task's error
            if x[:1] in "{[":
                return ["<json text>", normal(json.loads(x))]
        except ValueError:
            pass
        return text(x)
    return x


def flat(x, at=""):
    if isinstance(x, dict) and x:
        for k, v in x.items():
            yield from flat(v, f"{at}.{k}" if at else k)
    elif isinstance(x, list) and x and x[0] != "<numbers>":
        for i, v in enumerate(x):
            yield from flat(v, f"{at}[{i}]")
    else:
        yield at, json.dumps(x, ensure_ascii=False)


def load(folder):
    out = collections.OrderedDict()
    for name in sorted(os.listdir(folder)):
        m = re.match(r"(\d+)-(.*)\.json$", name)
        if m:
            key, n = m.group(2), 2
            while key in out:
                key, n = f"{m.group(2)}#{n}", n + 1
            out[key] = json.load(open(os.path.join(folder, name)))
    return out


def documented(request, body):
    """The documentation that users read shows status DEPLOYING where the recorded server answers CREATED: both are right."""
    if re.search(r"/_(deploy|load)$", request["path"].split("?")[0]) and isinstance(body, dict) and body.get("status") == "DEPLOYING":
        return {**body, "status": "CREATED"}
    return body


def without(x, node):
    if isinstance(x, dict):
        others = {k: without(v, node) for k, v in x.items() if k != node}
        alone = node in x and others and not any(others.values())
        return {node: x[node]} if alone else others
    return [without(v, node) for v in x] if isinstance(x, list) else x


def differences(name, golden, ours):
    if ours is None:
        return ["not in our recording"]
    g, o = golden["response"], ours["response"]
    out = []
    if g["status"] != o["status"]:
        out.append(f"status {g['status']} -> {o['status']}")
    if (g.get("content_type") or "").split(";")[0] != (o.get("content_type") or "").split(";")[0]:
        out.append(f"content type {g.get('content_type')} -> {o.get('content_type')}")
    if RACY.search(name):
        return out
    a, b = dict(flat(normal(g["body"]))), dict(flat(normal(documented(golden["request"], o["body"]))))
    for k in a.keys() | b.keys():
        if a.get(k) != b.get(k):
            out.append(f"{k or 'body'}: {a.get(k, '(absent)')} -> {b.get(k, '(absent)')}")
    return sorted(out, key=lambda line: (not line.startswith("status"), line))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("golden"), p.add_argument("ours"), p.add_argument("--known"), p.add_argument("--json")
    p.add_argument("--show", type=int, default=4), p.add_argument("--only", default=""), p.add_argument("--without")
    a = p.parse_args()
    golden, ours = load(a.golden), load(a.ours)
    for exchange in ours.values() if a.without else ():
        exchange["response"]["body"] = without(exchange["response"]["body"], a.without)
    known, racy = {}, set()
    for line in open(a.known) if a.known else ():
        name, _, why = line.partition("#")
        if name.strip():
            known[name.strip().lstrip("~")] = why.strip()
            if name.strip().startswith("~"):
                racy.add(name.strip().lstrip("~"))
    bad, same, explained, kept_back, report = [], 0, 0, 0, {}
    for name, exchange in golden.items():
        if not re.search(a.only, name):
            continue
        if "response" not in exchange:
            kept_back += 1
            continue
        if TRANSIENT.search(name) and name not in ours:
            continue
        diff = differences(name, exchange, ours.get(name))
        report[name] = diff
        if not diff:
            same += 1
        elif name in known:
            explained += 1
        else:
            bad.append((name, exchange["request"], diff))
    stale = [n for n in known if n in report and not report[n] and n not in racy] + [n for n in known if n not in golden]
    for name, request, diff in bad:
        print(f"{name}: {request['method']} {request['path']}")
        for line in diff[:a.show]:
            print(f"    {line[:300]}")
        if len(diff) > a.show:
            print(f"    … {len(diff) - a.show} more")
    for name in stale:
        print(f"known difference that is none: {name}")
    if a.json:
        json.dump(report, open(a.json, "w"), indent=1)
    total = same + explained + len(bad)
    print(f"{same} of {total} equal, {explained} known differences, {len(bad)} unexplained, {len(stale)} stale, {kept_back} not compared")
    return 1 if bad or stale else 0


if __name__ == "__main__":
    sys.exit(main())
