#!/usr/bin/env python3
"""PyTorch and h5py as judges of what is written here. Needs torch (1.13 or newer), h5py and numpy; CI needs none.

usage: torch_formats.py fixtures FOLDER     writes the small files of tests/data/torch
       torch_formats.py check POLECAT DIR   exports the bundled sample and a StripedHyena-like model with the program
                                            POLECAT into DIR, loads every export, and compares values and bytes
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

POLES = [0.5, 0.25, -0.75, 0, 0.125, -0.5, 0.875, 0, 0.5, 0.5, -0.25, 0.625]
RESIDUES = [1, -2, 0.5, 0, 3, 0.25, -1, 0, 0.75, 1.5, -0.5, 2]


def block(values):
    """[channels, modes, 1, 2] as StripedHyena stores it."""
    return torch.tensor(values, dtype=torch.float32).reshape(3, 2, 1, 2)


def fixtures(folder):
    folder.mkdir(parents=True, exist_ok=True)
    pairs = torch.view_as_complex(block(POLES))[:, :, 0].T.contiguous()
    torch.save(pairs, folder / "approx_poles_3.pt")
    weight = torch.arange(6, dtype=torch.float32)
    torch.save(
        {
            "f16": torch.tensor([0.5, -2, 65504], dtype=torch.float16),
            "bf16": torch.tensor([0.5, -2, 3.3895313892515355e38], dtype=torch.bfloat16),
            "complex": torch.tensor([1 - 2j, 3 + 4j]),
            "transposed": weight.reshape(2, 3).T,
            "i16": torch.tensor([-3, 300], dtype=torch.int16),
            "weight": weight,
            "tied": weight,
        },
        folder / "types.pt",
    )
    official(folder)


def official(folder):
    """Kernels by the formulas of the published modules, on float32 parameters in float64; saved beside these."""
    torch.manual_seed(7)
    channels, modes, length = 2, 3, 32
    time = torch.arange(length, dtype=torch.float64)

    # state-spaces/s4, s4d.py, S4DKernel.forward
    p = {
        "s4.kernel.C": torch.randn(channels, modes, 2),
        "s4.kernel.log_dt": torch.randn(channels) * 0.5,
        "s4.kernel.log_A_real": torch.randn(channels, modes) * 0.3,
        "s4.kernel.A_imag": torch.randn(channels, modes),
        "s4.D": torch.randn(channels),
    }
    d = {name.split(".")[-1]: value.double() for name, value in p.items()}
    dt, c = torch.exp(d["log_dt"]), torch.view_as_complex(d["C"])
    a = -torch.exp(d["log_A_real"]) + 1j * d["A_imag"]
    dta = a * dt.unsqueeze(-1)
    c = c * (torch.exp(dta) - 1.0) / a
    k = 2 * torch.einsum("hn, hnl -> hl", c, torch.exp(dta.unsqueeze(-1) * time)).real
    torch.save(p | {"kernel": k}, folder / "official_s4d.pt")

    # togethercomputer/stripedhyena, engine.py and model.py, compute_filter
    p = {
        "blocks.0.filter.poles": torch.randn(channels, modes, 1, 2) * 0.4,
        "blocks.0.filter.residues": torch.randn(channels, modes, 1, 2),
        "blocks.0.filter.D": torch.randn(channels),
    }
    poles, residues = (torch.view_as_complex(p[f"blocks.0.filter.{x}"].double()) for x in ("poles", "residues"))
    k = (residues * (poles.log() * time).exp()).real.sum(1)
    torch.save(p | {"kernel": k}, folder / "official_stripedhyena.pt")

    # ruke1ire/RTF, rtf.py: shared denominator, kernel of an even length by the transform
    p = {"ab": torch.tensor([[-1.25, 0.5], [0.5, -0.25], [1.0, 2.0]]), "h_0": torch.tensor([0.5, -1.0])}
    ab = p["ab"].double()
    a, b = torch.nn.functional.pad(ab[:1], (1, 0), value=1), torch.nn.functional.pad(ab[1:], (1, 0))
    n = 512  # truncation length: the kernel repeats with it
    k = torch.fft.irfft(torch.fft.rfft(b, n=n) / torch.fft.rfft(a, n=n) + p["h_0"].double()[:, None], n=n)
    torch.save(p | {"kernel": k[:, :length].clone()}, folder / "official_rtf.pt")


def load(path):
    return torch.load(path, weights_only=True)


def run(*words):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)


def response(poles, residues, length):
    """h[t] = Re sum r p^t, as load_poles_residues' model evaluates it; [length, channels]."""
    powers = poles.to(torch.complex128)[None] ** torch.arange(length)[:, None, None]
    return (residues.to(torch.complex128)[None] * powers).sum(1).real


def check(polecat, folder):
    import h5py

    folder.mkdir(parents=True, exist_ok=True)
    sample = Path(__file__).parents[3] / "resources/sample/novels-hyena-1m.ckpt"

    # One plan in three formats: the same numbers, bit for bit.
    for ending in ("safetensors", "h5", "pt"):
        run(polecat, "distill", sample, "--order", 8, "--effort", "quick", "--filters", "0.*", "-o", folder / f"d.{ending}")
    from_torch = load(folder / "d.pt")
    tables = from_torch["state_dict"]
    with open(folder / "d.safetensors", "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        buffer = file.read()
    types = {"F64": np.float64, "I32": np.int32}
    compared = 0
    with h5py.File(folder / "d.h5") as h5:
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            values = np.frombuffer(buffer[begin:end], types[entry["dtype"]]).reshape(entry["shape"])
            assert tables[name].numpy().tobytes() == values.tobytes(), name
            path, table = name.rsplit(".", 1)
            assert h5[f"models/{path}/{table}"][()].tobytes() == values.tobytes(), name
            compared += values.size
        for key, value in header["__metadata__"].items():
            assert from_torch[key] == value and h5.attrs[key] in (value, value.encode()), key
    print(f"safetensors = torch = HDF5: {len(header) - 1} tensors, {compared} values, bit for bit")

    # Pairs of a model that has them already, and of fitted ones.
    striped = {
        "blocks.0.pre_norm.scale": torch.ones(1),  # of attention
        "blocks.1.pre_norm.scale": torch.ones(1),
        "blocks.2.filter.poles": block(POLES),
        "blocks.2.filter.residues": block(RESIDUES),
        "blocks.2.filter.D": torch.tensor([0.5, -1, 2]),
    }
    torch.save(striped, folder / "striped.pt")
    run(polecat, "distill", folder / "striped.pt", "--set", "filter length=512", "--order", 4, "--filters", "2.0",
        "-o", folder / "pairs")
    poles, residues, skip = (load(folder / "pairs" / f"approx_{what}_3.pt") for what in ("poles", "residues", "D"))
    assert poles.dtype == residues.dtype == torch.complex64 and skip.dtype == torch.float32 and poles.is_contiguous()
    own = torch.view_as_complex(block(POLES))[:, :, 0].T, torch.view_as_complex(block(RESIDUES))[:, :, 0].T
    assert torch.equal(poles[:2, 1:], own[0][:, 1:]) and torch.equal(residues[:2, 1:], own[1][:, 1:])
    wanted = response(*own, 64)
    found = response(poles, residues, 64)
    wanted[0] += striped["blocks.2.filter.D"]
    found[0] += skip
    error = (found - wanted).norm(dim=0) / wanted.norm(dim=0)
    print("pairs: relative l2 of the responses", [f"{e:.1e}" for e in error])
    assert error.max() < 1e-5
    torch.save(poles.contiguous(), folder / "approx_poles_3.pt")
    again = load(folder / "approx_poles_3.pt")
    assert torch.equal(again, poles)

    # Taps as NumPy reads them.
    run(polecat, "inspect", sample, "--bank", "model.backbone.layers.0.mixer.short_filter.weight", "--axes", "c,0,t",
        "--taps", folder / "taps.npy")
    taps = np.load(folder / "taps.npy")
    weight = torch.load(sample)["state_dict"]["model.backbone.layers.0.mixer.short_filter.weight"]
    assert taps.dtype == np.float32 and np.array_equal(taps, weight[:, 0].numpy())
    print(f"taps.npy: {taps.shape}, equal")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "fixtures":
        fixtures(Path(sys.argv[2]))
    elif len(sys.argv) == 4 and sys.argv[1] == "check":
        check(Path(sys.argv[2]).resolve(), Path(sys.argv[3]))
    else:
        sys.exit(__doc__)
