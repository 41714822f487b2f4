"""Predictions asked in the background, through several nodes, while a test breaks things: every answer is kept and its vectors are held
against those of the reference, bit for bit."""
import collections, http.client, json, random, threading, time

from api import ML

TEXTS = ["the cat sat", "the dog sat", "a cat", "the mat and the cat and the dog", "dog", "on the mat sat a dog"]
ANSWER_WITHIN = 20  # seconds; later is an error

Answer = collections.namedtuple("Answer", "begun ended node status retry_after text")


class Reference:
    """the vectors that the texts have, each asked for alone"""

    def __init__(self, vectors):
        self.vectors = vectors

    @classmethod
    def of(cls, api, model, texts=TEXTS):
        return cls({text: api.embed(model, [text])[0] for text in texts})

    def wrong(self, texts, answer):
        """why the answer to these texts is not the one that is expected; None when it is"""
        try:
            found = [result["output"][0]["data"] for result in answer["inference_results"]]
        except (KeyError, IndexError, TypeError):
            return f"is no prediction: {answer}"
        for text, vector in zip(texts, found):
            if vector != self.vectors[text]:
                return f"'{text}' is {vector}, not {self.vectors[text]}"
        return None if len(found) == len(texts) else f"{len(found)} vectors for {len(texts)} texts"


def predict(node, model, texts, timeout=ANSWER_WITHIN, headers=None):
    """(status, headers, parsed answer) over a connection of its own; OSError, HTTPException"""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=timeout)
    try:
        body = json.dumps({"text_docs": texts, "target_response": ["sentence_embedding"]})
        connection.request("POST", f"{ML}/models/{model}/_predict", body, {"Content-Type": "application/json"} | (headers or {}))
        reply = connection.getresponse()
        text = reply.read()
    finally:
        connection.close()
    try:
        return reply.status, reply.headers, json.loads(text)
    except ValueError:
        return reply.status, reply.headers, text.decode(errors="replace")


class Load:
    """`with Load(nodes, model, reference) as load:` a client for each node, each asking again after a pause"""

    def __init__(self, nodes, model, reference, pause=0.03):
        self.model, self.reference, self.pause = model, reference, pause
        self.lock, self.answers, self.mismatches, self.stopping = threading.Lock(), [], [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(node, n), daemon=True) for n, node in enumerate(nodes)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for(len(self.threads))
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(ANSWER_WITHIN + 5)

    def run(self, node, seed):
        choose = random.Random(seed)
        while not self.stopping.is_set():
            self.ask(node, choose.choices(list(self.reference.vectors), k=choose.randint(1, 4)))
            self.stopping.wait(self.pause)

    def ask(self, node, texts):
        begun, retry_after, wrong = time.monotonic(), None, None
        try:
            status, headers, answer = predict(node, self.model, texts)
            retry_after = headers.get("Retry-After")
            wrong = self.reference.wrong(texts, answer) if status == 200 else None
            text = "" if status == 200 else json.dumps(answer)[:500]
        except (OSError, http.client.HTTPException) as error:
            status, text = type(error).__name__, str(error)
        with self.lock:
            self.answers.append(Answer(begun, time.monotonic(), node.name, status, retry_after, text))
            if wrong:
                self.mismatches.append(f"{node.name}: {wrong}")

    def wait_for(self, answers, timeout=30):
        """until so many more have come"""
        wanted, deadline = len(self.answers) + answers, time.monotonic() + timeout
        while len(self.answers) < wanted:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(self.answers)} answers, waited for {wanted}: {self.counts()}")
            time.sleep(0.01)

    def since(self, moment):
        """the answers to what was asked after that moment of time.monotonic()"""
        with self.lock:
            return [answer for answer in self.answers if answer.begun >= moment]

    def counts(self):
        """status → how many"""
        with self.lock:
            return dict(collections.Counter(answer.status for answer in self.answers))

    def errors(self):
        with self.lock:
            return [answer for answer in self.answers if answer.status != 200]

    def longest(self):
        """seconds of the slowest answer"""
        with self.lock:
            return max(answer.ended - answer.begun for answer in self.answers)
