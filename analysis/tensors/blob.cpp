#include "analysis/tensors/blob.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace analysis {

void refuse(const std::string& subject, const std::string& problem, const std::string& advice) {
  throw Error(ErrorKind::input, subject, problem, advice);
}

namespace {

FileMark markOf(const struct stat& facts) {
  return {static_cast<std::uint64_t>(facts.st_dev), static_cast<std::uint64_t>(facts.st_ino),
          static_cast<std::uint64_t>(facts.st_size), facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

class FileBlob final : public Blob {
 public:
  FileBlob(int opened, const FileMark& found, std::string name)
      : descriptor(opened), mark(found), length(found.size), subject(std::move(name)) {}
  FileBlob(const FileBlob&) = delete;
  FileBlob& operator=(const FileBlob&) = delete;
  ~FileBlob() override { ::close(descriptor); }

  std::uint64_t size() const override { return length; }

  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > length || out.size() > length - offset) refuse(subject, "ends too early", damagedAdvice);
    while (!out.empty()) {
      const ssize_t got = ::pread(descriptor, out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) refuse(subject, std::string("reading failed (") + std::strerror(errno) + ")", "check the disk");
      if (got == 0) refuse(subject, "became shorter while it was open", "open it again");
      out = out.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
    // Afterwards: what was read before a change is sound.
    struct stat now {};
    if (::fstat(descriptor, &now) != 0 || markOf(now) != mark) {
      refuse(subject, "was rewritten while it was open", "open it again");
    }
  }

 private:
  int descriptor;
  FileMark mark;
  std::uint64_t length;
  std::string subject;
};

class JoinedBlob final : public Blob {
 public:
  JoinedBlob(std::vector<std::shared_ptr<const Blob>> parts, std::string name)
      : pieces(std::move(parts)), subject(std::move(name)) {
    for (const auto& piece : pieces) ends.push_back(length += piece->size());
  }

  std::uint64_t size() const override { return length; }

  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > length || out.size() > length - offset) refuse(subject, "ends too early", damagedAdvice);
    auto piece = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), offset) - ends.begin());
    for (; !out.empty(); ++piece) {
      const std::uint64_t begin = ends[piece] - pieces[piece]->size();
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), ends[piece] - offset));
      pieces[piece]->read(offset - begin, out.first(count));
      out = out.subspan(count);
      offset += count;
    }
  }

 private:
  std::vector<std::shared_ptr<const Blob>> pieces;
  std::vector<std::uint64_t> ends;
  std::uint64_t length = 0;
  std::string subject;
};

}  // namespace

std::optional<FileMark> fileMark(const std::filesystem::path& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? std::optional(markOf(facts)) : std::nullopt;
}

std::shared_ptr<const Blob> openFile(const std::filesystem::path& path) {
  const std::string subject = path.string();
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == EACCES) refuse(subject, "permission denied", "make the file and its folders readable for you");
    if (errno == ENOENT || errno == ENOTDIR) refuse(subject, "no such file", "check the name");
    refuse(subject, std::string("cannot be examined (") + std::strerror(errno) + ")", "check the name");
  }
  if (!S_ISREG(facts.st_mode)) refuse(subject, "is not a regular file", "name the checkpoint file itself");
  // O_NONBLOCK: should the name turn into a pipe between the two calls, opening still does not wait.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0 && errno == EACCES) refuse(subject, "permission denied", "make the file readable for you");
  if (descriptor < 0) refuse(subject, std::string("cannot be opened (") + std::strerror(errno) + ")", "try again");
  if (::fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(descriptor);
    refuse(subject, "is not a regular file", "name the checkpoint file itself");
  }
  return std::make_shared<FileBlob>(descriptor, markOf(facts), subject);
}

std::shared_ptr<const Blob> joined(std::vector<std::shared_ptr<const Blob>> pieces, std::string subject) {
  return std::make_shared<JoinedBlob>(std::move(pieces), std::move(subject));
}

std::vector<std::byte> readAll(const Blob& blob, std::uint64_t limitBytes, const std::string& subject) {
  if (blob.size() > limitBytes) {
    refuse(subject, "is larger than the " + std::to_string(limitBytes) + " bytes such a part may have",
           "it does not look like a checkpoint");
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(blob.size()));
  blob.read(0, bytes);
  return bytes;
}

}  // namespace analysis
