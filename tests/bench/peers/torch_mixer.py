"""The rival of a prompt's modal mixer (bar 15): short filter, gates and the long convolution by rfft and irfft, compiled
around the FFT, one layer of 2,048 channels, bfloat16 in and out. Ours: `chunksKernel` of a prefill.

    python3 torch_mixer.py [SEQUENCESxTOKENS ...]
"""
import statistics
import sys

import torch
import torch.nn.functional as F

CHANNELS, TAPS = 2048, 3


@torch.compile(dynamic=False)
def gate(z, weight, bias, n):
    filtered = bias.float() + sum(weight[k] * F.pad(z.float(), (0, 0, k, 0))[:, :z.shape[1]] for k in range(TAPS))
    x0, x1, v = filtered.chunk(3, -1)
    return x0.to(z.dtype), F.pad((x1 * v).permute(2, 0, 1), (0, n - z.shape[1]))


@torch.compile(dynamic=False)
def finish(x0, convolved, u, skip):
    tokens = x0.shape[1]
    y = convolved[..., :tokens] + skip[:, None, None] * u[..., :tokens]
    return (x0.float() * y.permute(1, 2, 0)).to(x0.dtype)


def main():
    torch._dynamo.config.recompile_limit = 64
    for size in sys.argv[1:] or ["8x2048", "1x32768", "16x512"]:
        sequences, tokens = map(int, size.split("x"))
        n = 2 * tokens
        z = torch.randn(sequences, tokens, 3 * CHANNELS, device="cuda", dtype=torch.bfloat16)
        weight, bias = torch.randn(TAPS, 3 * CHANNELS, device="cuda"), torch.randn(3 * CHANNELS, device="cuda")
        spectrum = torch.fft.rfft(torch.randn(CHANNELS, tokens, device="cuda"), n=n)
        skip = torch.randn(CHANNELS, device="cuda")

        def mix():
            x0, u = gate(z, weight, bias, n)
            return finish(x0, torch.fft.irfft(torch.fft.rfft(u).mul_(spectrum[:, None]), n=n), u, skip)

        times = []
        for i in range(16):
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            for _ in range(4):
                mix()
            end.record()
            torch.cuda.synchronize()
            if i >= 3:
                times.append(start.elapsed_time(end) / 4)
        print(f"{sequences} x {tokens}: {1e3 * statistics.median(times):.0f} us a layer", flush=True)


if __name__ == "__main__":
    main()
