#include "analysis/reduction/distilled.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "analysis/error.h"
#include "analysis/reduction/distilledtables.h"
#include "analysis/tensors/replacedfiles.h"

namespace analysis {

namespace {

bool isHdf5(const std::filesystem::path& path) {
  return path.extension() == ".h5";
}

void requireKnownExtension(const std::filesystem::path& path, ErrorKind kind) {
  if (path.extension() != ".safetensors" && !isHdf5(path) && path.extension() != ".pt") {
    throw Error(kind, path.string(), "its extension is none of .safetensors, .h5 and .pt", "choose one of the three");
  }
}

// Banks in the order of the metadata entry "banks", which keeps the checkpoint's; others after, by name.
void restoreOrder(Distilled& distilled) {
  const auto entry = distilled.metadata.find("banks");
  if (entry == distilled.metadata.end()) return;
  const auto names = nlohmann::json::parse(entry->second, nullptr, false);
  if (!names.is_array()) return;
  const auto place = [&](const DistilledBank& bank) {
    return std::find(names.begin(), names.end(), bank.path) - names.begin();
  };
  std::stable_sort(distilled.banks.begin(), distilled.banks.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

}  // namespace

long long Distilled::states() const {
  long long total = 0;
  for (const auto& bank : banks)
    for (const auto& filter : bank.filters) total += filter ? filter->model.order() : 0;
  return total;
}

void writeDistilled(const Distilled& distilled, const std::filesystem::path& path) {
  requireKnownExtension(path, ErrorKind::output);
  Distilled complete = distilled;
  complete.metadata["format"] = "polecat-statespace";
  complete.metadata["format_version"] = "1";
  complete.metadata["program_version"] = POLECAT_VERSION;
  complete.metadata["convention"] = "h[0]=feedthrough; h[t]=sum R lambda^(t-1)";
  complete.metadata["order_counts"] = "real states";
  nlohmann::json names = nlohmann::json::array();
  for (const auto& bank : distilled.banks) names.push_back(bank.path);
  complete.metadata["banks"] = names.dump();

  ReplacedFiles files;
  const std::filesystem::path part = files.begin(path);
  try {
    if (isHdf5(path)) {
      writeDistilledHdf5(complete, part);
    } else if (path.extension() == ".pt") {
      writeDistilledTorch(complete, part);
    } else {
      writeDistilledSafetensors(complete, part);
    }
  } catch (const Error& error) {  // names the temporary file, which nobody asked for
    if (error.kind() != ErrorKind::output) throw;
    throw Error(ErrorKind::output, path.string(), "could not be written whole, so what was there stays",
                "look at free space and permissions");
  }
  files.commit();
}

Distilled readDistilled(const std::filesystem::path& path) {
  requireKnownExtension(path, ErrorKind::input);
  Distilled distilled = isHdf5(path) ? readDistilledHdf5(path) : readDistilledTensors(path);
  restoreOrder(distilled);
  return distilled;
}

std::optional<std::string> checkMatches(const Distilled& distilled, const Checkpoint& checkpoint, const Task& task) {
  const std::string file = checkpoint.tensors().path().filename().string();
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::input, "Distilled models", problem,
                "distil " + file + " again or open the right checkpoint");
  };
  for (const Bank& bank : checkpoint.banks()) {
    const auto found = std::find_if(distilled.banks.begin(), distilled.banks.end(),
                                    [&](const DistilledBank& other) { return other.path == bank.path; });
    if (found == distilled.banks.end()) refuse(bank.path + " is missing");
    if (static_cast<int>(found->filters.size()) != bank.channels) {
      refuse(bank.path + " has " + std::to_string(found->filters.size()) + " channels where " + file + " has " +
             std::to_string(bank.channels));
    }
  }
  if (distilled.banks.size() != checkpoint.banks().size()) refuse("they have banks that " + file + " lacks");
  const auto hash = distilled.metadata.find("source_sha256");
  if (hash == distilled.metadata.end()) return "The distilled models do not say which checkpoint they were made from.";
  if (hash->second != checkpoint.sha256(task)) {
    return "The distilled models were made from another version of " + file + ": its SHA-256 differs.";
  }
  return {};
}

}  // namespace analysis
