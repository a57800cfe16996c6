"""The rival of bench_products: the four products of a block of 1.3b by PyTorch, 24 blocks of distinct weights in a CUDA
graph, bfloat16 in and out ("bare"), and with bias, GELU and a float32 residual stream through torch.compile.

    python3 torch_products.py [ROWS ...]
"""
import statistics
import sys

import torch
import torch.nn.functional as F

LAYERS, WIDTH, INNER, REPEATS = 24, 2048, 8192, 33
SHAPES = {"in": (WIDTH, 3 * WIDTH, "store"), "out": (WIDTH, WIDTH, "add"), "mlp in": (WIDTH, INNER, "gelu"),
          "mlp out": (INNER, WIDTH, "add")}


def uniform(*shape, scale):
    return (torch.rand(*shape, device="cuda") - 0.5).mul_(scale).bfloat16()


@torch.compile(dynamic=False)
def finish(x, weight, bias, kind, to):
    if kind == "add":
        to.add_(F.linear(x, weight, bias).float())
    elif kind == "gelu":
        to.copy_(F.gelu(F.linear(x, weight, bias), approximate="tanh"))
    else:
        to.copy_(F.linear(x, weight, bias))


def microseconds(work):
    """Of a layer: median over replays of a graph of all layers."""
    work(0)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for layer in range(LAYERS):
            work(layer)
    times = []
    for i in range(REPEATS + 3):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        if i >= 3:
            times.append(start.elapsed_time(end))
    return 1e3 * statistics.median(times) / LAYERS


def main():
    torch._dynamo.config.recompile_limit = 64  # beyond it PyTorch goes on without compiling
    weights = {name: uniform(LAYERS, outputs, inputs, scale=0.07) for name, (inputs, outputs, _) in SHAPES.items()}
    for rows in [int(a) for a in sys.argv[1:]] or [512, 1024, 2048]:
        x = {inputs: uniform(rows, inputs, scale=3.4) for inputs in (WIDTH, INNER)}
        for bare in (True, False):
            def product(name, layer):
                inputs, outputs, kind = SHAPES[name]
                weight = weights[name][layer]
                if bare:
                    torch.mm(x[inputs], weight.t(), out=to[name])
                else:
                    finish(x[inputs], weight, bias[name], kind, to[name])

            to = {name: torch.zeros(rows, outputs, device="cuda",
                                    dtype=torch.float32 if kind == "add" and not bare else torch.bfloat16)
                  for name, (_, outputs, kind) in SHAPES.items()}
            bias = {name: torch.zeros(outputs, device="cuda", dtype=torch.bfloat16)
                    for name, (_, outputs, _) in SHAPES.items()}
            print(f"{rows:5} rows, {'bare' if bare else 'as in a model'}:" +
                  "".join(f"  {name} {microseconds(lambda layer: product(name, layer)):.1f}" for name in SHAPES) +
                  f"  a block {microseconds(lambda layer: [product(name, layer) for name in SHAPES]):.1f} us", flush=True)


if __name__ == "__main__":
    main()
