// How long it takes to list a sharded checkpoint of 10 GB and to show one filter of it, and how much memory that takes:
// a sparse one is made for the purpose in a temporary folder.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/response/statistics.h"
#include "analysis/tensors/tensorfile.h"

namespace {

namespace fs = std::filesystem;
using analysis::Checkpoint;

constexpr int shards = 6, layers = 32, width = 4096, modes = 8;
constexpr std::uint64_t fileBytes = std::uint64_t(10) << 30;

// A StripedHyena model of 32 blocks: poles and residues as they would be, and dense weights that fill 10 GB. The values
// are one hole each, but for the poles and residues of block 17, which are written.
void writeSparse(const fs::path& folder) {
  nlohmann::json index{{"weight_map", nlohmann::json::object()}};
  const std::uint64_t filterBytes = std::uint64_t(width) * modes * 2 * 4;
  const std::uint64_t denseBytes = (fileBytes / layers - 2 * filterBytes) / 4 / (width * 4) * (width * 4);
  for (int shard = 0; shard < shards; ++shard) {
    const std::string name =
        "model-0000" + std::to_string(shard + 1) + "-of-0000" + std::to_string(shards) + ".safetensors";
    nlohmann::json header = nlohmann::json::object();
    std::uint64_t end = 0, poles = 0;
    const auto add = [&](const std::string& key, const std::vector<std::uint64_t>& shape, std::uint64_t bytes) {
      header[key] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
      index["weight_map"][key] = name;
      end += bytes;
    };
    for (int layer = shard * layers / shards; layer < (shard + 1) * layers / shards; ++layer) {
      const std::string block = "backbone.blocks." + std::to_string(layer) + ".";
      if (layer == 17) poles = end;
      add(block + "filter.poles", {width, modes, 1, 2}, filterBytes);
      add(block + "filter.residues", {width, modes, 1, 2}, filterBytes);
      add(block + "filter.D", {width}, width * 4);
      for (const char* dense : {"mlp.l1.weight", "mlp.l2.weight", "mlp.l3.weight", "projections.weight"})
        add(block + dense, {denseBytes / (width * 4), width}, denseBytes);
      for (const char* scale : {"pre_norm.scale", "post_norm.scale"}) add(block + scale, {width}, width * 4);
    }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    {
      std::ofstream file(folder / name, std::ios::binary);
      file.write(reinterpret_cast<const char*>(&length), 8);
      file << text;
    }
    fs::resize_file(folder / name, 8 + length + end);
    if (poles == 0) continue;
    std::fstream file(folder / name, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(8 + length + poles));
    std::vector<float> values(filterBytes / 4);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.005f * static_cast<float>(i % 97);
    for (int twice = 0; twice < 2; ++twice)
      file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(filterBytes));
  }
  std::ofstream(folder / "model.safetensors.index.json") << index.dump();
}

double residentMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

struct Times {
  double first = 0, median = 0;
};

Times measure(const std::function<void()>& work) {
  std::vector<double> milliseconds;
  for (int run = 0; run < 7; ++run) {
    const auto start = std::chrono::steady_clock::now();
    work();
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  Times times{milliseconds.front(), 0};
  std::sort(milliseconds.begin(), milliseconds.end());
  times.median = milliseconds[3];
  return times;
}

void row(const char* what, double measured, const char* unit, int bar) {
  std::printf("%-44s %8.1f %s %8d %s\n", what, measured, unit, bar, unit);
}

}  // namespace

int main() {
  std::string pattern = (fs::temp_directory_path() / "polecat-listing-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return 1;
  writeSparse(pattern);
  const fs::path index = fs::path(pattern) / "model.safetensors.index.json";
  std::size_t tensors = 0;
  int filters = 0;
  const Times listing = measure([&] {
    const auto checkpoint = Checkpoint::open(index);
    tensors = checkpoint->tensors().tensors().size();
    filters = checkpoint->filterCount();
  });
  const double listed = residentMegabytes();
  double energy = 0;
  const Times showing = measure([&] {  // opened anew, so that nothing is cached
    const auto checkpoint = Checkpoint::open(index);
    energy = analysis::statistics(checkpoint->filter({17, 1234})->taps).energy;
  });
  std::printf("10 GB in %d shards: %zu tensors, %d filters of 2048 taps; filter 17.1234 has energy %.6g\n", shards,
              tensors, filters, energy);
  std::printf("%-44s %11s %11s\n", "", "measured", "bar");
  row("listing, first run", listing.first, "ms", 300);
  row("listing, median of 7", listing.median, "ms", 300);
  row("largest resident memory after listing", listed, "MB", 150);
  row("listing and one filter, first run", showing.first, "ms", 200);
  row("listing and one filter, median of 7", showing.median, "ms", 200);
  row("largest resident memory after that", residentMegabytes(), "MB", 150);
  fs::remove_all(pattern);
  return 0;
}
