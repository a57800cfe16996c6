// Random damage to small files of every format. A reader may refuse, with an Error; it may not crash, hang, throw
// anything else, or promise more values than the bytes can hold. Run under the sanitizers for the full effect.
// usage: fuzz_readers [ROUNDS [SEED]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "analysis/error.h"
#include "analysis/tensors/elements.h"
#include "analysis/tensors/storedtensors.h"
#include "analysis/tensors/ziparchive.h"
#include "tests/analysis/tensorwriters.h"

namespace {

using namespace analysis;

class MemoryBlob final : public Blob {
 public:
  explicit MemoryBlob(std::string given) : bytes(std::move(given)) {}
  std::uint64_t size() const override { return bytes.size(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes.size() || out.size() > bytes.size() - offset) refuse("memory", "ends too early", damagedAdvice);
    if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
  }

 private:
  std::string bytes;
};

std::shared_ptr<const Blob> blob(std::string bytes) {
  return std::make_shared<MemoryBlob>(std::move(bytes));
}

// One format: a seed file and how to read what became of it.
struct Target {
  const char* name;
  std::vector<std::string> seeds;
  std::function<Contents(const std::string&)> read;
};

std::string picklesSeed() {
  using namespace writers::pickle;
  const std::string store = storage("FloatStorage", "0", 12);
  return stream(
      dict({{"state_dict", dict({{"a", tensor(store, 0, {3, 4}, {4, 1})},
                                 {"b", tensor(store, 1, {4, 2}, {1, 4})},
                                 {"c", global("m", "K") + ")\x81" + dict({{"x", "N"}}) + "b"}})},
            {"hyper_parameters", dict({{"lr", real(0.5)}, {"n", integer(std::int64_t(1) << 40)}, {"s", "\x88"}})}}));
}

std::string numpySeed() {
  std::string header = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }";
  header += std::string(127 - (header.size() + 10) % 128, ' ') + "\n";
  return "\x93NUMPY\x01" + std::string(1, '\0') + writers::little(std::uint16_t(header.size())) + header +
         std::string(48, '\1');
}

std::vector<Target> targets() {
  const std::vector<float> numbers(12, 1.5f);
  const std::string values = writers::bytesOf(numbers);
  const std::string safetensors =
      writers::safetensors({writers::floats("a", {3, 4}, numbers), {"b", "BF16", {2}, "abcd"}}, {{"format", "pt"}});
  const std::string torch = writers::torchFile({writers::floats("a", {3, 4}, numbers)});
  const std::string packed = writers::torchFile({writers::floats("a", {3, 4}, numbers)}, {}, {true, false, -1});
  const std::string wide = writers::torchFile({writers::floats("a", {3, 4}, numbers)}, {}, {false, true, -1});
  const auto readZip = [](const std::string& bytes) {
    return readTorchZip("fuzz.pt", ZipArchive::open(blob(bytes), "fuzz.pt"));
  };
  return {{"safetensors",
           {safetensors},
           [](const std::string& bytes) { return readSafetensors("fuzz.safetensors", blob(bytes)); }},
          {"zip", {torch, packed, wide}, readZip},
          {"pickle",
           {picklesSeed()},
           [=](const std::string& bytes) { return readZip(writers::torchZip(bytes, {values})); }},
          {"npy", {numpySeed()}, [](const std::string& bytes) { return readNpy("fuzz.npy", blob(bytes)); }}};
}

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

// What a user would do with a file that opens.
void use(Contents contents) {
  std::size_t held = 0;
  for (const StoredTensor& tensor : contents.tensors) held = std::max<std::size_t>(held, tensor.blob->size());
  const auto file = makeTensorFile(std::move(contents));
  (void)file->metadata().dump();
  for (const TensorInfo& info : file->tensors()) {
    if (info.elementCount > std::max<std::uint64_t>(8 * std::uint64_t(held), 1 << 24)) {
      std::fprintf(stderr, "tensor %s promises %llu values\n", info.name.c_str(),
                   static_cast<unsigned long long>(info.elementCount));
      std::abort();
    }
    try {
      (void)file->doubles(info.name);
    } catch (const Error&) {  // a type without real values, or a bad checksum
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20000;
  const auto seed = static_cast<unsigned>(argc > 2 ? std::atoi(argv[2]) : 1);
  const std::filesystem::path last = std::filesystem::temp_directory_path() / "polecat-fuzz-last";
  for (const Target& target : targets()) {
    Mutator mutate(seed);
    int opened = 0, refused = 0;
    double slowest = 0;
    for (int round = 0; round < rounds; ++round) {
      const std::string bytes = mutate(target.seeds[mutate.pick(target.seeds.size())]);
      const auto start = std::chrono::steady_clock::now();
      try {
        use(target.read(bytes));
        ++opened;
      } catch (const Error&) {
        ++refused;
      } catch (const std::exception& other) {
        std::ofstream(last, std::ios::binary) << bytes;
        std::fprintf(stderr, "%s, round %d: %s (kept in %s)\n", target.name, round, other.what(), last.c_str());
        return 1;
      }
      slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    std::printf("%-12s %7d opened %7d refused   slowest %.3f s\n", target.name, opened, refused, slowest);
    if (opened == 0 || refused == 0) return 1;  // a fuzzer that only ever sees one side tests nothing
  }
  return 0;
}
