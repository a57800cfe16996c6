#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "analysis/error.h"
#include "analysis/reduction/distilledtables.h"
#include "analysis/tensors/tensorfile.h"

namespace analysis {

namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

struct Chunk {
  const void* data;
  std::size_t bytes;
};

template <typename Number>
void describe(nlohmann::json& header, std::vector<Chunk>& chunks, std::size_t& offset, const std::string& name,
              const char* type, std::vector<std::int64_t> shape, const std::vector<Number>& values) {
  const std::size_t bytes = values.size() * sizeof(Number);
  header[name] = {{"dtype", type}, {"shape", std::move(shape)}, {"data_offsets", {offset, offset + bytes}}};
  chunks.push_back({values.data(), bytes});
  offset += bytes;
}

// The values of `name`, whose shape must be as said.
std::vector<double> values(const TensorFile& file, const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorInfo* info = file.find(name);
  if (!info || info->shape != shape) {
    throw Error(ErrorKind::input, file.path().filename().string(),
                "tensor " + name + (info ? " has another shape than its neighbours" : " is missing"),
                "distil the checkpoint again");
  }
  return file.doubles(name);
}

// Where a bank's tables lie: "<path>.order" and its neighbours, in HDF5 "models/<path>/order".
struct Place {
  std::string path, prefix;
};

std::optional<Place> placeOf(std::string_view order) {
  constexpr std::string_view group = "models/", suffix = "order";
  if (!order.ends_with(suffix)) return std::nullopt;
  const std::string prefix(order.substr(0, order.size() - suffix.size()));
  if (prefix.size() > group.size() + 1 && prefix.starts_with(group) && prefix.ends_with('/'))
    return Place{prefix.substr(group.size(), prefix.size() - group.size() - 1), prefix};
  if (prefix.size() > 1 && prefix.ends_with('.')) return Place{prefix.substr(0, prefix.size() - 1), prefix};
  return std::nullopt;
}

}  // namespace

void writeDistilledSafetensors(const Distilled& distilled, const std::filesystem::path& path) {
  std::vector<DistilledTables> banks;
  banks.reserve(distilled.banks.size());  // chunks point into the tables
  nlohmann::json header;                  // sorted by key
  header["__metadata__"] = distilled.metadata;
  std::vector<Chunk> chunks;
  std::size_t offset = 0;
  for (const auto& bank : distilled.banks) {
    const auto& t = banks.emplace_back(tablesOf(bank));
    const auto add = [&](const char* name, const char* type, std::vector<std::int64_t> shape, const auto& data) {
      describe(header, chunks, offset, bank.path + "." + name, type, std::move(shape), data);
    };
    for (const auto& [name, table] :
         {std::pair{"poles", &t.poles}, std::pair{"residues", &t.residues}, std::pair{"log_poles", &t.logPoles}})
      add(name, "F64", {t.channels, t.width, 2}, *table);
    for (const auto& [name, column] : {std::pair{"feedthrough", &t.feedthrough}, std::pair{"skip", &t.skip},
                                       std::pair{"error", &t.error}, std::pair{"certificate", &t.certificate}})
      add(name, "F64", {t.channels}, *column);
  }
  for (const auto& t : banks) {  // last: everything before stays on multiples of 8
    describe(header, chunks, offset, t.path + ".order", "I32", {t.channels}, t.order);
    if (!t.poleSet.empty()) describe(header, chunks, offset, t.path + ".pole_set", "I32", {t.channels}, t.poleSet);
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const auto size = static_cast<std::uint64_t>(text.size());

  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(&size), sizeof size);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const Chunk& chunk : chunks)
    file.write(static_cast<const char*>(chunk.data), static_cast<std::streamsize>(chunk.bytes));
  file.close();
  if (!file) {
    throw Error(ErrorKind::output, path.string(), std::string("could not be written: ") + std::strerror(errno),
                "look at free space and permissions");
  }
}

Distilled readDistilledTensors(const std::filesystem::path& path) {
  const auto file = openTensorFile(path);
  Distilled distilled;
  for (const auto& [key, value] : file->metadata().items())
    if (value.is_string()) distilled.metadata[key] = value.get<std::string>();
  const std::string name = path.filename().string();
  requireOurFormat(distilled.metadata, name);
  for (const TensorInfo& info : file->tensors()) {
    const auto place = placeOf(info.name);
    if (!place) continue;
    const auto& [bank, prefix] = *place;
    DistilledTables t;
    t.path = bank;
    const TensorInfo* poles = file->find(prefix + "poles");
    if (info.shape.size() != 1 || !poles || poles->shape.size() != 3) {
      throw Error(ErrorKind::input, name, "tensor " + prefix + "poles is missing or not [channels, order, 2]",
                  "distil the checkpoint again");
    }
    t.channels = info.shape[0];
    t.width = poles->shape[1];
    const std::vector<std::int64_t> cube{t.channels, t.width, 2}, column{t.channels};
    t.poles = values(*file, prefix + "poles", cube);
    t.residues = values(*file, prefix + "residues", cube);
    if (file->find(prefix + "log_poles")) t.logPoles = values(*file, prefix + "log_poles", cube);
    for (const double order : values(*file, info.name, column)) {
      t.order.push_back(order >= -1 && order <= static_cast<double>(t.width) ? static_cast<std::int32_t>(order) : -2);
    }
    if (file->find(prefix + "pole_set")) {
      for (const double set : values(*file, prefix + "pole_set", column))
        t.poleSet.push_back(set >= 0 && set < 1e9 ? static_cast<std::int32_t>(set) : -1);
    }
    t.feedthrough = values(*file, prefix + "feedthrough", column);
    t.skip = values(*file, prefix + "skip", column);
    t.error = values(*file, prefix + "error", column);
    t.certificate = values(*file, prefix + "certificate", column);
    distilled.banks.push_back(bankOf(t, name));
  }
  return distilled;
}

}  // namespace analysis
