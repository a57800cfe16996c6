// A zip file whose members are read in place, through libzip.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analysis/tensors/blob.h"

namespace analysis {

// Thread-safe: one lock per archive guards libzip's state.
class ZipArchive : public std::enable_shared_from_this<ZipArchive> {
 public:
  struct Member {
    std::string name;
    std::uint64_t size = 0;  // inflated; at most 1032 times the stored size, else the archive is refused
    bool stored = true;      // not compressed: reading at an offset costs only what is read
  };

  // Reads the central directory. Throws Error(input) for what libzip refuses, and for more members than the bytes of
  // the archive are worth (100,000 and one for each 4 kB).
  static std::shared_ptr<ZipArchive> open(const std::shared_ptr<const Blob>&, const std::string& subject);
  ~ZipArchive();

  const std::vector<Member>& members() const { return list; }
  // Bytes of the archive itself.
  std::uint64_t size() const { return bytes; }
  // A compressed member is inflated from its beginning unless reads follow each other. One that was read from its
  // first to its last byte in order has matched its checksum.
  std::shared_ptr<const Blob> member(std::size_t index) const;

 private:
  struct Handle;
  class MemberBlob;
  ZipArchive(std::unique_ptr<Handle>, std::string subject);

  std::unique_ptr<Handle> handle;
  std::string subject;
  std::vector<Member> list;
  std::uint64_t bytes = 0;
};

}  // namespace analysis
