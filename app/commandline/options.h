// Checks and words that several verbs share. Each check answers with what would have been right.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model.h"
#include "engine/workload.h"

namespace commandline {

// The file name ends in one of these.
CLI::Validator extension(std::vector<std::string> allowed);
// A whole number in low..high, both included.
CLI::Validator whole(std::int64_t low, std::int64_t high);
// A finite number in low..high, both included; `above` leaves the lower one out.
CLI::Validator from(double low, double high);
CLI::Validator above(double low, double high);

// --temperature, --top-k, --top-p and --seed, as Workload has them.
void addSampling(CLI::App&, engine::Workload&);

// What --mode may say: "auto" and the names of the engine's mixers.
std::vector<std::string> mixerNames();
// The name of a mixer as one word.
std::string modeName(engine::Mixer);
// What --prefill may say: "auto" and the names of the engine's ways, each as one word; and the way of such a name.
std::vector<std::string> prefillNames();
std::string prefillName(engine::Prefill);
engine::Prefill prefillOf(const std::string& name);
// "auto" is the best mode of the model: attention for a Transformer, modal when distilled, else convolution. Throws
// UsageError for a mode this model cannot run, with those it can.
engine::Mixer mixerOf(const std::string& name, const engine::Model&);
// Whether a kind of device has the mode at all; tiles of MultiHyena are the CPU's. What else stands in the way, the device
// says.
bool runsOn(const std::string& device, const engine::Model&, engine::Mixer);
// Every mode this model can run, the exact original first.
std::vector<engine::Mixer> mixersOf(const engine::Model&);

}  // namespace commandline
