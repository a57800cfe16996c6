// A distilled checkpoint: one state-space model per filter, and the file formats that carry it (commandline.md,
// checkpoints.md section 6). Reading what was written gives the same bits.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/reduction/fit.h"
#include "analysis/reduction/reducer.h"
#include "analysis/task.h"

namespace analysis {

struct DistilledFilter {
  StateSpace model;
  double skip = 0;
  double errorRelative = 0;
  double certificate = 0;  // NaN: not computed
  int poleSet = -1;        // filters of a bank with the same number have the same poles; -1: poles of its own
};

struct DistilledBank {
  std::string path;                                     // Bank::path
  std::vector<std::optional<DistilledFilter>> filters;  // one per channel; empty: keep the original
};

struct Distilled {
  std::vector<DistilledBank> banks;
  std::map<std::string, std::string> metadata;  // format, source_sha256, method, plan ...

  // Real states, summed over filters (a head counts once).
  long long states() const;
};

// What was asked for. Exactly one of order, orders, tolerance, budget is set.
struct DistilRequest {
  std::optional<int> order = {};
  std::vector<int> orders = {};          // one per entry of `filters` (per filter, bank after bank, when that is empty)
  std::optional<double> tolerance = {};  // smallest order whose relative error is at most this; else maxOrder
  std::optional<long long> budget =
      {};  // real states for all asked filters together, see plan.h; at most maxOrder each
  int maxOrder = 64;
  std::vector<FilterId> filters = {};  // empty: all
  int threads = 0;                     // 0: all cores
  Effort effort = Effort::standard;
  std::string method = {};  // another method than the house's (methods/method.h), for comparison; empty: the house's
  // Neighbouring filters of a bank that share one set of poles (joint.h); 0: none. At least a bank's channels: all of
  // it. Needs `order` or `orders`, of which a set takes its largest, and no method or weight.
  int filtersPerPoleSet = 0;
  // What each filter hears, for fits of least output error (inputweight.h); `weightName` tells in the metadata which.
  // Errors and certificates of the result stay those of the filter itself.
  std::function<InputWeight(FilterId)> weight = {};
  std::string weightName = {};

  // An earlier result of the same request, finished or not: the models in it are taken over, not fitted again. Throws
  // Error(input) when its metadata name another checkpoint, plan or method.
  std::shared_ptr<const Distilled> resume = {};
  // Called after each fitted filter, one call at a time, from any thread: to keep what there is when stopped.
  std::function<void(FilterId, const DistilledFilter&)> fitted = {};
};

// What distil() writes into the metadata of its result: with it a partial result can be kept and resumed.
std::map<std::string, std::string> distilMetadata(const Checkpoint&, const DistilRequest&, const Task& = {});

// A model whose recurrence in float32 is further from float64 (recurrence.h) than that, and than 10 % of the model's own
// error, is not handed out.
inline constexpr double largestFloat32Error = 1e-3;

// Fits every asked filter, several at a time, one thread each; the result does not depend on the thread count. The
// metadata also tell the largest float32 recurrence error of the new models and which filter has it ("float32_recurrence"),
// what sharing costs and saves ("sharing"), and what bounds the errors from below ("certificate"). Throws
// Error(numerical) when a method has no result or a model runs badly in float32 (largestFloat32Error).
Distilled distil(const Checkpoint&, const DistilRequest&, const Task& = {});

// The same, keeping what is finished: `kept` is empty or what an earlier call left there, and has every finished model
// after this one, however it ends. Throws Error(input) when it is of another request (see DistilRequest::resume).
Distilled distilKeeping(const Checkpoint&, DistilRequest, Distilled& kept, const Task& = {});

// By extension .safetensors, .h5 or .pt. Written to a temporary file beside the target, then renamed. Throws Error(output).
void writeDistilled(const Distilled&, const std::filesystem::path&);
// Throws Error(input) for a file that is not one of ours.
Distilled readDistilled(const std::filesystem::path&);
// Throws Error(input) unless every bank and channel count fits; returns a warning when the source hash differs.
std::optional<std::string> checkMatches(const Distilled&, const Checkpoint&, const Task& = {});

}  // namespace analysis
