"""Sentences, chunks and sentence ids as a highlighting model takes them. Offsets count UTF-16 units, as the peer's do."""
import re

import numpy as np

ABBREVIATIONS = ["Mr.", "Mrs.", "Ms.", "Dr.", "Prof.", "Sr.", "Jr.", "Ltd.", "Co.", "Inc.", "i.e.", "e.g.", "etc.", "vs.", "fig."]
BOUNDARY = re.compile(r"(?<!\w\.\w.)(?<!\w[A-Z]\.)(?<=[.!?])(?<!\w[A-Z]\.[A-Z]\.)\s+", re.ASCII)
NO_SENTENCE = -100


def units(text):
    return len(text.encode("utf-16-le")) // 2


def sentences(context):
    """[(text, start, end)]: the text is the context's own from start to end. A full stop of an abbreviation before white space and one
    moved behind a closing quotation mark keep their places, so a sentence found in the changed text has the same place in the context."""
    changed = context
    for word in ABBREVIATIONS:
        quiet = word.replace(".", "\0")  # one character for one, so that places stay
        changed = re.sub(r"\b" + re.escape(word) + r"(?=\s)", quiet, changed)
    changed = re.sub(r'([.!?])"', r'"\1', changed)
    out, begin = [], 0
    for match in [*BOUNDARY.finditer(changed), None]:
        stop = match.start() if match else len(changed)
        part = context[begin:stop]
        if part.strip():
            start = begin + len(part) - len(part.lstrip())
            text = part.strip()
            out.append((text, units(context[:start]), units(context[:start]) + units(text)))
        begin = match.end() if match else stop
    return out


def word_sentences(context, found):
    """the sentence of each word, words being what white space divides and taken to stand one space apart"""
    out, begin = [], 0
    for word in context.split():
        end = begin + units(word)
        inside = [i for i, (_, start, stop) in enumerate(found) if begin >= start and end <= stop]
        out.append(inside[-1] if inside else 0)
        begin = end + 1
    return out


def chunks(tokenizer, question, context, found, settings):
    """yields the model's inputs chunk by chunk"""
    tokenizer.enable_truncation(settings.get("token_max_length", 512), stride=settings.get("token_overlap_stride", 128),
                                strategy="only_second")
    encoding = tokenizer.encode(question, context)
    of_word = word_sentences(context, found)
    for part in [encoding, *encoding.overflowing]:
        ids = np.full((1, len(part.ids)), NO_SENTENCE, np.int32)
        begin = part.type_ids.index(1) if 1 in part.type_ids else 0
        for place, word in enumerate(part.word_ids):
            if place >= begin and word is not None and word < len(of_word):
                ids[0, place] = of_word[word]
        yield {"input_ids": np.array([part.ids], np.int64), "attention_mask": np.array([part.attention_mask], np.int64),
               "token_type_ids": np.array([part.type_ids], np.int64), "sentence_ids": ids}
