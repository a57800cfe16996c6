#include "app/commandline/outputfile.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include "analysis/error.h"
#include "analysis/tensors/npywriter.h"

namespace commandline {
namespace fs = std::filesystem;
using analysis::Error;
using analysis::ErrorKind;

namespace {

fs::path folderOf(const fs::path& target) {
  return target.has_parent_path() ? target.parent_path() : fs::path(".");
}

// Removes the temporary file unless it became the target.
struct Temporary {
  fs::path path;
  ~Temporary() {
    std::error_code ignored;
    if (!path.empty()) fs::remove(path, ignored);
  }
};

}  // namespace

void requireWritable(const fs::path& target) {
  std::error_code ignored;
  if (fs::is_directory(target, ignored)) {
    throw Error(ErrorKind::output, target.string(), "it is a folder", "name a file");
  }
  const fs::path folder = folderOf(target);
  if (!fs::is_directory(folder, ignored)) {
    throw Error(ErrorKind::output, target.string(), "its folder does not exist", "create the folder first");
  }
  if (access(folder.c_str(), W_OK) != 0) {
    throw Error(ErrorKind::output, target.string(), "its folder cannot be written", "choose another folder");
  }
}

void writeFileBy(const fs::path& target, const std::function<void(const fs::path&)>& write) {
  requireWritable(target);
  Temporary temporary{folderOf(target) /
                      ("." + target.stem().string() + "." + std::to_string(getpid()) + target.extension().string())};
  write(temporary.path);
  std::error_code failed;
  fs::rename(temporary.path, target, failed);
  if (failed) throw Error(ErrorKind::output, target.string(), failed.message(), "choose another place");
  temporary.path.clear();
}

void writeFile(const fs::path& target, const std::function<void(std::ostream&)>& write) {
  writeFileBy(target, [&](const fs::path& temporary) {
    std::ofstream stream(temporary, std::ios::binary);
    if (stream) write(stream);
    stream.close();
    if (!stream) {
      throw Error(ErrorKind::output, target.string(), "it could not be written completely",
                  "check the free space and the permissions");
    }
  });
}

void writeNpy(const fs::path& target, std::span<const float> values) {
  writeFile(target, [&](std::ostream& out) {
    analysis::writeNpyHeader(out, analysis::DataType::f32, {std::int64_t(values.size())});
    out.write(reinterpret_cast<const char*>(values.data()), std::streamsize(values.size_bytes()));
  });
}

}  // namespace commandline
