"""How far a model's answers agree with its reference over many texts, by function. No check knows a node or a model file: `ask` and `answer`
of a Trial are functions from the body of a _predict to its inference_results."""
import concurrent.futures, random

import measures
from functions import SCORE, SCORE_SHARE, cosine, numbers, require
from real_models import portions

VECTOR = "sentence_embedding"
CLIENTS = 8  # side by side, where answers in company are wanted
LISTS, PAIRS = 200, 200  # rankings, and questions with contexts
LIST_SIZES, CONTEXT_SIZES = (20, 50), (3, 8)  # documents of a ranking, texts of a context
QUESTION = 40  # characters, so no more tokens: with 64 a chunk and 16 shared, the tokenizers package takes questions of up to 44


class Trial:
    """One model under trial. ask: the node, from any thread; answer: the reference, one text at a time."""

    def __init__(self, ask, answer, config, texts):
        require(len(texts) == len(set(texts)) >= 200, "200 different texts are too few to judge by:", len(set(texts)))
        self.ask, self.answer, self.config, self.texts = ask, answer, config, texts
        self.different = []  # what was seen where equality was wanted: a few words each

    def side_by_side(self, bodies):
        """inference_results of each, in order, with CLIENTS requests under way"""
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(self.ask, bodies))

    def company(self, options):
        """yields (number of a text, its result): each text in some request of 1 to 64, some side by side, and in one with all others"""
        cuts = portions(self.texts)
        answers = self.side_by_side([options | {"text_docs": [self.texts[i] for i in cut]} for cut in cuts])
        for cut, results in zip(cuts, answers, strict=True):
            require(len(results) == len(cut), "a request of", len(cut), "texts has", len(results), "results")
            yield from zip(cut, results)

    def alone(self, options):
        """yields (result of the node, of the reference) of each text; nothing else is asked meanwhile"""
        for text in self.texts:
            body = options | {"text_docs": [text]}
            (got,), (wanted,) = self.ask(body), self.answer(body)
            yield got, wanted

    def note(self, pairs, what):
        self.different += [f"{what} {n}: {str(got)[:150]!r}, wanted {str(wanted)[:150]!r}" for n, (got, wanted) in enumerate(pairs) if got != wanted]


def tensors(got, wanted):
    """name → (numbers, expected numbers) of the float tensors; raises Different where something differs that must be exact"""
    require([t.keys() for t in got["output"]] == [t.keys() for t in wanted["output"]], "tensors with the keys", [list(t) for t in got["output"]])
    out = {}
    for tensor, other in zip(got["output"], wanted["output"]):
        for key in ("name", "data_type", "shape"):
            require(tensor[key] == other[key], other["name"], key, "is", tensor[key], "wanted", other[key])
        pair = numbers(tensor), numbers(other)
        require(len(pair[0]) == len(pair[1]), other["name"], "has", len(pair[0]), "numbers, wanted", len(pair[1]))
        if other["data_type"] == "FLOAT32":
            out[other["name"]] = pair
        else:
            require(pair[0] == pair[1], other["name"], "is", pair[0][:20], "wanted", pair[1][:20])
    return out


def variants(config):
    """what a request may say beside its texts: both sides of an asymmetric model"""
    model = config["model_config"]
    sides = model.get("query_prefix") or model.get("passage_prefix")
    return [{"parameters": {"content_type": kind}} for kind in ("query", "passage")] if sides else [{}]


def embeddings(trial):
    alone, company, same, lengths = {}, [], [], []
    for options in variants(trial.config):
        vectors = []
        for got, wanted in trial.alone(options):
            found = tensors(got, wanted)
            for name, pair in found.items():
                alone.setdefault(name, []).append(cosine(*pair))
            vectors.append(found[VECTOR])
            lengths.append(measures.length_difference(*found[VECTOR]))
        for i, result in trial.company(options | {"target_response": [VECTOR]}):
            (tensor,) = result["output"]
            single, wanted = vectors[i]
            company.append(cosine(numbers(tensor), wanted))
            same.append(cosine(numbers(tensor), single))
            lengths.append(measures.length_difference(numbers(tensor), wanted))
    require(all(len(values) == len(trial.texts) * len(variants(trial.config)) for values in alone.values()), "a tensor is not in every answer")
    require(len(company) == 2 * len(alone[VECTOR]), "not every text was answered in company")
    quantised = trial.config["quantised"]
    findings = [f for name, values in alone.items() for f in measures.cosines("alone" if name == VECTOR else name, values, quantised)]
    return findings + measures.cosines("in company", company, quantised) + [measures.same(same), measures.lengths(lengths)]


def response(result):
    (tensor,) = result["output"]
    (mapped,) = tensor["dataAsMap"]["response"]
    return mapped


def by_format(form):
    return {"parameters": {"sparse_embedding_format": form}}


def sparse(trial):
    """token ids alone and in company; words in company"""
    ids = [(response(got), response(wanted)) for got, wanted in trial.alone(by_format("token_id"))]
    words = [response(trial.answer(by_format("word") | {"text_docs": [text]})[0]) for text in trial.texts]
    company = [(i, response(result)) for i, result in trial.company(by_format("token_id"))]
    worded = [(i, response(result)) for i, result in trial.company(by_format("word"))]
    require(sum(len(wanted) for _, wanted in ids) > 2 * len(ids), "the expected vectors are nearly empty")
    return [measures.weights("alone", [measures.weight_difference(*pair) for pair in ids]),
            measures.weights("in company", [measures.weight_difference(got, ids[i][1]) for i, got in company]),
            measures.weights("words", [measures.weight_difference(got, words[i]) for i, got in worded]),
            measures.same([measures.sparse_cosine(got, ids[i][0]) for i, got in company])]


def tokenize(trial):
    findings = []
    for form in ("token_id", "word"):
        pairs = [(response(got), response(wanted)) for got, wanted in trial.alone(by_format(form))]
        company = [(response(result), pairs[i][1]) for i, result in trial.company(by_format(form))]
        for what, found in ((f"{form} alone", pairs), (f"{form} in company", company)):
            trial.note(found, what)
            findings.append(measures.equal(what, found))
    return findings


def rerank_lists(texts, seed=2):
    """[body] of rankings: one text asks, 20 to 50 others are ranked"""
    rng, out = random.Random(seed), []
    for _ in range(LISTS):
        query, *documents = rng.sample(texts, rng.randint(*LIST_SIZES) + 1)
        out.append({"query_text": query, "text_docs": documents})
    return out


def scores(results):
    return [numbers(tensor)[0] for result in results for tensor in result["output"]]


def rerank(trial):
    bodies = rerank_lists(trial.texts)
    wanted = [scores(trial.answer(body)) for body in bodies]
    alone = [[scores(trial.ask(body | {"text_docs": [document]}))[0] for document in body["text_docs"]] for body in bodies]
    company = [scores(results) for results in trial.side_by_side(bodies)]
    require([len(s) for s in company] == [len(s) for s in wanted], "a ranking has another number of scores")
    far = lambda a, b: max(abs(x - y) / (SCORE + SCORE_SHARE * abs(y)) for x, y in zip(a, b, strict=True))
    furthest = measures.highest([far(*pair) for found in (alone, company) for pair in zip(found, wanted)])
    findings = [measures.rankings("alone", list(zip(alone, wanted))), measures.rankings("in company", list(zip(company, wanted))),
                measures.rankings("alone and in company", list(zip(alone, company))),
                measures.Finding("scores differ, of what they may, by", furthest, 1.0, least=False)]
    if trial.config["quantised"]:
        findings.append(measures.Finding("lists of scores alone, lowest cosine", measures.lowest([cosine(*pair) for pair in zip(alone, wanted)]),
                                         measures.COSINE_SAME))
    return findings


def question_pairs(texts, seed=3):
    """[body]: the beginning of a text asks, several others are the context; some are too long for the model"""
    rng, out = random.Random(seed), []
    for _ in range(PAIRS):
        question, *context = rng.sample(texts, rng.randint(*CONTEXT_SIZES) + 1)
        out.append({"question": question[:QUESTION].rsplit(" ", 1)[0] + "?", "context": " ".join(context)})
    return out


def answers(trial):
    """spans and highlighted sentences"""
    bodies = question_pairs(trial.texts)
    wanted = [trial.answer(body) for body in bodies]
    require(len({str(answer) for answer in wanted}) > PAIRS / 2, "the expected answers are mostly the same")
    alone = list(zip([trial.ask(body) for body in bodies], wanted))
    company = list(zip(trial.side_by_side(bodies), wanted))
    for what, pairs in (("alone", alone), ("in company", company)):
        trial.note(pairs, what)
    return [measures.equal("alone", alone), measures.equal("in company", company)]


CHECKS = {"TEXT_EMBEDDING": embeddings, "SPARSE_ENCODING": sparse, "SPARSE_TOKENIZE": tokenize, "TEXT_SIMILARITY": rerank,
          "QUESTION_ANSWERING": answers}
WHAT = {"TEXT_SIMILARITY": f"{LISTS} lists", "QUESTION_ANSWERING": f"{PAIRS} questions"}  # else: texts
