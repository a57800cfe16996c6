// Any bytes as the index of a sharded checkpoint, beside two shards and a configuration.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/analysis/tensorbytes.h"
#include "tests/fuzz/readers/target.h"

namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// The folder with the shards; removed when the program ends.
const fs::path& folder() {
  static const struct Folder {
    fs::path path;
    Folder() {
      const fs::path memory = "/dev/shm";
      std::string name = ((fs::is_directory(memory) ? memory : fs::temp_directory_path()) / "polecat-index-XXXXXX");
      if (::mkdtemp(name.data()) == nullptr) std::exit(1);
      path = name;
      write(path / "a.safetensors", writers::safetensors({writers::floats("x", {2}, {1, 2})}));
      write(path / "b.safetensors", writers::safetensors({writers::floats("y", {1}, {3})}, {{"format", "pt"}}));
      write(path / "config.json", R"({"d_model": 4})");
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } made;
  return made.path;
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
  return {R"({"metadata":{"total_size":12},"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})",
          R"({"weight_map":{"x":"a.safetensors"}})", R"({"weight_map":{"y":"b.safetensors"}, "w":[1,-2.5e3,null]})"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fs::path index = folder() / "m.safetensors.index.json";
  write(index, std::string(reinterpret_cast<const char*>(data), size));
  fuzz::use([&] { return analysis::openTensorFile(index); }, size + 12);
  return 0;
}
