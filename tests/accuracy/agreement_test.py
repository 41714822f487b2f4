#!/usr/bin/env python3
"""The parts of agreement.py that judge, without a node: each passes what is right and fails what is wrong by a little more than its limit."""
import math, pathlib, random, sys, threading, unittest, zlib

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]
import agreement_checks as checks
import measures
from functions import Different

TEXTS = [f"text {n} says {n * n} and ends" for n in range(220)]


def vector(text, size=16):
    rng = random.Random(zlib.crc32(text.encode()))
    return [rng.gauss(0, 1) for _ in range(size)]


def turned(values, wanted):
    """the vector turned so that its cosine with itself before is `wanted`, of the same length"""
    aside = [x for a, b in zip(values[::2], values[1::2]) for x in (-b, a)]
    return [wanted * x + math.sqrt(1 - wanted * wanted) * y for x, y in zip(values, aside)]


def tensor(values, name=checks.VECTOR):
    return {"name": name, "data_type": "FLOAT32", "shape": [len(values)], "data": values}


def embed(change=lambda text, company, values: values):
    return lambda body: [{"output": [tensor(change(text, len(body["text_docs"]) > 1, vector(text)))]} for text in body["text_docs"]]


def words(text):
    return {f"{'aàâ'[n % 3]}{n}": abs(x) + 0.02 for n, x in enumerate(vector(text))} | {"faint": 0.0099}


def weigh(change=lambda text, company, weights: weights):
    return lambda body: [{"output": [{"dataAsMap": {"response": [change(text, len(body["text_docs"]) > 1, words(text))]}}]}
                         for text in body["text_docs"]]


def rate(change=lambda query, company, scores: scores):
    def answer(body):
        one = [vector(body["query_text"] + document)[0] for document in body["text_docs"]]
        return [{"output": [tensor([score], "similarity")]} for score in change(body["query_text"], len(one) > 1, one)]
    return answer


def bad(check, ask, answer, config):
    """what the check finds wrong"""
    config = {"model_config": {}, "quantised": False} | config
    return [finding.what for finding in check(checks.Trial(ask, answer, config, TEXTS)) if not finding.good]


class MeasuresTest(unittest.TestCase):
    def test_a_finding_holds_its_limit_from_its_side(self):
        self.assertTrue(measures.Finding("a", 0.99, 0.99).good)
        self.assertFalse(measures.Finding("a", 0.9899, 0.99).good)
        self.assertTrue(measures.Finding("a", 0.01, 0.01, least=False).good)
        self.assertFalse(measures.Finding("a", 0.0101, 0.01, least=False).good)
        self.assertFalse(measures.Finding("a", math.nan, 0.0).good or measures.Finding("a", math.nan, 1.0, least=False).good)
        self.assertEqual(measures.Finding("a", 0.5, 0.99).text(), "a 0.5000000 < 0.99")

    def test_no_values_and_no_numbers_are_not_good(self):
        for summary in (measures.lowest, measures.highest, measures.mean):
            self.assertTrue(math.isnan(summary([])) and math.isnan(summary([1.0, math.nan])) and math.isnan(summary([math.nan, 1.0])))
        self.assertFalse(measures.equal("a", []).good or measures.rankings("a", []).good)

    def test_weights(self):
        differ = measures.weight_difference
        self.assertAlmostEqual(differ({"a": 1.02, "b": 3.0}, {"a": 1.0, "b": 3.0}), 0.02)
        self.assertEqual(differ({"a": 1.0}, {"a": 1.0, "b": 0.5}), 1.0)
        self.assertEqual(differ({"a": 1.0, "b": 0.5}, {"a": 1.0}), math.inf)
        self.assertEqual(differ({"a": 1.0, "b": 0.0099}, {"a": 1.0, "c": 0.0099}), 0.0)
        self.assertEqual(differ({}, {}), 0.0)

    def test_lengths(self):
        self.assertAlmostEqual(measures.length_difference([3.0, 4.2], [3.0, 4.0]), 0.0323, 3)
        self.assertEqual(measures.length_difference([1.0], [0.0]), math.inf)

    def test_rankings_are_the_same_documents_in_the_same_order(self):
        scores = [float(n) for n in range(20)]
        behind, before = scores[:], scores[:]
        behind[0], behind[1] = behind[1], behind[0]
        before[19], before[18] = before[18], before[19]
        pairs = lambda other, count: [(other, scores)] * count + [(scores, scores)] * (100 - count)
        self.assertTrue(measures.rankings("a", pairs(behind, 100)).good)
        self.assertTrue(measures.rankings("a", pairs(before, 1)).good)
        self.assertFalse(measures.rankings("a", pairs(before, 2)).good)


class EmbeddingsTest(unittest.TestCase):
    def bad(self, change, **config):
        return bad(checks.embeddings, embed(change), embed(), config)

    def test_equal_answers_are_good(self):
        self.assertEqual(self.bad(lambda text, company, values: values), [])
        self.assertEqual(self.bad(lambda text, company, values: values, model_config={"query_prefix": "q"}, quantised=True), [])

    def test_one_text_turned_a_little_too_far(self):
        one = lambda wanted: lambda text, company, values: turned(values, wanted) if text == TEXTS[7] else values
        self.assertEqual(self.bad(one(0.9996)), [])
        self.assertEqual(self.bad(one(0.9994)), ["alone lowest", "in company lowest"])
        self.assertEqual(self.bad(one(0.9998), quantised=True), ["alone lowest", "in company lowest"])

    def test_all_texts_turned_a_little(self):
        self.assertEqual(self.bad(lambda text, company, values: turned(values, 0.9998)), ["alone mean", "in company mean"])

    def test_one_text_is_another_in_company(self):
        change = lambda text, company, values: turned(values, 0.9998) if company and text == TEXTS[7] else values
        self.assertEqual(self.bad(change), ["alone and in company"])

    def test_answers_given_to_the_wrong_text(self):
        def swapped(body):
            results = embed()(body)
            return results[::-1]
        self.assertIn("in company lowest", bad(checks.embeddings, swapped, embed(), {}))

    def test_length(self):
        self.assertEqual(self.bad(lambda text, company, values: [1.02 * x for x in values] if text == TEXTS[3] else values), ["length"])

    def test_what_must_be_exact(self):
        for body in ({"name": "other"}, {"shape": [1, 16]}, {"data_type": "FLOAT64"}, {"data": [0.0] * 15}):
            ask = lambda asked: [{"output": [result["output"][0] | body]} for result in embed()(asked)]
            with self.assertRaises(Different):
                bad(checks.embeddings, ask, embed(), {})
        with self.assertRaises(Different):
            bad(checks.embeddings, lambda body: embed()(body)[:64], embed(), {})

    def test_few_or_repeated_texts_are_refused(self):
        for texts in (TEXTS[:199], TEXTS[:199] * 2):
            with self.assertRaises(Different):
                checks.Trial(None, None, {}, texts)


class OtherFunctionsTest(unittest.TestCase):
    def test_sparse(self):
        heavier = lambda share, where=None: lambda text, company, weights: \
            weights | {"a0": weights["a0"] * share} if text == TEXTS[5] and where in (None, company) else weights
        self.assertEqual(bad(checks.sparse, weigh(), weigh(), {}), [])
        self.assertEqual(bad(checks.sparse, weigh(heavier(1.009)), weigh(), {}), [])
        self.assertEqual(bad(checks.sparse, weigh(heavier(1.011)), weigh(), {}), [f"{what}: weights differ by" for what in ("alone", "in company", "words")])
        self.assertEqual(bad(checks.sparse, weigh(heavier(0.0, False)), weigh(), {})[0], "alone: weights differ by")
        self.assertEqual(len(bad(checks.sparse, weigh(heavier(2.0, True)), weigh(), {})), 3)
        with self.assertRaises(Different):
            bad(checks.sparse, weigh(lambda *_: {}), weigh(lambda *_: {}), {})

    def test_tokenize(self):
        more = lambda text, company, weights: weights | {"more": 1.0} if text == TEXTS[5] else weights
        self.assertEqual(bad(checks.tokenize, weigh(), weigh(), {}), [])
        self.assertEqual(len(bad(checks.tokenize, weigh(more), weigh(), {})), 4)

    def test_rerank(self):
        lists = checks.rerank_lists(TEXTS)
        self.assertTrue(len(lists) == 200 and all(20 <= len(body["text_docs"]) <= 50 and body["query_text"] not in body["text_docs"] for body in lists))
        queries = list(dict.fromkeys(body["query_text"] for body in lists))
        opposite = lambda count: lambda query, company, scores: [-x for x in scores] if company and query in queries[:count] else scores
        self.assertEqual(bad(checks.rerank, rate(), rate(), {"quantised": True}), [])
        self.assertEqual(bad(checks.rerank, rate(opposite(9)), rate(), {}), ["in company: first 10 equal", "alone and in company: first 10 equal",
                                                                                   "scores differ, of what they may, by"])
        shifted = lambda query, company, scores: [x + 0.2 for x in scores]
        self.assertEqual(bad(checks.rerank, rate(shifted), rate(), {})[0], "scores differ, of what they may, by")

    def test_answers(self):
        right = lambda body: [{"output": [{"result": body["question"] + body["context"][:20]}]}]
        wrong = checks.question_pairs(TEXTS)[9]
        other = lambda body: [{"output": [{"result": "other"}]}] if body == wrong else right(body)
        self.assertEqual(bad(checks.answers, right, right, {}), [])
        self.assertEqual(bad(checks.answers, other, right, {}), ["alone: equal", "in company: equal"])
        with self.assertRaises(Different):
            bad(checks.answers, lambda body: [], lambda body: [], {})

    def test_company_is_company(self):
        """every text is asked twice, in requests of several sizes, and several requests are under way at once"""
        sizes, gate = [], threading.Barrier(2)

        def ask(body):
            sizes.append(len(body["text_docs"]))
            if len(sizes) <= 2:
                gate.wait(10)
            return embed()(body)
        found = [i for i, _ in checks.Trial(ask, None, {}, TEXTS).company({})]
        self.assertEqual(sorted(found), sorted(list(range(len(TEXTS))) * 2))
        self.assertGreater(len(set(sizes)), 3)


if __name__ == "__main__":
    unittest.main()
