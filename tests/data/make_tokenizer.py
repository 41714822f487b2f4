#!/usr/bin/env python3
"""Writes the small tokenizers that the unit tests read: make_tokenizer.py [FOLDER] (by default this folder).

wordpiece_tokenizer.json: BERT-like, ids equal to the place in WORDS; it asks for fixed padding and for truncation at 16, which
the node must override. byte_bpe_tokenizer.json: GPT-2-like byte-level BPE that adds no special tokens.
"""

import json
import pathlib
import sys

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "mat", "dog", "##s", "##ing", "run", "##n",
         "a", "b", "c", "##a", "##b", "##c", ",", ".", "!", "köln", "猫"]


def special(token, number):
    return {"id": number, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True}


def wordpiece():
    cls, sep = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}
    first = {"Sequence": {"id": "A", "type_id": 0}}
    second = [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    return {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [special(w, i) for i, w in enumerate(WORDS) if w.startswith("[")],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": False,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": [cls, first, sep], "pair": [cls, first, sep, *second],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                               "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {w: i for i, w in enumerate(WORDS)}},
    }


def byte_alphabet():
    """The printable stand-ins that byte-level BPE uses for the 256 bytes."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    stand_in = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}
    return [stand_in[b] for b in range(256)]


def byte_bpe():
    alphabet = byte_alphabet()
    space = alphabet[0x20]
    merges = [["c", "a"], ["ca", "t"], [space, "cat"]]
    vocab = {token: i for i, token in enumerate(alphabet + ["".join(m) for m in merges])}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
            "pre_tokenizer": level, "post_processor": level, "decoder": level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                      "merges": merges}}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    for name, content in (("wordpiece", wordpiece()), ("byte_bpe", byte_bpe())):
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        (folder / f"{name}_tokenizer.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
