#include <cstddef>
#include <span>
#include <utility>

#include "analysis/reduction/distilledtables.h"
#include "analysis/tensors/replacedfiles.h"
#include "analysis/tensors/torchwriter.h"

namespace analysis {

namespace {

template <typename Number>
TorchTensor tensor(const std::string& name, DataType type, std::vector<std::int64_t> shape,
                   const std::vector<Number>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {name, type, std::move(shape), {bytes.begin(), bytes.end()}};
}

}  // namespace

void writeDistilledTorch(const Distilled& distilled, const std::filesystem::path& path) {
  std::vector<TorchTensor> tensors;
  for (const auto& bank : distilled.banks) {
    const DistilledTables t = tablesOf(bank);
    const std::string at = bank.path + ".";
    for (const auto& [name, table] :
         {std::pair{"poles", &t.poles}, std::pair{"residues", &t.residues}, std::pair{"log_poles", &t.logPoles}})
      tensors.push_back(tensor(at + name, DataType::f64, {t.channels, t.width, 2}, *table));
    for (const auto& [name, column] : {std::pair{"feedthrough", &t.feedthrough}, std::pair{"skip", &t.skip},
                                       std::pair{"error", &t.error}, std::pair{"certificate", &t.certificate}})
      tensors.push_back(tensor(at + name, DataType::f64, {t.channels}, *column));
    tensors.push_back(tensor(at + "order", DataType::i32, {t.channels}, t.order));
  }
  ReplacedFiles files;
  files.write(path, [&](std::ostream& out) { writeTorchTensors(out, "archive", tensors, distilled.metadata); });
  files.commit();
}

}  // namespace analysis
