// Results in files: complete or not there at all. Several files become visible together, as far as a file system can.
#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <vector>

namespace analysis {

// Each file is written under a temporary name beside its target; commit() renames them all. Without it, or when
// anything fails, the targets keep what they had and nothing is left behind.
class ReplacedFiles {
 public:
  ReplacedFiles() = default;
  ReplacedFiles(const ReplacedFiles&) = delete;
  ReplacedFiles& operator=(const ReplacedFiles&) = delete;
  ~ReplacedFiles();

  // The temporary name to write `target` to, for libraries that open files themselves. Same folder, same extension.
  std::filesystem::path begin(const std::filesystem::path& target);
  // Writes through a stream. Throws Error(output) when the disk is full or the folder closed.
  void write(const std::filesystem::path& target, const std::function<void(std::ostream&)>& content);
  // Throws Error(output); what was renamed before stays.
  void commit();

 private:
  struct File {
    std::filesystem::path temporary, target;
  };
  std::vector<File> files;
};

}  // namespace analysis
