#!/usr/bin/env python3
"""Every function and format over HTTP against tests/data/functions: functions.py --binary mlnode [--only NAME,NAME] [--data FOLDER]

Each folder's model is packed, registered in chunks, deployed, and asked three ways: each request as it stands; each document alone; and all
documents of all requests at once, in as few requests as their options allow and these side by side, so that the node makes them one batch.
Names, types, shapes, order, integers, texts and which keys there are must be exact; numbers within the limits below (README.md of the data)."""
import argparse, array, base64, concurrent.futures, json, math, pathlib, sys, traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "process"))

from api import ML, Api, pack
from node_process import NodeProcess

COSINE_LEAST, COSINE_MEAN = 0.9995, 0.9999  # of a float tensor of an embedding, and their mean over a folder
COSINE_SAME = 0.9999  # a document alone, and in any company; a quantised model against itself
LENGTH = 0.01  # by how much the length of a vector may differ, relative: cosines do not see it
SCORE, SCORE_SHARE = 0.1, 0.01  # of a logit: absolute + relative; bf16, and a quantised value that is rounded the other way, stay below
RANKED, RANKED_SAME = 10, 0.99  # the first ten of a ranking hold this share of the expected ones, on the mean of all rankings
TOKEN_LEAST, TOKEN_SHARE = 0.01, 0.01  # tokens of less weight may come and go; the others' weights, relative
CODES = {"FLOAT32": "f", "INT64": "q", "INT32": "i"}


class Different(Exception):
    """An answer is not the expected one; says where and how."""


def require(condition, *words):
    if not condition:
        raise Different(" ".join(str(word) for word in words)[:600])


def numbers(tensor):
    """values of a tensor, from its bytes if it has any (those are not rounded); None without either"""
    if "byte_buffer" in tensor:
        values = array.array(CODES[tensor["data_type"]])
        values.frombytes(base64.b64decode(tensor["byte_buffer"]["array"], validate=True))
        return values.tolist()
    return tensor.get("data")


def cosine(a, b):
    lengths = math.sqrt(sum(x * x for x in a)), math.sqrt(sum(x * x for x in b))
    if 0 in lengths:
        return float(lengths[0] == lengths[1])
    return sum(x * y for x, y in zip(a, b)) / lengths[0] / lengths[1]


class Folder:
    """One folder of tests/data/functions: its requests and what must come back."""

    def __init__(self, path):
        self.path, self.name = path, path.name
        self.config = json.loads((path / "config.json").read_text())
        self.requests = json.loads((path / "requests.json").read_text())
        self.expected = [e["inference_results"] for e in json.loads((path / "expected.json").read_text())]
        require(len(self.requests) == len(self.expected) >= 12, self.name, "has", len(self.requests), "requests")
        self.quantised = self.config["quantised"]
        self.embeds = self.config["function_name"] == "TEXT_EMBEDDING"
        self.cosines, self.worst = [], 0.0

    def archive(self):
        return pack({name: (self.path / place).read_bytes() for name, place in self.config["files"].items()})

    def registration(self):
        return {key: self.config[key] for key in ("function_name", "model_format", "model_config")}

    def check(self, got, wanted, place):
        """one element of inference_results"""
        require(got.keys() == wanted.keys(), place, "has the keys", list(got), "wanted", list(wanted))
        outputs = got.get("output", []), wanted.get("output", [])
        require(len(outputs[0]) == len(outputs[1]), place, "has", len(outputs[0]), "tensors, wanted", len(outputs[1]))
        for n, (tensor, other) in enumerate(zip(*outputs)):
            where = f"{place}, tensor {n} ({other.get('name')})"
            require(list(tensor) == list(other), where, "has the keys", list(tensor), "wanted", list(other))
            for key in ("name", "data_type", "shape", "result"):
                require(tensor.get(key) == other.get(key), where, key, "is", tensor.get(key), "wanted", other.get(key))
            if "dataAsMap" in other:
                self.check_map(tensor["dataAsMap"], other["dataAsMap"], where)
            elif "data_type" in other:
                self.check_numbers(tensor, other, where)

    def check_numbers(self, tensor, wanted, where):
        if "byte_buffer" in wanted:
            require(tensor["byte_buffer"].keys() == wanted["byte_buffer"].keys(), where, "byte_buffer has", list(tensor["byte_buffer"]))
            require(tensor["byte_buffer"]["order"] == wanted["byte_buffer"]["order"], where, "byte order", tensor["byte_buffer"]["order"])
        got, other = numbers(tensor), numbers(wanted)
        if other is None:
            return
        require(len(got) == len(other) == math.prod(tensor["shape"]), where, "has", len(got), "numbers, wanted", len(other))
        if "byte_buffer" in tensor and "data" in tensor:
            narrow = array.array(CODES[tensor["data_type"]], tensor["data"]).tolist()
            require(narrow == got, where, "data and byte_buffer differ")
        if wanted["data_type"] != "FLOAT32":
            require(got == other, where, "is", got[:20], "wanted", other[:20])
        elif self.embeds:
            self.check_vector(got, other, where)
        else:
            for x, y in zip(got, other, strict=True):
                self.worst = max(self.worst, abs(x - y))
                require(abs(x - y) <= SCORE + SCORE_SHARE * abs(y), where, "is", x, "wanted", y)

    def check_vector(self, got, other, where):
        alike, lengths = cosine(got, other), [math.sqrt(sum(x * x for x in v)) for v in (got, other)]
        self.cosines.append(alike)
        require(alike >= (COSINE_SAME if self.quantised else COSINE_LEAST), where, f"has the cosine {alike:.6f}: {got[:4]} wanted {other[:4]}")
        require(abs(lengths[0] - lengths[1]) <= LENGTH * lengths[1], where, "has the length", lengths[0], "wanted", lengths[1])

    def check_map(self, got, wanted, where):
        if "response" not in wanted or self.config["function_name"] == "SPARSE_TOKENIZE":
            require(got == wanted, where, "is", got, "wanted", wanted)
            return
        require(got.keys() == wanted.keys() and len(got["response"]) == 1, where, "is", got)
        weights, others = got["response"][0], wanted["response"][0]
        for token in weights.keys() | others.keys():
            weight, other = weights.get(token, 0.0), others.get(token, 0.0)
            if max(weight, other) <= TOKEN_LEAST * (1 + TOKEN_SHARE):
                continue
            self.worst = max(self.worst, abs(weight - other))
            require(abs(weight - other) <= TOKEN_SHARE * other, where, f"weighs '{token}' {weight}, wanted {other}")

    def finish(self):
        """what is known once everything was asked"""
        if not self.cosines:
            return f"largest difference {self.worst:.2e}"
        mean = sum(self.cosines) / len(self.cosines)
        require(mean >= COSINE_MEAN, self.name, f"has the mean cosine {mean:.6f}")
        return f"cosine mean {mean:.7f}, lowest {min(self.cosines):.7f}"


class Asking:
    """One deployed model and its folder."""

    def __init__(self, api, model, folder):
        self.api, self.model, self.folder = api, model, folder

    def ask(self, body, wanted, place):
        """checked inference_results"""
        answer = self.api.predict(self.model, body)
        require(answer.keys() == {"inference_results"}, place, "answers", list(answer))
        results = answer["inference_results"]
        require(len(results) == len(wanted), place, "has", len(results), "results, wanted", len(wanted))
        for n, (result, other) in enumerate(zip(results, wanted)):
            self.folder.check(result, other, f"{self.folder.name}: {place}, result {n}")
        return results

    def one_by_one(self):
        """(options, document) → its result when it is asked alone"""
        alone = {}
        for n, (body, wanted) in enumerate(zip(self.folder.requests, self.folder.expected)):
            self.ask(body, wanted, f"request {n}")
            for doc, one in zip(body.get("text_docs", []), wanted):
                key = (options(body), doc)
                if key not in alone:
                    alone[key] = self.ask(body | {"text_docs": [doc]}, [one], f"document of request {n} alone")[0]
        return alone

    def together(self, alone):
        groups = {}
        for body, wanted in zip(self.folder.requests, self.folder.expected):
            bodies, expected = groups.setdefault(options(body), (body | {"text_docs": []} if "text_docs" in body else body, []))
            expected += wanted
            if "text_docs" in body:
                bodies["text_docs"] += body["text_docs"]
        with concurrent.futures.ThreadPoolExecutor(max(16, len(groups))) as pool:
            jobs = [(key, body, pool.submit(self.ask, body, wanted, "all at once")) for key, (body, wanted) in groups.items()]
            for key, body, job in jobs:
                for doc, result in zip(body.get("text_docs", []), job.result()):
                    self.same(alone[key, doc], result)

    def rank(self):
        """says how far the first documents of many rankings are the expected ones, if the folder has any"""
        place = self.folder.config.get("rerank")
        if not place:
            return ""
        case = json.loads((self.folder.path / place).read_text())
        body = lambda query: {"query_text": query, "text_docs": case["text_docs"]}
        ask = lambda query: self.api.predict(self.model, body(query))["inference_results"]
        first = lambda scores: sorted(range(len(scores)), key=lambda i: -scores[i])[:RANKED]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            rankings = [first([numbers(r["output"][0])[0] for r in results]) for results in pool.map(ask, case["queries"])]
        shared = [len(set(a) & set(first(b))) / RANKED for a, b in zip(rankings, case["scores"], strict=True)]
        share = sum(shared) / len(shared)
        require(len(shared) >= 200 and share >= RANKED_SAME, self.folder.name, f"has {share:.4f} of the first {RANKED} in common with the expected ones")
        return f", {share:.2%} of the first {RANKED} in {len(shared)} rankings, {shared.count(1.0)} the same"

    def same(self, alone, result):
        """the same document alone and in company"""
        if self.folder.embeds:
            for one, other in zip(alone.get("output", []), result.get("output", []), strict=True):
                if one["data_type"] == "FLOAT32" and numbers(one) is not None:
                    alike = cosine(numbers(one), numbers(other))
                    require(alike >= COSINE_SAME, self.folder.name, f"gives a document alone and in company the cosine {alike:.6f}")


def options(body):
    return json.dumps({key: value for key, value in body.items() if key != "text_docs"}, sort_keys=True)


def check_folder(api, folder):
    model = api.register(folder.archive(), folder.name, **folder.registration())
    try:
        task = api.deploy(model)
        require(task["state"] == "COMPLETED", folder.name, "was not deployed:", task.get("error"))
        explained = api.ok("GET", f"{ML}/models/{model}/_explain").get("this_node", {})
        asking = Asking(api, model, folder)
        asking.together(asking.one_by_one())
        ranked = asking.rank()
        return f"{folder.finish()}{ranked} ({explained.get('engine')}, {explained.get('precision')})"
    finally:
        api.undeploy(model)
        api.ok("DELETE", f"{ML}/models/{model}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parent / "data/functions")
    parser.add_argument("--only", help="names of folders, or beginnings of names ending in *, divided by commas")
    given = parser.parse_args()
    paths = sorted(path.parent for path in given.data.glob("*/config.json"))
    if given.only:
        paths = [path for path in paths if any(path.match(name) for name in given.only.split(","))]
    require(paths, "no such folder below", given.data)
    failed = []
    with NodeProcess(given.binary, "--set", "mlnode.engine.precision=f32") as node:  # what the reference computes in
        api = Api(node.url)
        for path in paths:
            try:
                print(f"ok    {path.name}: {check_folder(api, Folder(path))}", flush=True)
            except (Different, AssertionError, OSError, LookupError, TypeError, ValueError) as error:
                failed.append(path.name)
                print(f"WRONG {path.name}: {error}", flush=True)
                if not isinstance(error, (Different, AssertionError)):
                    traceback.print_exc()
    print(f"{len(paths) - len(failed)} of {len(paths)} folders are as expected" + (f"; not: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
