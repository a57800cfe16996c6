#!/usr/bin/env python3
"""The same Transformer in PyTorch on the CPU: decode and prefill of random weights, for bench_decode's comparison.

Pre-norm blocks (LayerNorm, QKV with bias, scaled_dot_product_attention over a preallocated cache, tanh GELU MLP four
times as wide), tied head, greedy: argmax and embedding look-up included, no tokenizer. Medians per decoded token.

  torch_transformer.py SHAPE CONTEXT [--dtype float32|bfloat16] [--compile] [--tokens N]      SHAPE: 125m or 7m
"""
import argparse
import statistics
import time

import torch
import torch.nn.functional as F

SHAPES = {"125m": (12, 768, 12, 50304), "7m": (8, 256, 4, 256)}


class Block(torch.nn.Module):
    def __init__(self, width, heads, capacity, dtype):
        super().__init__()
        self.heads, self.width = heads, width
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)
        shape = (1, heads, capacity, width // heads)
        self.register_buffer("keys", torch.zeros(shape, dtype=dtype))
        self.register_buffer("values", torch.zeros(shape, dtype=dtype))

    def forward(self, x, position: int):
        tokens = x.shape[1]
        q, k, v = self.qkv(self.norm1(x)).view(1, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        self.keys[:, :, position:position + tokens] = k
        self.values[:, :, position:position + tokens] = v
        seen = position + tokens
        y = F.scaled_dot_product_attention(q, self.keys[:, :, :seen], self.values[:, :, :seen], is_causal=tokens > 1)
        x = x + self.out(y.transpose(1, 2).reshape(1, tokens, self.width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(torch.nn.Module):
    def __init__(self, shape, capacity, dtype):
        super().__init__()
        layers, width, heads, vocabulary = shape
        self.embedding = torch.nn.Embedding(vocabulary, width)
        self.blocks = torch.nn.ModuleList(Block(width, heads, capacity, dtype) for _ in range(layers))
        self.norm = torch.nn.LayerNorm(width)

    def forward(self, ids, position: int):
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, position)
        return F.linear(self.norm(x[:, -1:]), self.embedding.weight).argmax(-1)


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("context", type=int)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--tokens", type=int, default=40)
    options = parser.parse_args()
    dtype = getattr(torch, options.dtype)
    torch.manual_seed(1)
    model = Gpt(SHAPES[options.shape], options.context + options.tokens + 4, dtype).to(dtype).eval()
    step = torch.compile(model, dynamic=True) if options.compile else model
    ids = torch.randint(0, SHAPES[options.shape][3], (1, options.context))
    prefills = []
    for _ in range(4 if options.context <= 2048 else 2):  # the first warms up, or compiles
        begun = time.perf_counter()
        token = step(ids, 0)
        prefills.append(time.perf_counter() - begun)
    prefill = statistics.median(prefills[1:])
    seconds = []
    for position in range(options.context, options.context + options.tokens):
        begun = time.perf_counter()
        token = step(token, position)
        seconds.append(time.perf_counter() - begun)
    warm = sorted(seconds[options.tokens // 4:])  # the first ones warm up, or compile
    print(f"torch {torch.__version__} {options.shape} {options.dtype} {'compiled' if options.compile else 'eager'} "
          f"threads {torch.get_num_threads()} context {options.context}: {1 / statistics.median(warm):.1f} tokens/s, "
          f"{1e6 * statistics.median(warm):.0f} us, p99 {1e6 * warm[int(0.99 * len(warm))]:.0f} us, prefill {1e3 * prefill:.0f} ms")


main()
