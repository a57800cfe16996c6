// Bytes on disk that can be read at any offset and from any thread: a file, several files laid end to end, or a
// member of an archive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/error.h"

namespace analysis {

class Blob {
 public:
  virtual ~Blob() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `out` with the bytes [offset, offset + out.size()). Throws Error(input) when they are not all there.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

// What tells one state of a file from another: device, inode, size, time of the last change.
struct FileMark {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t seconds = 0, nanoseconds = 0;
  bool operator==(const FileMark&) const = default;
};
// Empty when there is no such file (any more).
std::optional<FileMark> fileMark(const std::filesystem::path&);

// A regular file, held open; a read throws Error(input) when the file was rewritten since. Throws Error(input) for what
// is absent, not readable or not a regular file (a pipe is refused before it is opened: opening it could wait for
// ever).
std::shared_ptr<const Blob> openFile(const std::filesystem::path&);

// Blobs laid end to end, as one.
std::shared_ptr<const Blob> joined(std::vector<std::shared_ptr<const Blob>> pieces, std::string subject);

// The whole blob in memory. Throws Error(input), naming `subject`, when it is larger than `limitBytes`.
std::vector<std::byte> readAll(const Blob&, std::uint64_t limitBytes, const std::string& subject);

// What every reader says about input it cannot use.
[[noreturn]] void refuse(const std::string& subject, const std::string& problem, const std::string& advice);

// The advice for a file that contradicts itself.
inline constexpr const char* damagedAdvice = "the file is damaged or incomplete: copy or download it again";

}  // namespace analysis
