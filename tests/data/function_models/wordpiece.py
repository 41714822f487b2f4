"""The one tokenizer of all function models: uncased WordPiece laid out as BERT's (padding at 0, [CLS] at 101), vocabulary from fixed words and
a fixed seed. Its tokenizer.json asks for padding to 128, which the node overrides, and sets no truncation, so that the cap of 512 is the node's own."""
import json
import random
import string

SIZE = 1024
PAD, UNK, CLS, SEP, MASK = 0, 100, 101, 102, 103
SPECIAL = {PAD: "[PAD]", UNK: "[UNK]", CLS: "[CLS]", SEP: "[SEP]", MASK: "[MASK]"}
FIRST_WORD = 104  # below: special and unused tokens

WORDS = """the of and to in is was for on that with as it by at from his her an be are this which or had not but have one were all they who
will more can when out up there time about into than other year new some could them two may then do first any my now such like our over man
me even most made after also did many before must through back where much your way well down should because each just those people how too
little state good very make world still own see men work long get here between both life being under never day same another know while last
might us great old off come since against go came right used take three house use again place water light north south east west river sea
city winter summer snow rain wind fire stone tree bird cat dog horse fish bread milk wine apple table chair door window road bridge ship
train engine model search index query document sentence word language machine memory network data answer question weather sunny cloudy warm
cold red green blue white black small large slow fast young quiet happy music paint letter book paper school teacher doctor friend mother
father child king queen war peace money market price garden mountain valley island forest field night morning evening today tomorrow yesterday
walks runs sleeps eats sings reads writes opens closes crosses follows finds keeps leaves brings holds builds breaks falls grows
## ##s ##ing ##ed ##er ##ly ##est ##ness ##ful ##less""".replace("## ", "", 1).split()
SIGNS = list(string.punctuation) + ["–", "—", "…", "“", "”", "’", "€", "°"]
FOREIGN = ["köln", "é", "ü", "ß", "я", "и", "р", "м", "猫", "本", "日", "語", "文", "字"] + [f"##{c}" for c in "éüßяирм"]


def vocabulary():
    """tokens in the order of their ids; no token twice"""
    tokens = [SPECIAL.get(i, f"[unused{i}]") for i in range(FIRST_WORD)]
    letters = string.ascii_lowercase + string.digits
    tokens += [*letters, *(f"##{c}" for c in letters), *SIGNS, *FOREIGN, *WORDS]
    tokens = list(dict.fromkeys(tokens))
    rng, known = random.Random(1), set(tokens)
    while len(tokens) < SIZE:
        piece = rng.choice("bcdfghklmnprstvw") + rng.choice("aeiou") + rng.choice(["", "", *"lnrst"])
        token = piece if rng.random() < 0.4 else f"##{piece}"
        if token not in known:
            known.add(token)
            tokens.append(token)
    if len(tokens) != SIZE:
        raise AssertionError(f"{len(tokens)} fixed tokens, room for {SIZE}")
    return tokens


def tokenizer():
    """the content of tokenizer.json"""
    first, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    special = lambda name, segment: {"SpecialToken": {"id": name, "type_id": segment}}
    single = [special("[CLS]", 0), first, special("[SEP]", 0)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": {"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": PAD, "pad_type_id": 0,
                    "pad_token": "[PAD]"},
        "added_tokens": [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                          "special": True} for i, token in SPECIAL.items()],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": False,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": single, "pair": [*single, second, special("[SEP]", 1)],
                           "special_tokens": {SPECIAL[i]: {"id": SPECIAL[i], "ids": [i], "tokens": [SPECIAL[i]]} for i in (CLS, SEP)}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {token: i for i, token in enumerate(vocabulary())}},
    }


def idf():
    """token text → weight, for some of the words: what is absent counts 1.0"""
    rng = random.Random(2)
    listed = [token for token in vocabulary()[FIRST_WORD:] if rng.random() < 0.7]
    return {token: round(rng.uniform(0.05, 9.0), 4) for token in listed}


def dump(content):
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
