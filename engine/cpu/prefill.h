// Which way of reading a prompt is the cheapest on the CPU: by costs measured with bench_prefill
// (tests/bench/RESULTS.md, "Prefill on the CPU"), so that the same request always runs the same way.
#pragma once

#include "engine/shape.h"
#include "engine/workload.h"

namespace engine::cpu {

// fft or toeplitz for one channel's prompt of so many tokens and outputs; a request other than automatic is kept.
Prefill convolutionWay(Prefill asked, int outputs, int tokens);

// scan, chunkedModal or stateFree for the recurrences of a model, all layers alike; a request other than automatic is
// kept.
Prefill recurrenceWay(const Shape&, const Workload&);

// Modelled nanoseconds of one thread per channel; `statesPerChannel` with the padding of groups.
double prefillNanoseconds(Prefill way, Mixer, double statesPerChannel, int outputs, int tokens);

}  // namespace engine::cpu
