// A target as a program of its own: random damage to its seeds, the same on every machine.
// usage: fuzz_FORMAT [ROUNDS [SEED]]      fuzz_FORMAT --seeds FOLDER: writes the seeds as files
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <random>
#include <string_view>

#include "tests/analysis/tensorbytes.h"
#include "tests/fuzz/readers/target.h"

namespace {

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random(seed) {}

  std::string operator()(std::string bytes) {
    for (std::size_t changes = 1 + pick(4); changes > 0; --changes) change(bytes);
    return bytes;
  }
  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); }

 private:
  void change(std::string& bytes) {
    static const std::vector<std::uint64_t> extremes{
        0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 0x100000000, 0x7fffffffffffffff, ~std::uint64_t(0)};
    if (bytes.empty()) bytes = "x";
    const std::size_t at = pick(bytes.size());
    switch (pick(7)) {
      case 0:
        bytes[at] = char(bytes[at] ^ char(1 << pick(8)));
        break;
      case 1:
        bytes[at] = char(pick(256));
        break;
      case 2:
        bytes.erase(at, 1 + pick(8));
        break;
      case 3:
        bytes.insert(at, 1 + pick(8), char(pick(256)));
        break;
      case 4:
        bytes.insert(at, bytes.substr(pick(bytes.size()), pick(40)));
        break;
      case 5:
        bytes.resize(at);
        break;
      default: {
        const std::string number =
            writers::little(extremes[pick(extremes.size())]).substr(0, std::size_t(1) << pick(4));
        bytes.replace(at, std::min(number.size(), bytes.size() - at), number);
      }
    }
  }
  std::mt19937 random;
};

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> seeds = fuzz::seeds();
  if (argc > 2 && std::string_view(argv[1]) == "--seeds") {
    for (std::size_t i = 0; i < seeds.size(); ++i)
      write(std::filesystem::path(argv[2]) / ("seed" + std::to_string(i)), seeds[i]);
    return 0;
  }
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(seeds[i].data()), seeds[i].size());
    if (fuzz::lastOpened) continue;
    std::fprintf(stderr, "seed %zu does not open: damaging it tests nothing\n", i);
    return 1;
  }
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20000;
  Mutator mutate(static_cast<unsigned>(argc > 2 ? std::atoi(argv[2]) : 1));
  int opened = 0;
  double slowest = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::string bytes = mutate(seeds[mutate.pick(seeds.size())]);
    const auto start = std::chrono::steady_clock::now();
    try {
      (void)LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    } catch (const std::exception& other) {
      const auto kept = std::filesystem::temp_directory_path() / "polecat-fuzz-last";
      write(kept, bytes);
      std::fprintf(stderr, "round %d: %s (kept in %s)\n", round, other.what(), kept.c_str());
      return 1;
    }
    opened += fuzz::lastOpened;
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%7d opened %7d refused   slowest %.3f s\n", opened, rounds - opened, slowest);
  return opened == 0 || opened == rounds ? 1 : 0;
}
