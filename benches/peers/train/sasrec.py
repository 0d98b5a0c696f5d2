"""sasrec.py LOG EPOCHS: trains the encoder that foreclick trains by default in PyTorch, on the same windows, and prints
examples per second of each epoch as JSON.

The same sizes, batches, dropout and number of shared negatives; what counting adds is left out, in PyTorch's favour.
LOG has a sequence a line: its key, then its items. The last two items are not trained on.
"""

import json
import random
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

HIDDEN, HEADS, BLOCKS, FEED_FORWARD, MAX_LEN = 64, 2, 2, 128, 64
BATCH_EVENTS, NEGATIVES, DROPOUT, RATE, STRETCH = 1024, 512, 0.5, 2e-3, 2048


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.feed_forward_norm = nn.RMSNorm(HIDDEN), nn.RMSNorm(HIDDEN)
        self.qkv = nn.Linear(HIDDEN, 3 * HIDDEN, bias=False)
        self.out = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.up = nn.Linear(HIDDEN, 2 * FEED_FORWARD, bias=False)
        self.down = nn.Linear(FEED_FORWARD, HIDDEN, bias=False)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x, cosines, sines):
        windows, length, _ = x.shape
        parts = self.qkv(self.attention_norm(x)).view(windows, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        query, key, value = rotate(parts[0], cosines, sines), rotate(parts[1], cosines, sines), parts[2]
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.drop(self.out(attended.transpose(1, 2).reshape(windows, length, HIDDEN)))
        gate, partner = self.up(self.feed_forward_norm(x)).chunk(2, -1)
        return x + self.drop(self.down(F.silu(gate) * partner))


def rotate(x, cosines, sines):
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosines - second * sines, first * sines + second * cosines], -1)


class Encoder(nn.Module):
    def __init__(self, items):
        super().__init__()
        self.items = nn.Parameter(F.normalize(torch.randn(items, HIDDEN), dim=-1))
        self.start = nn.Parameter(torch.randn(HIDDEN))
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm = nn.RMSNorm(HIDDEN)
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.drop = nn.Dropout(DROPOUT)
        angles = torch.outer(torch.arange(MAX_LEN), 10_000.0 ** (-torch.arange(HIDDEN // HEADS // 2) / (HIDDEN // HEADS // 2)))
        self.cosines, self.sines = angles.cos(), angles.sin()

    def loss(self, inputs, targets):
        """Both [windows, length]; an input of -1 is a sequence's start, a target of -1 is padding."""
        length = inputs.shape[1]
        x = F.embedding(inputs.clamp(min=0), self.items) * HIDDEN**0.5
        x = self.drop(torch.where((inputs < 0)[..., None], self.start, x))
        for block in self.blocks:
            x = block(x, self.cosines[:length], self.sines[:length])
        known = targets >= 0
        query = F.normalize(self.norm(x)[known], dim=-1) * self.log_scale.exp()
        targets = targets[known]
        negatives = torch.randint(len(self.items), (NEGATIVES,))
        others = query @ F.embedding(negatives, self.items).T
        others = others.masked_fill(negatives == targets[:, None], -torch.inf)
        own = (query * F.embedding(targets, self.items)).sum(-1, keepdim=True)
        return F.cross_entropy(torch.cat([own, others], 1), torch.zeros(len(own), dtype=torch.long), reduction="sum")


def read(path):
    lines = [line.split()[1:] for line in open(path)]
    ids = {item: place for place, item in enumerate(sorted({item for line in lines for item in line}))}
    return [[ids[item] for item in line[:-2]] for line in lines], len(ids)


def batches(sequences):
    """Windows of at most MAX_LEN, sorted by length in stretches, about BATCH_EVENTS events a batch."""
    windows = []
    for items in sequences:
        inputs = [-1, *items[:-1]]
        windows += [(inputs[at : at + MAX_LEN], items[at : at + MAX_LEN]) for at in range(0, len(items), MAX_LEN)]
    random.shuffle(windows)
    windows = [w for at in range(0, len(windows), STRETCH) for w in sorted(windows[at : at + STRETCH], key=lambda w: len(w[0]))]
    found, batch, events = [], [], 0
    for window in windows:
        batch.append(window)
        events += len(window[0])
        if events >= BATCH_EVENTS:
            found.append(batch)
            batch, events = [], 0
    random.shuffle(found)
    return found


def main():
    sequences, items = read(sys.argv[1])
    random.seed(1)
    torch.manual_seed(1)
    model = Encoder(items)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, eps=1e-8, weight_decay=0.01, fused=True)
    for epoch in range(int(sys.argv[2])):
        start, examples, total = time.perf_counter(), 0, 0.0
        for batch in batches(sequences):
            length = max(len(inputs) for inputs, _ in batch)
            padded = lambda place, fill: torch.tensor([w[place] + [fill] * (length - len(w[place])) for w in batch])
            targets = padded(1, -1)
            count = int((targets >= 0).sum())
            loss = model.loss(padded(0, 0), targets)
            optimizer.zero_grad()
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            examples += count
            total += loss.item()
        seconds = time.perf_counter() - start
        print(json.dumps({"epoch": epoch + 1, "examples": examples, "examples_per_second": examples / seconds, "loss": total / examples}), flush=True)


main()
