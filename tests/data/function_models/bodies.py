"""The requests of each function. Where an answer is a decision (a span, a sentence), candidates whose decision is close are passed over."""
import random

from . import wordpiece

SHORT = ["today is sunny", "how are you", "A cat sleeps in the garden.", "The train to the north leaves tomorrow morning!", "bread, milk and apples",
         "Who keeps the old letters of the queen?", "the dog follows the child across the bridge, and the rain falls on the river"]
UNICODE = ["Köln liegt am Rhein – 20 °C heute", "猫が本を読む。日本語の文字", "naïve café “über” straße…", "мир и ми́р, при́вет", "🐱🐶 emoji and zero\u200bwidth\ttabs\nlines",
           "ＦＵＬＬ width and e\u0301 combined", "nothing\u0001of\u0002control"]
ODD = ["", " ", "[SEP] the [MASK] of [CLS]", "a" * 150, "!!!???...", "0123456789 3.14159 -1e-5 0x1F", "<b>bold</b> & \"quoted\" \\ back/slash"]


def words(rng, count, odd=0.1):
    """a text of `count` words; some are made up, so that they fall into pieces"""
    known = [w for w in wordpiece.WORDS if not w.startswith("#")]
    make = lambda: "".join(rng.choice("bdfgklmnprst") + rng.choice("aeiou") for _ in range(rng.randint(2, 4)))
    return " ".join(make() if rng.random() < odd else rng.choice(known) for _ in range(count))


def exactly(tokens):
    """a text of so many tokens, special ones included"""
    known = [w for w in wordpiece.WORDS if not w.startswith("#")]
    return " ".join(random.Random(tokens).choice(known) for _ in range(tokens - 2))


def paragraph(rng, sentences, low=4, high=12):
    return " ".join(words(rng, rng.randint(low, high)).capitalize() + rng.choice("...!?") for _ in range(sentences))


def lists(seed):
    """fourteen lists of documents that stand for what comes"""
    rng = random.Random(seed)
    ragged = [words(rng, n) for n in (1, 90, 3, 14, 40, 2, 7)]
    return [[SHORT[0]], SHORT[:3], UNICODE[:3], UNICODE[3:], ["", SHORT[3]], ODD[1:4], ODD[4:], ragged, [words(rng, 30)] * 2,
            [words(rng, 700)], [exactly(511), exactly(512), exactly(513)], [paragraph(rng, 6), SHORT[6], words(rng, 800, odd=0.3)],
            [words(rng, n) for n in range(1, 17)], SHORT + UNICODE[:2]]


def sentence_transformer():
    """every way to choose what is answered; most ask for the sentence alone"""
    docs = lists(11)
    only = {"target_response": ["sentence_embedding"]}
    return [{"text_docs": docs[0]}, {"text_docs": docs[1], "return_bytes": True}, {"text_docs": docs[2], "return_bytes": True, "return_number": False},
            {"text_docs": docs[3], "return_number": True, **only}, {"text_docs": docs[4], "target_response_positions": [0, 3]},
            {"text_docs": docs[5], "target_response": ["attention_mask"], "target_response_positions": [3]},
            {"text_docs": docs[6], "target_response": ["input_ids"],
             "result_filter": {"return_bytes": True, "return_number": True, "target_response": ["sentence_embedding"], "target_response_positions": [1]}},
            {"text_docs": docs[7], **only}, {"text_docs": docs[8], "target_response": ["no such tensor"]}, {"text_docs": docs[9], **only},
            {"text_docs": docs[10], "return_bytes": True, **only}, {"text_docs": docs[11], "return_number": False}, {"text_docs": docs[12], **only},
            {"text_docs": docs[13], "return_bytes": True, "return_number": False, **only}, {"text_docs": [exactly(512)], "target_response": ["token_embeddings"]}]


def embedding(seed=12):
    bodies = [{"text_docs": docs} for docs in lists(seed)]
    bodies[1]["target_response"] = ["sentence_embedding"]
    bodies[2]["return_bytes"] = True
    bodies[3]["return_number"] = False
    bodies[4]["target_response"] = ["token_embeddings"]
    bodies[5]["target_response_positions"] = [0]
    return bodies


def asymmetric():
    kinds = [{}, {"content_type": "query"}, {"content_type": "passage"}, {"content_type": "PASSAGE"}]
    return [{"text_docs": docs, "parameters": kinds[i % 4]} for i, docs in enumerate(lists(13))]


def sparse():
    bodies = [{"text_docs": docs} for docs in lists(14)]
    for i, form in {1: "word", 2: "token_id", 4: "TOKEN_ID", 6: "WORD", 7: "token_id", 9: "token_id"}.items():
        bodies[i]["parameters"] = {"sparse_embedding_format": form}
    bodies[3]["target_response"] = ["output"]
    return bodies


def tokenize():
    bodies = sparse()
    del bodies[3]["target_response"]
    return bodies


def similarity():
    rng = random.Random(15)
    queries = ["today is sunny", "", "猫 and köln", words(rng, 12), words(rng, 5), "🐱", words(rng, 600), SHORT[5], "?", words(rng, 2), exactly(256),
               words(rng, 20), words(rng, 8), SHORT[6]]
    return [{"query_text": query, "text_docs": docs} for query, docs in zip(queries, lists(16), strict=True)]


def rerank():
    """200 queries to rank the same 30 documents for"""
    rng = random.Random(17)
    return [words(rng, rng.randint(2, 10)) for _ in range(200)], [words(rng, rng.randint(3, 40)) for _ in range(30)]


def accepted(make, accept, seed):
    """the first candidate whose decision is clear"""
    for attempt in range(200):
        body = make(random.Random(seed * 1000 + attempt))
        if accept(body):
            return body
    raise AssertionError(f"no clear case {seed}")


def questions(accept):
    one = lambda rng: words(rng, rng.randint(2, 8)) + "?"
    makers = [lambda rng, n=n: {"question": one(rng), "context": words(rng, n)} for n in (3, 6, 10, 20, 40, 80, 150, 300, 700, 900)]
    makers += [lambda rng, text=text: {"question": one(rng), "context": f"{text} {words(rng, 4)}"} for text in UNICODE[:5]]
    makers += [lambda rng: {"question": words(rng, 400), "context": words(rng, 300)}, lambda rng: {"question": "?", "context": words(rng, 1)},
               lambda rng: {"question": "Where do I live?", "context": f"My name is John. I live in New York. {words(rng, 6)}"},
               lambda rng: {"question": one(rng), "context": paragraph(rng, 8)}]
    return [accepted(make, accept, seed) for seed, make in enumerate(makers, 1)]


def highlights(accept, accept_none, chunked):
    """`accept_none`: a context of which nothing is chosen; `chunked`: for a model of 64 tokens a chunk; else of 512"""
    one = lambda rng: words(rng, rng.randint(2, 8)) + "?"
    makers = [lambda rng, n=n: {"question": one(rng), "context": paragraph(rng, n)} for n in (1, 2, 3, 5, 8)]
    longest = ((10, 4, 12), (16, 4, 12), (30, 4, 12)) if chunked else ((14, 20, 50), (25, 20, 50), (30, 30, 60))
    makers += [lambda rng, sizes=sizes: {"question": one(rng), "context": paragraph(rng, *sizes)} for sizes in longest]
    made = lambda rng: words(rng, 5).capitalize()
    makers += [
        lambda rng: {"question": one(rng), "context": f"{made(rng)}.\n{made(rng)}!\t{made(rng)}? {made(rng)}"},
        lambda rng: {"question": one(rng), "context": f"Köln {made(rng)}. 🐱 {made(rng)}. {made(rng)} é. 猫 {made(rng)}."},
        lambda rng: {"question": one(rng), "context": f"{made(rng)} by Dr. {made(rng)}. {made(rng)}, e.g. {made(rng)}. {made(rng)}."},
        lambda rng: {"question": one(rng), "context": f'{made(rng)} said "{made(rng)}." {made(rng)}. "{made(rng)}!" {made(rng)}.'},
        lambda rng: {"question": one(rng), "context": f"{made(rng)}.  {made(rng)}.   {made(rng)}. {made(rng)}."},
        lambda rng: {"question": one(rng), "context": f"{made(rng)} in the U.S.A. {made(rng)} of J. {made(rng)}. {made(rng)} 3.14 {made(rng)}."},
        lambda rng: {"question": words(rng, 12), "context": paragraph(rng, 6)}]
    return [accepted(make, accept, seed) for seed, make in enumerate(makers, 1)]\
        + [accepted(makers[n], accept_none, 50 + n) for n in (0, 1)]
