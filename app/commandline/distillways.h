// How 'polecat distill' fits: by which method, with which poles in common, for which input.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "analysis/reduction/distilled.h"
#include "app/commandline/source.h"

namespace CLI {
class App;
}

namespace commandline {

struct WayOptions {
  std::string method, share, weight;  // as they were typed; empty: not said
  std::filesystem::path weightText;

  bool said() const { return !(method + share + weight + weightText.string()).empty(); }
};

// Declares --method, --share, --weight and --weight-text.
void addWayOptions(CLI::App&, WayOptions&);
// Throws UsageError for words that mean nothing. A text to weigh by is run through the model, `windows` of it (0: all);
// the checkpoint must outlive the request.
void apply(const WayOptions&, const CheckpointOptions&, int windows, const analysis::Checkpoint&,
           analysis::DistilRequest&, std::stop_token);

}  // namespace commandline
