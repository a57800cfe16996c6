#include "tests/fuzz/readers/target.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "analysis/error.h"

namespace fuzz {
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

}  // namespace

bool lastOpened = false;

std::shared_ptr<const Blob> blob(std::string bytes) {
  return std::make_shared<MemoryBlob>(std::move(bytes));
}

bool use(const std::function<std::shared_ptr<const TensorFile>()>& read, std::size_t bytes) {
  lastOpened = false;
  try {
    const auto file = read();
    lastOpened = true;
    (void)file->metadata().dump();
    for (const TensorInfo& info : file->tensors()) {
      // Deflate packs at most 1032 to 1, a type of unknown size has at least a bit for each element, and a tensor may
      // repeat its storage 2^24 times.
      if (info.elementCount > std::max<std::uint64_t>(8 * 1032 * std::uint64_t(bytes), 1 << 24)) {
        std::fprintf(stderr, "tensor %s promises %llu values\n", info.name.c_str(),
                     static_cast<unsigned long long>(info.elementCount));
        std::abort();
      }
      if (info.elementCount > (64 << 20) / sizeof(double)) continue;
      try {
        (void)file->doubles(info.name);
      } catch (const Error&) {  // a type without real values, or a bad checksum
      }
    }
  } catch (const Error&) {
  }
  return lastOpened;
}

std::string pathOf(const std::uint8_t* data, std::size_t size) {
  static const struct File {
    std::filesystem::path path;
    int descriptor;
    File() {
      const std::filesystem::path memory = "/dev/shm";
      std::string name = (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
                         "polecat-fuzz-XXXXXX";
      descriptor = ::mkstemp(name.data());
      path = name;
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
      ::close(descriptor);
      ::unlink(path.c_str());
    }
  } file;
  const bool written =
      ::ftruncate(file.descriptor, 0) == 0 && ::pwrite(file.descriptor, data, size, 0) == static_cast<ssize_t>(size);
  if (!written) {
    std::perror("temporary file");
    std::exit(1);
  }
  return file.path.string();
}

}  // namespace fuzz
