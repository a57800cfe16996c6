// How long it takes to list a sharded checkpoint of 4 GB, and how much memory stays: a sparse one is made for the
// purpose in a temporary folder.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analysis/tensors/tensorfile.h"

namespace {

namespace fs = std::filesystem;

constexpr int shards = 4, layers = 32, tensorsPerLayer = 26;
constexpr std::uint64_t fileBytes = std::uint64_t(4) << 30;

// Headers like those of a 32-layer Hyena model in float32; the values are one hole each.
void writeSparse(const fs::path& folder) {
  const std::uint64_t bytesEach = fileBytes / (layers * tensorsPerLayer);
  nlohmann::json index{{"weight_map", nlohmann::json::object()}};
  for (int shard = 0; shard < shards; ++shard) {
    const std::string name =
        "model-0000" + std::to_string(shard + 1) + "-of-0000" + std::to_string(shards) + ".safetensors";
    nlohmann::json header = nlohmann::json::object();
    std::uint64_t end = 0;
    for (int layer = shard * layers / shards; layer < (shard + 1) * layers / shards; ++layer) {
      for (int t = 0; t < tensorsPerLayer; ++t) {
        const std::string key =
            "backbone.layers." + std::to_string(layer) + ".mixer.tensor" + std::to_string(t) + ".weight";
        const std::uint64_t count = bytesEach / 4;
        header[key] = {{"dtype", "F32"}, {"shape", {1, count}}, {"data_offsets", {end, end + 4 * count}}};
        end += 4 * count;
        index["weight_map"][key] = name;
      }
    }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    {
      std::ofstream file(folder / name, std::ios::binary);
      file.write(reinterpret_cast<const char*>(&length), 8);
      file << text;
    }
    fs::resize_file(folder / name, 8 + length + end);
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

}  // namespace

int main() {
  std::string pattern = (fs::temp_directory_path() / "polecat-listing-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) return 1;
  writeSparse(pattern);
  std::vector<double> milliseconds;
  std::size_t listed = 0;
  for (int run = 0; run < 7; ++run) {
    const auto start = std::chrono::steady_clock::now();
    const auto file = analysis::openTensorFile(fs::path(pattern) / "model.safetensors.index.json");
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    listed = file->tensors().size();
  }
  const double first = milliseconds.front();
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("listing 4 GB in %d shards, %zu tensors\n", shards, listed);
  std::printf("%-28s %10s %10s\n", "", "measured", "bar");
  std::printf("%-28s %8.1fms %8dms\n", "first run", first, 300);
  std::printf("%-28s %8.1fms %8dms\n", "median of 7", milliseconds[3], 300);
  std::printf("%-28s %8.1fMB %8dMB\n", "largest resident memory", residentMegabytes(), 100);
  fs::remove_all(pattern);
  return 0;
}
