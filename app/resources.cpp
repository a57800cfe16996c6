#include "app/resources.h"

#include <string>
#include <system_error>

#include "analysis/error.h"

namespace app {

std::filesystem::path resource(std::string_view relativePath) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path binary = fs::read_symlink("/proc/self/exe", ignored);
  if (!binary.empty()) {
    fs::path installed = binary.parent_path().parent_path() / "share" / "polecat" / relativePath;
    if (fs::exists(installed, ignored)) return installed;
  }
  fs::path inSource = fs::path(POLECAT_RESOURCES) / relativePath;
  if (fs::exists(inSource, ignored)) return inSource;
  throw analysis::Error(analysis::ErrorKind::input, std::string(relativePath), "this file of the program is missing",
                        "install polecat again");
}

}  // namespace app
