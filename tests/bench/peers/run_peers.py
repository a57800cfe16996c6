#!/usr/bin/env python3
"""Other people's reduction tools on exactly the filters of bench_methods, one table beside Polecat's own results.

  bench_methods --export FOLDER            (once; writes the filters and Polecat's results)
  python3 run_peers.py FOLDER [--filters 7] [--repeats 3] [--seconds 60] [--give-up 2] [--reuse]

Every tool gets the taps h[1..] (or their samples on the unit circle) and an order; its poles are reflected into the unit
disc where necessary, residues are refitted by least squares, h[0] is exact: what is compared is poles, as in
bench_methods. "own" is the error of the tool's own model, where it has one. One thread; repeats interleaved by filter.
Times are processor time, so other work on the machine hardly changes them. What was measured is kept in FOLDER after
every order: --reuse does not measure it again, for an export made anew.
"""
import argparse
import importlib
import json
import multiprocessing
import os
import pathlib
import resource
import signal
import time
import warnings

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  (after the thread count)


class Refused(Exception):
    """The tool runs but does not give what is asked for."""


# ---------------------------------------------------------------- measuring
def stabilised(poles):
    """Reflect radii above 1, keep them within [exp(-7), exp(-1e-9)]: as Polecat does."""
    poles = np.asarray(poles, complex)
    p = np.log(np.maximum(abs(poles), 1e-15))
    p = np.clip(np.where(p > 0, -p, p), -7, -1e-9)
    return np.exp(p) * np.exp(1j * np.angle(poles))


def refitted_error(h, poles):
    """Relative l2 error of the best residues for these poles."""
    z = stabilised(poles)
    z = np.concatenate([z[z.imag > 1e-9 * abs(z)], z[abs(z.imag) <= 1e-9 * abs(z)].real])
    n = np.arange(len(h) - 1)
    table = z[None] ** n[:, None]
    basis = np.concatenate([table.real, table.imag[:, z.imag != 0]], 1)
    scale = np.linalg.norm(basis, axis=0)
    basis = basis / np.where(scale > 0, scale, 1)
    c = np.linalg.lstsq(basis, h[1:], rcond=1e-14)[0]
    return float(np.linalg.norm(h[1:] - basis @ c) / np.linalg.norm(h))


def own_error(h, model):
    """Relative l2 error of (A, B, C) as it is."""
    A, B, C = model
    x, y = np.asarray(B, float).ravel(), np.zeros(len(h) - 1)
    C = np.asarray(C, float).ravel()
    with np.errstate(all="ignore"):
        for n in range(len(y)):
            y[n] = C @ x
            x = A @ x
        error = np.linalg.norm(h[1:] - y) / np.linalg.norm(h)
    return float(error) if np.isfinite(error) else float("inf")


# ---------------------------------------------------------------- inputs
def circle(h, size=2048):
    """z and G(z) = sum_{t>=1} h[t] z^-t on an FFT grid."""
    z = np.exp(2j * np.pi * np.arange(size) / size)
    return z, np.fft.fft(h[1:], size) / z


def shift_register(h):
    """The filter as a state-space model with one state per tap."""
    n = len(h) - 1
    B = np.zeros((n, 1))
    B[0] = 1
    return np.diag(np.ones(n - 1), -1), B, h[None, 1:].copy()


# ---------------------------------------------------------------- peers: (h, order) -> poles, (A, B, C) or None
def pymor_era(h, d, force_stability=True):
    from pymor.reductors.era import ERAReductor
    rom = ERAReductor(h[1:], sampling_time=1, force_stability=force_stability).reduce(d)
    A, B, C = rom.to_matrices()[:3]
    return np.linalg.eigvals(A), (A, B, C)


def pymor_model(h):
    from pymor.models.iosys import LTIModel
    return LTIModel.from_matrices(*shift_register(h), sampling_time=1)


def pymor_lti(reductor):
    def peer(h, d):
        rom = reductor(pymor_model(h)).reduce(d)
        A, B, C = rom.to_matrices()[:3]
        return np.linalg.eigvals(A), (A, B, C)
    return peer


def pymor_bt(h, d):
    from pymor.reductors.bt import BTReductor
    return pymor_lti(BTReductor)(h, d)


def pymor_irka(h, d):
    from pymor.reductors.h2 import IRKAReductor
    return pymor_lti(IRKAReductor)(h, d)


def pymor_tf_irka(h, d):
    from pymor.reductors.h2 import TFIRKAReductor
    rom = TFIRKAReductor(pymor_model(h).transfer_function).reduce(d)
    return rom.poles(), None


def pymor_mt(h, d):
    from pymor.reductors.mt import MTReductor
    return pymor_lti(MTReductor)(h, d)


def pymor_loewner(h, d):
    from pymor.reductors.loewner import LoewnerReductor
    z, value = circle(h)
    half = slice(1, len(z) // 2)
    rom = LoewnerReductor(z[half], value[half]).reduce(r=d)
    A, B, C, _, E = rom.to_matrices()[:5]
    import scipy.linalg
    return scipy.linalg.eigvals(A, E), None


def pymor_p_aaa(h, d):
    from pymor.reductors.aaa import PAAAReductor
    z, value = circle(h)
    rom = PAAAReductor([z[1:len(z) // 2:4]], value[1:len(z) // 2:4]).reduce(max_itpl=[d // 2 + 1])
    if not hasattr(rom, "poles"):
        raise Refused("returns a transfer function without poles or states")
    return rom.poles(), None


def control_era(h, d, half=False):
    import control
    size = (len(h) - 2) // 2 if half else None
    model, _ = control.eigensys_realization(h.reshape(1, 1, -1), d, m=size, n=size, dt=True)
    return model.poles(), (model.A, model.B, model.C)


def control_era_half(h, d):
    return control_era(h, d, True)


def control_balred(h, d):
    import control
    A, B, C = shift_register(h)
    model = control.balanced_reduction(control.ss(A, B, C, [[0.0]], True), d)
    return model.poles(), (model.A, model.B, model.C)


def slycot_ab09ad(h, d):
    import slycot
    A, B, C = shift_register(h)
    _, Ar, Br, Cr, _ = slycot.ab09ad("D", "B", "N", len(h) - 1, 1, 1, A, B, C, nr=d)
    return np.linalg.eigvals(Ar), (Ar, Br, Cr)


def scipy_aaa(h, d):
    from scipy.interpolate import AAA
    return AAA(*circle(h), max_terms=d + 1).poles(), None


def baryrat_aaa(h, d):
    import baryrat
    return baryrat.aaa(*circle(h), mmax=d + 1).poles(), None


def skrf_vector_fitting(h, d):
    """Continuous time, so through the bilinear map s = 2 (z - 1)/(z + 1)."""
    import skrf
    from skrf.vectorFitting import VectorFitting
    z, value = circle(h)
    keep = slice(1, len(z) // 2)
    omega = 2 * np.tan(np.angle(z[keep]) / 2)
    network = skrf.Network(frequency=skrf.Frequency.from_f(omega / (2 * np.pi), unit="Hz"), s=value[keep, None, None])
    fit = VectorFitting(network)
    fit.vector_fit(n_poles_real=d % 2, n_poles_cmplx=d // 2, init_pole_spacing="log", fit_constant=True)
    s = np.concatenate([fit.poles, fit.poles[fit.poles.imag != 0].conj()])
    return (2 + s) / (2 - s), None


PEERS = {
    "pymor ERA": pymor_era, "pymor ERA unforced": lambda h, d: pymor_era(h, d, False), "pymor BT": pymor_bt,
    "pymor Loewner": pymor_loewner, "pymor p-AAA": pymor_p_aaa, "pymor MT": pymor_mt, "pymor IRKA": pymor_irka,
    "pymor TF-IRKA": pymor_tf_irka, "control ERA": control_era, "control ERA half": control_era_half,
    "control balred": control_balred, "slycot ab09ad": slycot_ab09ad, "scipy AAA": scipy_aaa,
    "baryrat AAA": baryrat_aaa, "scikit-rf VF": skrf_vector_fitting,
}


MODULES = ("scipy.linalg", "scipy.interpolate", "pymor.reductors.era", "pymor.reductors.bt", "pymor.reductors.h2",
           "pymor.reductors.mt", "pymor.reductors.loewner", "pymor.reductors.aaa", "pymor.models.iosys", "control",
           "slycot", "baryrat", "skrf", "skrf.vectorFitting")  # imported before any clock runs
MEMORY = 12 << 30  # bytes that one tool may take


def timed(peer, h, d, repeats):
    """Median milliseconds and result; raises what the peer raises. A hopeless first run is not repeated."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = peer(h, d)
        times.append((time.process_time() - start) * 1e3)
        if times[0] > 2000:
            break
    return float(np.median(times)), result


def measured(peer, h, d, repeats):
    try:
        milliseconds, (poles, model) = timed(peer, h, d, repeats)
        signal.setitimer(signal.ITIMER_PROF, 0)
        poles = np.asarray(poles)
        poles = poles[np.isfinite(poles)]
        if len(poles) == 0:
            raise Refused("returned no finite pole")
        if len(poles) > d + 1:
            raise Refused(f"returned {len(poles)} poles for order {d}")
        return {"error": refitted_error(h, poles), "own": own_error(h, model) if model else None,
                "milliseconds": milliseconds, "radius": float(abs(poles).max()), "refused": ""}
    except Exception as error:  # whatever a tool throws is its answer
        lines = str(error).strip().splitlines()
        return {"refused": f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:160]}


def measure(peer, h, d, repeats, seconds):
    """In a process of its own that ends after `seconds` of processor time: compiled code hears no Python signal."""
    receiver, sender = multiprocessing.Pipe(False)

    def child():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        sender.send(measured(peer, h, d, repeats))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    sender.close()
    try:
        row = receiver.recv()
        process.join()
    except EOFError:
        process.join()
        late = process.exitcode == -signal.SIGPROF
        row = {"refused": f"TooSlow: no answer in {seconds} s" if late else f"ended with code {process.exitcode}"}
    return row


# ---------------------------------------------------------------- tables
def cell(rows, house):
    """Ratio to the house (largest), own model's ratio, ms, unstable, refused."""
    good = [(r, e) for r, e in zip(rows, house) if not r["refused"] and e > 1e-7]
    refused = sum(bool(r["refused"]) for r in rows)
    if not good:
        return f"{'-':>8}{'':>26}{refused:3d}"
    ratio = np.array([max(r["error"], 1e-16) / e for r, e in good])
    own = [r["own"] / e for r, e in good if r.get("own") is not None]
    own_text = f"{np.exp(np.mean(np.log(np.minimum(own, 1e9)))):8.3g}" if own else f"{'':>8}"
    unstable = sum(r["radius"] >= 1 for r, _ in good)
    milliseconds = np.median([r["milliseconds"] for r, _ in good])
    return f"{np.exp(np.mean(np.log(ratio))):8.3f}{own_text}{milliseconds:12.2f}{unstable:6d}{refused:3d}"


def print_bars(rows, peers, filters, orders):
    """The two bars of a peer: least error over the house's final curve, and least time over one fit from nothing."""
    print(f"\n{'':20}{'error / house':>14} {'at':<18}{'/ standard':>11} {'at':<18}{'ms / standard':>14} {'at':<18}")
    for name in peers:
        line = f"{name:<20}"
        for house, key, width in (("house", "error", 14), ("house standard", "error", 11),
                                  ("house standard", "milliseconds", 14)):
            ratios = []
            for entry in filters:
                for d in orders:
                    own, row = rows[entry["name"], d, house], rows[entry["name"], d, name]
                    if not row["refused"] and rows[entry["name"], d, "house"]["error"] > 1e-7:
                        ratios.append((row[key] / own[key], f"{entry['name']} {d}"))
            least, at = min(ratios, default=(float("nan"), "-"))
            line += f"{least:{width}.4g} {at:<18}"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--filters", type=int, default=7, help="the first so many of the export (default 7)")
    parser.add_argument("--orders", help="comma list; default: those of the export")
    parser.add_argument("--peers", help="comma list of name parts; default: all")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60, help="limit of one tool, filter and order")
    parser.add_argument("--give-up", type=int, default=2, help="a tool too slow so many times is not asked again")
    parser.add_argument("--reuse", action="store_true", help="what FOLDER/peers.json holds is not measured again")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"not installed: {module} ({error})")
    try:
        from pymor.core.logger import set_log_levels
        set_log_levels({"pymor": "ERROR"})
    except ImportError:
        pass
    export = json.loads((arguments.folder / "results.json").read_text())
    filters = export["filters"][:arguments.filters]
    orders = [int(x) for x in arguments.orders.split(",")] if arguments.orders else export["orders"]
    peers = {name: peer for name, peer in PEERS.items()
             if not arguments.peers or any(part in name for part in arguments.peers.split(","))}
    rows = {(r["filter"], r["order"], r["method"]): r for r in export["results"]}
    late = dict.fromkeys(peers, 0)
    kept = arguments.folder / "peers.json"
    if arguments.reuse and kept.exists():
        rows |= {(r["filter"], r["order"], r["method"]): r for r in json.loads(kept.read_text())}
    for entry in filters:
        h = np.load(arguments.folder / entry["file"])
        for d in orders:
            for name, peer in peers.items():
                if (entry["name"], d, name) in rows:
                    continue
                if late[name] >= arguments.give_up:
                    rows[entry["name"], d, name] = {"refused": f"not asked again: {late[name]} times too slow"}
                    continue
                row = rows[entry["name"], d, name] = measure(peer, h, d, arguments.repeats, arguments.seconds)
                late[name] += row["refused"].startswith("TooSlow")
            kept.write_text(json.dumps([
                dict(filter=f, order=d, method=m, **{k: v for k, v in r.items() if k not in ("filter", "order", "method")})
                for (f, d, m), r in rows.items() if m in PEERS], indent=1))
        print(entry["name"], flush=True)

    own = list(dict.fromkeys(r["method"] for r in export["results"]))
    print(f"\n{len(filters)} filters of {len(h)} taps, one thread. Per order: error / house error (geometric mean), "
          "the tool's own model, ms, unstable, refused")
    print(f"{'':22}" + "".join(f"d = {d:<34d}" for d in orders))
    for name in own + list(peers):
        if name == "adam-best-of-5":
            continue
        cells = []
        for d in orders:
            mine = [rows.get((e["name"], d, name)) for e in filters]
            pairs = [(r, rows[e["name"], d, "house"]["error"]) for r, e in zip(mine, filters) if r is not None]
            cells.append(cell([r for r, _ in pairs], [e for _, e in pairs]) if pairs else f"{'':37}")
        print(f"{name:<20}" + " ".join(cells))
    print_bars(rows, peers, filters, orders)
    reasons = {}
    for (_, _, name), r in rows.items():
        if name in peers and r["refused"]:
            reasons.setdefault((name, r["refused"]), []).append(1)
    for (name, reason), count in reasons.items():
        print(f"refused: {name} ({len(count)} times): {reason}")


if __name__ == "__main__":
    main()
