"""BERT-like networks of two layers with the heads of each function, written out so that nothing but torch is needed. Weights are random with a
variance large enough that other texts give clearly other answers; each network has its seed. All honour the attention mask."""
import torch
from torch import nn
from torch.nn import functional

from . import wordpiece

HIDDEN, HEADS, INNER, LAYERS, POSITIONS = 32, 4, 64, 2, 512


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))

    def forward(self, x, bias):
        batch, tokens = x.size(0), x.size(1)
        heads = lambda y: y.view(batch, tokens, HEADS, HIDDEN // HEADS).transpose(1, 2)
        scores = heads(self.query(x)) @ heads(self.key(x)).transpose(2, 3) / (HIDDEN // HEADS) ** 0.5
        mixed = torch.softmax(scores + bias, -1) @ heads(self.value(x))
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, HIDDEN))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.inner, self.outer = Attention(), nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)
        self.norm_attention, self.norm_output = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)

    def forward(self, x, bias):
        x = self.norm_attention(x + self.attention(x, bias))
        return self.norm_output(x + self.outer(functional.gelu(self.inner(x))))


class Encoder(nn.Module):
    """[batch, tokens] ids → [batch, tokens, HIDDEN]"""

    def __init__(self):
        super().__init__()
        self.word, self.position = nn.Embedding(wordpiece.SIZE, HIDDEN), nn.Embedding(POSITIONS, HIDDEN)
        self.segment, self.norm = nn.Embedding(2, HIDDEN), nn.LayerNorm(HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        segment = self.segment.weight[0] if token_type_ids is None else self.segment(token_type_ids)
        x = self.norm(self.word(input_ids) + self.position.weight[: input_ids.size(1)] + segment)
        bias = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e9
        for layer in self.layers:
            x = layer(x, bias)
        return x


def pooled(hidden, attention_mask):
    weight = attention_mask[:, :, None].to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1e-9)


class SentenceTransformer(nn.Module):
    """pipeline A: a dictionary in, the same dictionary with more out"""

    def __init__(self):
        super().__init__()
        self.encoder = Encoder()

    def forward(self, features: dict[str, torch.Tensor]):
        ids, mask = features["input_ids"], features["attention_mask"]
        hidden = self.encoder(ids, mask)
        sentence = functional.normalize(pooled(hidden, mask), dim=1)
        return {"input_ids": ids, "attention_mask": mask, "token_embeddings": hidden, "sentence_embedding": sentence}


class Pooler(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, hidden):
        return torch.tanh(self.dense(hidden[:, 0]))


class HuggingFace(nn.Module):
    """pipeline B: tensors one by one in; last_hidden_state is not the first of what comes out, so it must be found by name"""

    def __init__(self):
        super().__init__()
        self.encoder, self.pooler = Encoder(), Pooler()

    def forward(self, input_ids, attention_mask):
        hidden = self.encoder(input_ids, attention_mask)
        return {"pooler_output": self.pooler(hidden), "last_hidden_state": hidden}


class HuggingFaceWithTypes(HuggingFace):
    """for HUGGINGFACE_TRANSFORMERS_NEURON: token_type_ids as third; a tuple without names comes out"""

    def forward(self, input_ids, attention_mask, token_type_ids):
        hidden = self.encoder(input_ids, attention_mask, token_type_ids)
        return hidden, self.pooler(hidden)


class Sparse(nn.Module):
    """The vocabulary's weights: largest over the tokens that are not [CLS] or [SEP], so none at all for an empty text. Of the special tokens
    [SEP] alone may have a weight, which names it in neither format but token ids."""

    def __init__(self):
        super().__init__()
        self.encoder, self.dense, self.norm = Encoder(), nn.Linear(HIDDEN, HIDDEN), nn.LayerNorm(HIDDEN)
        keep = torch.ones(wordpiece.SIZE)
        keep[: wordpiece.FIRST_WORD] = 0.0
        keep[wordpiece.SEP] = 1.0
        self.register_buffer("keep", keep)

    def weights(self, input_ids, attention_mask):
        hidden = self.norm(functional.gelu(self.dense(self.encoder(input_ids, attention_mask))))
        logits = 0.5 * (hidden @ self.encoder.word.weight.T) - 6.5
        special = (input_ids == wordpiece.CLS) | (input_ids == wordpiece.SEP)
        counts = attention_mask * (1 - special.to(attention_mask.dtype))
        values = torch.log1p(torch.relu(logits)) * counts[:, :, None].to(hidden.dtype)
        return values.amax(1) * self.keep

    def forward(self, features: dict[str, torch.Tensor]):
        return {"output": self.weights(features["input_ids"], features["attention_mask"])}


class CrossEncoder(nn.Module):
    """[batch, 1] logits"""

    def __init__(self):
        super().__init__()
        self.encoder, self.pooler, self.score = Encoder(), Pooler(), nn.Linear(HIDDEN, 1)

    def forward(self, input_ids, attention_mask, token_type_ids):
        return 4.0 * self.score(self.pooler(self.encoder(input_ids, attention_mask, token_type_ids)))


class QuestionAnswering(nn.Module):
    """start and end logits, [batch, tokens] each"""

    def __init__(self):
        super().__init__()
        self.encoder, self.ends = Encoder(), nn.Linear(HIDDEN, 2)

    def forward(self, input_ids, attention_mask):
        logits = self.ends(self.encoder(input_ids, attention_mask))
        return logits[:, :, 0], logits[:, :, 1]


class Highlighter(nn.Module):
    """For a batch of one: the indices of the sentences whose mean token is scored above 0; when there is none, that of the best one above
    FALLBACK. Tokens of sentence -100 belong to none; a chunk of only such tokens has none."""

    FALLBACK = -0.5
    SHIFT = 1.2  # of this seed's scores, so that about a third of the sentences are chosen

    def __init__(self):
        super().__init__()
        self.encoder, self.score = Encoder(), nn.Linear(HIDDEN, 1)

    def scores(self, input_ids, attention_mask, token_type_ids, sentence_ids):
        """[sentences] scores; very low for a sentence without tokens"""
        hidden = self.encoder(input_ids, attention_mask, token_type_ids)[0]
        sentence = sentence_ids[0].to(torch.int64)
        numbers = torch.arange(sentence.max().clamp(min=0) + 1)
        member = (sentence[None, :] == numbers[:, None]).to(hidden.dtype)
        tokens = member.sum(1)
        mean = (member @ hidden) / tokens.clamp(min=1.0)[:, None]
        return self.score(mean)[:, 0] - self.SHIFT - (tokens == 0).to(hidden.dtype) * 1e4

    def forward(self, input_ids, attention_mask, token_type_ids, sentence_ids):
        scores = self.scores(input_ids, attention_mask, token_type_ids, sentence_ids)
        best = scores.amax(0, keepdim=True)
        chosen = (scores > 0) | ((best <= 0) & (scores == best) & (scores > self.FALLBACK))
        return (torch.nonzero(chosen)[:, 0],)


EMBEDDINGS = {"word": 1.0, "position": 0.3, "segment": 0.3}


def make(kind, seed):
    """A network whose weights follow from the seed alone. The spreads keep what bf16 changes as small as in real models (a cosine of 0.99996);
    with twice as much for queries and keys it would be 0.9985."""
    network = kind().eval()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.named_parameters():
        layer = name.split(".")[-2]
        if "norm" in layer:
            spread, mean = 0.1, 1.0 if name.endswith("weight") else 0.0
        elif name.endswith("bias"):
            spread, mean = 0.1, 0.0
        else:
            spread, mean = EMBEDDINGS.get(layer, tensor.size(-1) ** -0.5), 0.0
        tensor.data.copy_(torch.randn(tensor.shape, generator=generator) * spread + mean)
        tensor.requires_grad_(False)
    return network
