#include "analysis/tensors/ziparchive.h"

#include <zip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace analysis {
namespace {

// libzip's view of a Blob.
class Source {
 public:
  explicit Source(std::shared_ptr<const Blob> file) : blob(std::move(file)) { zip_error_init(&error); }
  ~Source() { zip_error_fini(&error); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  static zip_int64_t callback(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    return static_cast<Source*>(self)->answer(data, length, command);
  }

 private:
  zip_int64_t answer(void* data, zip_uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
                                              ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
                                              ZIP_SOURCE_SUPPORTS, -1);
      case ZIP_SOURCE_OPEN:
        position = 0;
        return 0;
      case ZIP_SOURCE_CLOSE:
        return 0;
      case ZIP_SOURCE_FREE:
        delete this;
        return 0;
      case ZIP_SOURCE_TELL:
        return static_cast<zip_int64_t>(position);
      case ZIP_SOURCE_READ:
        return read(data, length);
      case ZIP_SOURCE_SEEK:
        return seek(data, length);
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&error, data, length);
      case ZIP_SOURCE_STAT: {
        zip_stat_t facts;
        zip_stat_init(&facts);
        facts.size = blob->size();
        facts.valid = ZIP_STAT_SIZE;
        std::memcpy(data, &facts, sizeof facts);
        return sizeof facts;
      }
      default:
        zip_error_set(&error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
  }

  zip_int64_t read(void* data, zip_uint64_t length) {
    const std::uint64_t count = std::min<std::uint64_t>(length, blob->size() - position);
    try {
      blob->read(position, {static_cast<std::byte*>(data), static_cast<std::size_t>(count)});
    } catch (const Error&) {  // must not pass through C code; libzip reports a read error instead
      zip_error_set(&error, ZIP_ER_READ, 0);
      return -1;
    }
    position += count;
    return static_cast<zip_int64_t>(count);
  }

  zip_int64_t seek(void* data, zip_uint64_t length) {
    const zip_int64_t target = zip_source_seek_compute_offset(position, blob->size(), data, length, &error);
    if (target < 0) return -1;
    position = std::min(static_cast<std::uint64_t>(target), blob->size());
    return 0;
  }

  std::shared_ptr<const Blob> blob;
  std::uint64_t position = 0;
  zip_error_t error;
};

}  // namespace

struct ZipArchive::Handle {
  explicit Handle(zip_t* opened) : archive(opened) {}
  ~Handle() { zip_discard(archive); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  zip_t* archive;
  std::mutex mutex;
};

class ZipArchive::MemberBlob final : public Blob {
 public:
  MemberBlob(std::shared_ptr<const ZipArchive> owner, std::size_t number) : archive(std::move(owner)), index(number) {}

  std::uint64_t size() const override { return archive->list[index].size; }

  ~MemberBlob() override {
    const std::lock_guard lock(archive->handle->mutex);
    file.reset();
  }

  // A read that goes on where the last one ended goes on in the same stream, so that compressed members are inflated
  // once and libzip can compare the checksum at the end.
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset > size() || out.size() > size() - offset) fail("ends too early");
    if (out.empty()) return;
    const std::lock_guard lock(archive->handle->mutex);
    if (!file || position != offset) openAt(offset);
    while (!out.empty()) out = out.subspan(take(out));
    if (position < size()) return;
    std::byte beyond;
    const zip_int64_t end = zip_fread(file.get(), &beyond, 1);
    const std::string problem = end < 0 ? zip_file_strerror(file.get()) : "goes on after its end";
    file.reset();
    if (end != 0) fail(problem);
  }

 private:
  void openAt(std::uint64_t offset) const {
    file.reset(zip_fopen_index(archive->handle->archive, index, 0));
    if (!file) fail(zip_strerror(archive->handle->archive));
    position = 0;
    if (offset == 0) return;
    if (archive->list[index].stored) {
      if (zip_fseek(file.get(), static_cast<zip_int64_t>(offset), SEEK_SET) != 0) fail("cannot be read");
      position = offset;
    }
    std::array<std::byte, 1 << 14> skipped;
    while (position != offset) {
      take(std::span(skipped).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(offset - position, skipped.size()))));
    }
  }
  std::size_t take(std::span<std::byte> out) const {
    const zip_int64_t got = zip_fread(file.get(), out.data(), out.size());
    if (got <= 0) {
      const std::string problem = got < 0 ? zip_file_strerror(file.get()) : "ends too early";
      file.reset();
      fail(problem);
    }
    position += static_cast<std::uint64_t>(got);
    return static_cast<std::size_t>(got);
  }
  [[noreturn]] void fail(const std::string& problem) const {
    refuse(archive->subject + ", member " + archive->list[index].name, problem, damagedAdvice);
  }

  struct Close {
    void operator()(zip_file_t* opened) const { zip_fclose(opened); }
  };

  std::shared_ptr<const ZipArchive> archive;
  std::size_t index;
  mutable std::unique_ptr<zip_file_t, Close> file;  // guarded by the archive's lock, as is position
  mutable std::uint64_t position = 0;
};

ZipArchive::ZipArchive(std::unique_ptr<Handle> opened, std::string name)
    : handle(std::move(opened)), subject(std::move(name)) {
  const zip_int64_t count = zip_get_num_entries(handle->archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t facts;
    constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(handle->archive, static_cast<zip_uint64_t>(i), 0, &facts) != 0 ||
        (facts.valid & needed) != needed) {
      refuse(subject, "has a member that cannot be described", damagedAdvice);
    }
    // Nothing is ever unpacked, so such a name does no harm here; but no honest writer makes one.
    const std::string_view member = facts.name;
    if (member.starts_with('/') || ("/" + std::string(member) + "/").find("/../") != member.npos) {
      refuse(subject, "has a member whose name leads out of the archive, " + std::string(member),
             "delete the file: it is an attack");
    }
    const bool stored = facts.comp_method == ZIP_CM_STORE;
    // Deflate cannot do better than 1032 : 1, so a larger claim is a lie told to make us reserve memory.
    if (stored ? facts.size != facts.comp_size : facts.size / 1032 > facts.comp_size) {
      refuse(subject, std::string("member ") + facts.name + " claims an impossible size", damagedAdvice);
    }
    list.push_back({facts.name, facts.size, stored});
  }
  // Readers differ in which of two they take, so one of them would see another file.
  std::vector<std::string_view> names;
  for (const Member& member : list) names.push_back(member.name);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    refuse(subject, "has two members named " + std::string(*twice), damagedAdvice);
  }
}

ZipArchive::~ZipArchive() = default;

namespace {

// libzip takes some 300 bytes for each member that the directory announces in 46: count them first. An end record lies
// in the last 64 kB; of several, the one that announces most counts.
void requireFewMembers(const Blob& blob, const std::string& subject) {
  const auto tail = static_cast<std::size_t>(std::min<std::uint64_t>(blob.size(), 22 + 0xffff));
  std::vector<std::byte> end(tail);
  blob.read(blob.size() - tail, end);
  std::uint64_t most = 0;
  for (std::size_t at = 0; at + 22 <= tail; ++at) {
    if (std::memcmp(end.data() + at, "PK\5\6", 4) != 0) continue;
    std::uint16_t small = 0;
    std::memcpy(&small, end.data() + at + 10, sizeof small);
    most = std::max<std::uint64_t>(most, small);
    const std::uint64_t locator = blob.size() - tail + at - 20;
    if (small != 0xffff || blob.size() - tail + at < 20) continue;
    std::array<std::byte, 20> place{};
    blob.read(locator, place);
    std::uint64_t record = 0, wide = 0;
    std::memcpy(&record, place.data() + 8, sizeof record);
    if (std::memcmp(place.data(), "PK\6\7", 4) != 0 || blob.size() < 40 || record > blob.size() - 40) continue;
    std::array<std::byte, 40> facts{};
    blob.read(record, facts);
    std::memcpy(&wide, facts.data() + 32, sizeof wide);
    most = std::max(most, wide);
  }
  if (most > 100'000 + blob.size() / 4096) {
    refuse(subject, "announces " + std::to_string(most) + " members, more than any checkpoint", damagedAdvice);
  }
}

}  // namespace

std::shared_ptr<ZipArchive> ZipArchive::open(const std::shared_ptr<const Blob>& blob, const std::string& subject) {
  requireFewMembers(*blob, subject);
  zip_error_t error;
  zip_error_init(&error);
  const auto fail = [&](const std::string& what) {
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    refuse(subject, what + " (" + reason + ")", damagedAdvice);
  };
  auto reader = std::make_unique<Source>(blob);
  zip_source_t* source = zip_source_function_create(&Source::callback, reader.get(), &error);
  if (source == nullptr) fail("cannot be read as a zip file");
  static_cast<void>(reader.release());  // now libzip's, freed by ZIP_SOURCE_FREE
  zip_t* archive = zip_open_from_source(source, ZIP_RDONLY, &error);
  if (archive == nullptr) {
    zip_source_free(source);
    fail("cannot be read as a zip file");
  }
  zip_error_fini(&error);
  auto handle = std::make_unique<Handle>(archive);
  std::shared_ptr<ZipArchive> opened(new ZipArchive(std::move(handle), subject));
  opened->bytes = blob->size();
  // libzip trusts the directory; a member must also lie inside the file.
  for (const Member& member : opened->list) {
    if (member.stored && member.size > blob->size()) {
      refuse(subject, "member " + member.name + " is larger than the file", damagedAdvice);
    }
  }
  return opened;
}

std::shared_ptr<const Blob> ZipArchive::member(std::size_t index) const {
  return std::make_shared<MemberBlob>(shared_from_this(), index);
}

}  // namespace analysis
