#include "app/commandline/tapsfile.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "analysis/error.h"
#include "analysis/tensors/npywriter.h"
#include "app/commandline/outputfile.h"

namespace commandline {
namespace {

int lengthOf(const analysis::Bank& bank, int lengthSamples) {
  return lengthSamples == 0 ? bank.lengthSamples : std::min(lengthSamples, bank.lengthSamples);
}

// The JSON header: data follow in the order of the names.
std::string headerFor(const analysis::Checkpoint& checkpoint, const std::map<std::string, int>& banksByName,
                      int lengthSamples) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "polecat-taps"},
                            {"program_version", POLECAT_VERSION},
                            {"source_file", checkpoint.tensors().path().filename().string()},
                            {"family", checkpoint.report().family}};
  std::uint64_t begin = 0;
  for (const auto& [name, index] : banksByName) {
    const analysis::Bank& bank = checkpoint.banks()[index];
    const int length = lengthOf(bank, lengthSamples);
    const std::uint64_t end = begin + std::uint64_t(bank.channels) * std::uint64_t(length) * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", {bank.channels, length}}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // values start aligned
  return text;
}

}  // namespace

void writeTaps(const analysis::Checkpoint& checkpoint, const std::filesystem::path& target, int lengthSamples,
               const analysis::Task& task) {
  static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");
  std::map<std::string, int> banksByName;
  for (int bank = 0; bank < int(checkpoint.banks().size()); ++bank) {
    banksByName["filters." + checkpoint.banks()[bank].path] = bank;
  }
  const bool array = target.extension() == ".npy";
  if (array && banksByName.size() != 1) {
    throw analysis::Error(analysis::ErrorKind::output, target.string(),
                          "one array cannot hold the " + std::to_string(banksByName.size()) + " banks of this file",
                          "write a .safetensors file, or choose one by --bank");
  }
  const std::string header = array ? "" : headerFor(checkpoint, banksByName, lengthSamples);
  writeFile(target, [&](std::ostream& out) {
    if (array) {
      const analysis::Bank& bank = checkpoint.banks().front();
      analysis::writeNpyHeader(out, analysis::DataType::f32, {bank.channels, lengthOf(bank, lengthSamples)});
    } else {
      const std::uint64_t size = header.size();
      out.write(reinterpret_cast<const char*>(&size), sizeof size);
      out << header;
    }
    int done = 0;
    for (const auto& [name, index] : banksByName) {
      const analysis::Bank& bank = checkpoint.banks()[index];
      for (int channel = 0; channel < bank.channels; ++channel) {
        task.throwIfStopped();
        const auto filter = checkpoint.filter({index, channel}, analysis::Task(task.stopToken()));
        const std::vector<float> taps(filter->taps.begin(), filter->taps.begin() + lengthOf(bank, lengthSamples));
        out.write(reinterpret_cast<const char*>(taps.data()), std::streamsize(taps.size() * sizeof(float)));
        task.report(++done / double(checkpoint.filterCount()));
      }
    }
  });
}

}  // namespace commandline
