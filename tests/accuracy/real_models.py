#!/usr/bin/env python3
"""Real models over HTTP against ONNX Runtime in Python, one text at a time: real_models.py --binary mlnode --home DIR --deps DIR [--models
NAME,NAME] [--texts FILE]

Whatever precision the node chose, a model of f32 must have, over all texts, a mean cosine >= 0.9999 and none < 0.9995; a quantised one none
< 0.9999 against the same file. A text alone, and the same text in requests of any size, some of them side by side: >= 0.9999.
--deps holds the models as scripts/fetch_deps.py unpacks them; what is missing is fetched. --texts (or MLNODE_TEXTS): a JSON list of texts;
without it 200 sentences of this project. Without --models: all."""
import argparse, concurrent.futures, json, os, pathlib, random, subprocess, sys, time

from run import HERE, Reference, cosine, in_clients_venv, sentences

SAME, LEAST, MEAN = 0.9999, 0.9995, 0.9999
PATIENT = ("--set", "mlnode.predict.deadline_ms=1800000")  # numbers are judged, not speed: all texts are in one request, on a machine that may be busy
# how vectors are made of tokens, and what is put before a text
MODELS = {
    "all-MiniLM-L6-v2": {},
    "all-MiniLM-L6-v2-q": {"quantised": True},
    "bge-small-en-v1.5": {"pooling": "CLS"},
    "bge-small-en-v1.5-q": {"pooling": "CLS", "quantised": True},
    "e5-small-v2": {"prefixes": {"query_prefix": "query: ", "passage_prefix": "passage: "}},
}


def fetched(deps, name):
    folder = pathlib.Path(deps) / name
    if not folder.exists():
        wanted = "demo-model" if name == "all-MiniLM-L6-v2" else name
        subprocess.run([sys.executable, str(HERE.parents[1] / "scripts/fetch_deps.py"), wanted], check=True,
                       env=dict(os.environ, MLNODE_DEPS_DIR=str(deps)))
    return folder


def registered(api, name, traits, folder):
    from api import CONFIG, demo_archive
    config = CONFIG | {"pooling_mode": traits.get("pooling", "MEAN")} | traits.get("prefixes", {})
    model = api.register(demo_archive(folder), name, model_config=config)
    task = api.deploy(model)
    assert task["state"] == "COMPLETED", task
    return model


def portions(texts, seed=1):
    """the texts in another order, cut into requests of 1 to 64, as lists of indices; and all of them in one"""
    rng, order = random.Random(seed), list(range(len(texts)))
    rng.shuffle(order)
    out = []
    while order:
        size = rng.choice([1, 2, 3, 5, 8, 16, 40, 64])
        out.append(order[:size])
        order = order[size:]
    return out + [list(range(len(texts)))]


def embed(api, model, texts, parameters):
    body = {"text_docs": texts, "target_response": ["sentence_embedding"]} | ({"parameters": parameters} if parameters else {})
    results = api.predict(model, body)["inference_results"]
    return [result["output"][0]["data"] for result in results]


def vectors(api, model, texts, parameters):
    """(of each text alone, [of each portion] as (index, vector) pairs)"""
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        alone = [found[0] for found in clients.map(lambda text: embed(api, model, [text], parameters), texts)]
        ask = lambda portion: list(zip(portion, embed(api, model, [texts[i] for i in portion], parameters), strict=True))
        together = list(clients.map(ask, portions(texts)))
    return alone, together


def judge(name, traits, texts, folder, node):
    """prints the measured agreement; True if it is within the limits"""
    from api import ML, Api
    api, begin = Api(node.url, timeout=1800), time.monotonic()
    model = registered(api, name, traits, folder)
    passages = "prefixes" in traits
    alone, together = vectors(api, model, texts, {"content_type": "passage"} if passages else None)
    explained = api.ok("GET", f"{ML}/models/{model}/_explain")["this_node"]
    api.undeploy(model)
    reference = Reference(folder, first_token=traits.get("pooling") == "CLS")
    prefix = traits["prefixes"]["passage_prefix"] if passages else ""
    wanted = [reference.vector(prefix + text) for text in texts]
    right = [cosine(a, b) for a, b in zip(alone, wanted, strict=True)]
    pairs = [(i, vector) for portion in together for i, vector in portion]
    assert len(texts) >= 200 and len(pairs) == 2 * len(texts)
    in_company = [cosine(vector, wanted[i]) for i, vector in pairs]
    same = min(cosine(vector, alone[i]) for i, vector in pairs)
    least = SAME if traits.get("quantised") else LEAST
    values = {"alone mean": (sum(right) / len(right), MEAN), "alone lowest": (min(right), least),
              "in company mean": (sum(in_company) / len(in_company), MEAN), "in company lowest": (min(in_company), least),
              "alone and in company": (same, SAME)}
    good = all(value >= limit for value, limit in values.values())
    print(f"{'ok   ' if good else 'WRONG'} {name} ({explained['engine']}, {explained['precision']}), {len(texts)} texts, {time.monotonic() - begin:.0f} s: "
          + ", ".join(f"{what} {value:.7f}{'' if value >= limit else f' < {limit}'}" for what, (value, limit) in values.items()), flush=True)
    return good


def compare(options):
    """in the clients' venv"""
    from node_process import NodeProcess
    texts = json.loads(pathlib.Path(options.texts).read_text()) if options.texts else sentences()
    wrong = 0
    for name in options.models.split(","):
        folder = fetched(options.deps, name)
        with NodeProcess(options.binary, *PATIENT) as node:
            wrong += not judge(name, MODELS[name], texts, folder, node)
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "home", "deps"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--texts", default=os.environ.get("MLNODE_TEXTS"))
    options = parser.parse_args()
    return in_clients_venv(options.home, str(fetched(options.deps, "all-MiniLM-L6-v2")), lambda: compare(options))


if __name__ == "__main__":
    sys.exit(main())
