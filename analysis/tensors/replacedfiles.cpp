#include "analysis/tensors/replacedfiles.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "analysis/error.h"

namespace analysis {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& target, const std::string& reason) {
  throw Error(ErrorKind::output, target.string(), "could not be written (" + reason + ")",
              "look at free space and permissions");
}

}  // namespace

ReplacedFiles::~ReplacedFiles() {
  std::error_code ignored;
  for (const File& file : files) fs::remove(file.temporary, ignored);
}

fs::path ReplacedFiles::begin(const fs::path& target) {
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  const std::string name = "." + target.stem().string() + "." + std::to_string(::getpid()) + "." +
                           std::to_string(files.size()) + target.extension().string();
  files.push_back({folder / name, target});
  return files.back().temporary;
}

void ReplacedFiles::write(const fs::path& target, const std::function<void(std::ostream&)>& content) {
  const fs::path temporary = begin(target);
  errno = 0;
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  if (stream) content(stream);
  stream.close();
  if (!stream) fail(target, errno != 0 ? std::strerror(errno) : "not all of it was taken");
}

void ReplacedFiles::commit() {
  for (const File& file : files) {
    std::error_code failed;
    fs::rename(file.temporary, file.target, failed);
    if (failed) fail(file.target, failed.message());
  }
  files.clear();
}

}  // namespace analysis
