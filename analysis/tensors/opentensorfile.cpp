// From a path to a TensorFile: recognises formats by their first bytes, finds the other files of a sharded checkpoint,
// and looks into folders.
#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "analysis/tensors/blob.h"
#include "analysis/tensors/storedtensors.h"
#include "analysis/tensors/strictjson.h"
#include "analysis/tensors/ziparchive.h"

namespace analysis {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t largestIndex = 64 << 20;
constexpr const char* knownFormats =
    "choose a safetensors file, its index, a PyTorch checkpoint, or a NumPy or HDF5 file of filters";

enum class Format { safetensors, index, zip, npy, hdf5 };

bool startsWith(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

// The signature lies at the beginning or after a block of the user's own: at 512 bytes, or any doubling of it.
bool isHdf5(const Blob& blob) {
  std::array<std::byte, 8> signature{};
  for (std::uint64_t at = 0; blob.size() >= 8 && at <= blob.size() - 8; at = at == 0 ? 512 : 2 * at) {
    blob.read(at, signature);
    if (startsWith(signature, "\x89HDF\r\n\x1a\n")) return true;
  }
  return false;
}

Format recognise(const Blob& blob, const std::string& subject) {
  using namespace std::string_view_literals;
  if (blob.size() == 0) refuse(subject, "is empty", "copy or download it again");
  std::vector<std::byte> head(static_cast<std::size_t>(std::min<std::uint64_t>(blob.size(), 512)));
  blob.read(0, head);
  if (startsWith(head, "PK\x03\x04"sv) || startsWith(head, "PK\x05\x06"sv)) return Format::zip;
  if (startsWith(head, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv)) {
    refuse(subject, "was saved by PyTorch before 1.6", "open it in a current PyTorch and save it again");
  }
  if (startsWith(head, "\x80"sv) && head.size() > 1 && head[1] >= std::byte{2} && head[1] <= std::byte{5}) {
    refuse(subject, "is a bare pickle", "open it in a current PyTorch and save it again");
  }
  if (head.size() >= 262 && std::memcmp(head.data() + 257, "ustar", 5) == 0) {
    refuse(subject, "is a tar archive", "unpack it, or open it in a current PyTorch and save it again");
  }
  if (startsWith(head, "version https://git-lfs"sv)) {
    refuse(subject, "is a Git LFS pointer, not the file itself", "fetch it with git lfs pull");
  }
  if (startsWith(head, "\x93NUMPY"sv)) return Format::npy;
  if (isHdf5(blob)) return Format::hdf5;
  std::uint64_t length = 0;
  if (head.size() >= 9) std::memcpy(&length, head.data(), 8);
  const bool plausible = length >= 2 && length <= (std::uint64_t(1) << 40);
  if (head.size() >= 9 && head[8] == std::byte{'{'} && plausible) return Format::safetensors;
  const auto first = std::find_if(head.begin(), head.end(), [](std::byte b) {
    return b != std::byte{' '} && b != std::byte{'\n'} && b != std::byte{'\r'} && b != std::byte{'\t'};
  });
  if (first != head.end() && *first == std::byte{'{'}) return Format::index;
  if (fs::path(subject).extension() == ".safetensors") {
    refuse(subject, "does not begin like a safetensors file", damagedAdvice);
  }
  refuse(subject, "has a format that is not known here", knownFormats);
}

Contents readFile(const fs::path& path, std::shared_ptr<const Blob> blob, Format format) {
  if (format == Format::safetensors) return readSafetensors(path, blob);
  if (format == Format::npy) return readNpy(path, std::move(blob));
  if (format == Format::hdf5) return readHdf5(path);
  const auto archive = ZipArchive::open(blob, path.string());
  const auto has = [&](std::string_view ending) {
    return std::any_of(archive->members().begin(), archive->members().end(),
                       [&](const ZipArchive::Member& member) { return member.name.ends_with(ending); });
  };
  return has(".npy") && !has("data.pkl") ? readNpz(path, archive) : readTorchZip(path, archive);
}

// The pieces of a file that was cut for upload (NAME.part0, NAME.part1, ..), whichever of them is named; empty for any
// other name.
std::vector<fs::path> piecesOf(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::size_t at = name.rfind(".part");
  if (at == std::string::npos || at + 5 == name.size()) return {};
  const std::string digits = name.substr(at + 5);
  if (digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos) return {};
  std::vector<fs::path> pieces;
  const auto wanted = static_cast<std::size_t>(std::stoi(digits));
  for (std::error_code ignored;;) {
    const std::string piece = name.substr(0, at + 5) + std::to_string(pieces.size());
    if (!fs::exists(path.parent_path() / piece, ignored)) {
      if (pieces.size() <= wanted)
        refuse(path.string(), "the piece " + piece + " is missing", "put it beside the others");
      return pieces;
    }
    pieces.push_back(path.parent_path() / piece);
  }
}

std::shared_ptr<const Blob> openPieces(const std::vector<fs::path>& pieces) {
  std::vector<std::shared_ptr<const Blob>> blobs;
  blobs.reserve(pieces.size());
  for (const fs::path& piece : pieces) blobs.push_back(openFile(piece));
  return joined(std::move(blobs), pieces.front().string());
}

// The index of a sharded checkpoint: {"weight_map": {tensor: file}}.
Contents readIndex(const fs::path& path, const Blob& blob, const Task& task) {
  const std::string subject = path.string();
  const nlohmann::json index = parseStrictJson(readAll(blob, largestIndex, subject), subject, jsonBudget(blob.size()));
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty()) {
    refuse(subject, "is JSON, but no index of a sharded checkpoint", knownFormats);
  }
  std::set<std::string> files;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) refuse(subject, "names no file for tensor " + tensor, damagedAdvice);
    const auto& name = file.get_ref<const std::string&>();
    if (name.empty() || name == "." || name == ".." || name.find_first_of("/\\") != std::string::npos) {
      refuse(subject, "names the file " + name + ", which does not lie beside it", "use bare file names in the index");
    }
    files.insert(name);
  }
  Contents all;
  all.path = path;
  all.parts = {path};
  std::set<std::string> found;
  std::size_t done = 0;
  for (const std::string& name : files) {
    task.throwIfStopped();
    task.report(static_cast<double>(done++) / static_cast<double>(files.size()), "Reading " + name);
    const fs::path shardPath = path.parent_path() / name;
    std::error_code ignored;
    if (!fs::exists(shardPath, ignored))
      refuse(subject, "the shard " + name + " is missing", "put it beside the index");
    const auto shardBlob = openFile(shardPath);
    const Format format = recognise(*shardBlob, shardPath.string());
    if (format == Format::index) refuse(shardPath.string(), "is an index where a shard should be", damagedAdvice);
    Contents shard = readFile(shardPath, shardBlob, format);
    all.formatName = shard.formatName;
    all.parts.push_back(shardPath);
    for (StoredTensor& tensor : shard.tensors) {
      const auto listed = map->find(tensor.info.name);
      if (listed == map->end()) {
        all.remarks.push_back("tensor " + tensor.info.name + " of " + name + " is not in the index: skipped");
      } else if (*listed != name) {
        refuse(subject,
               "tensor " + tensor.info.name + " lies in " + name + " as well as in " + listed->get<std::string>(),
               "remove one of them");
      } else {
        found.insert(tensor.info.name);
        all.tensors.push_back(std::move(tensor));
      }
    }
    all.metadata.update(shard.metadata);
    all.remarks.insert(all.remarks.end(), shard.remarks.begin(), shard.remarks.end());
  }
  for (const auto& [tensor, file] : map->items()) {
    if (!found.contains(tensor)) {
      refuse(subject, "tensor " + tensor + " is not in its shard " + file.get<std::string>(), damagedAdvice);
    }
  }
  all.formatName += ", " + std::to_string(files.size()) + (files.size() == 1 ? " shard" : " shards");
  return all;
}

// The index that mentions this shard, if one lies beside it.
std::optional<fs::path> indexOf(const fs::path& shard) {
  if (shard.filename().string().find("-of-") == std::string::npos) return std::nullopt;
  std::error_code ignored;
  const fs::path folder = shard.has_parent_path() ? shard.parent_path() : fs::path(".");
  for (const fs::directory_entry& beside : fs::directory_iterator(folder, ignored)) {
    const std::string name = beside.path().filename().string();
    if (!name.ends_with(".index.json") || !beside.is_regular_file(ignored)) continue;
    const nlohmann::json index = parseStrictJson(
        readAll(*openFile(beside.path()), largestIndex, beside.path().string()), beside.path().string(), jsonBudget(0));
    const auto map = index.find("weight_map");
    if (map == index.end() || !map->is_object()) continue;
    if (std::any_of(map->begin(), map->end(), [&](const auto& file) { return file == shard.filename().string(); })) {
      return beside.path();
    }
  }
  return std::nullopt;
}

// The checkpoint a folder holds: an index, else the only safetensors file, else the only PyTorch file.
fs::path insideFolder(const fs::path& folder) {
  static constexpr std::array<std::array<std::string_view, 4>, 3> ranks{
      {{".index.json", "", "", ""}, {".safetensors", "", "", ""}, {".ckpt", ".pt", ".pth", ".bin"}}};
  std::error_code failed;
  std::vector<fs::path> files;
  for (const fs::directory_entry& item : fs::directory_iterator(folder, failed)) files.push_back(item.path());
  if (failed)
    refuse(folder.string(), "cannot be listed (" + failed.message() + ")", "make the folder readable for you");
  std::sort(files.begin(), files.end());
  for (const auto& endings : ranks) {
    std::vector<fs::path> fitting;
    std::copy_if(files.begin(), files.end(), std::back_inserter(fitting), [&](const fs::path& file) {
      return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) {
        return !ending.empty() && file.filename().string().ends_with(ending);
      });
    });
    if (fitting.size() == 1) return fitting.front();
    if (fitting.size() > 1) {
      refuse(folder.string(),
             "holds several checkpoints (" + fitting[0].filename().string() + ", " + fitting[1].filename().string() +
                 (fitting.size() > 2 ? ", ..)" : ")"),
             "open one of them");
    }
  }
  refuse(folder.string(), "is a folder without a checkpoint", knownFormats);
}

// approx_poles_1.pt and its kin, as StripedHyena's loader takes them: a folder of files with one tensor each.
std::vector<fs::path> modalPairFiles(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  bool poles = false;
  for (const fs::directory_entry& item : fs::directory_iterator(folder, ignored)) {
    const std::string name = item.path().filename().string();
    if (!name.starts_with("approx_") || !name.ends_with(".pt")) continue;
    poles = poles || name.starts_with("approx_poles_");
    files.push_back(item.path());
  }
  std::sort(files.begin(), files.end());
  return poles ? files : std::vector<fs::path>{};
}

Contents readModalPairs(const fs::path& folder, const std::vector<fs::path>& files) {
  Contents all;
  all.path = folder;
  all.parts = files;
  for (const fs::path& file : files) {
    const auto blob = openFile(file);
    Contents one = readFile(file, blob, recognise(*blob, file.string()));
    all.formatName = one.formatName + ", " + std::to_string(files.size()) + " files";
    for (StoredTensor& tensor : one.tensors) all.tensors.push_back(std::move(tensor));
  }
  return all;
}

// config.json beside the file describes many published models.
void addConfiguration(Contents& contents) {
  const fs::path config = contents.path.parent_path() / "config.json";
  std::error_code ignored;
  if (!fs::is_regular_file(config, ignored)) return;
  try {
    contents.metadata["config"] =
        parseStrictJson(readAll(*openFile(config), 16 << 20, config.string()), config.string(), jsonBudget(0));
  } catch (const Error& error) {  // a bad sidecar must not hide good weights, but is reported
    contents.remarks.push_back(std::string(error.what()) + " It is ignored.");
  }
}

}  // namespace

std::shared_ptr<const TensorFile> openTensorFile(const fs::path& given, const Task& task) {
  std::error_code ignored;
  const bool folder = fs::is_directory(given, ignored);
  if (const auto pairs = folder ? modalPairFiles(given) : std::vector<fs::path>{}; !pairs.empty()) {
    return makeTensorFile(readModalPairs(given, pairs));
  }
  fs::path path = folder ? insideFolder(given) : given;
  const std::vector<fs::path> pieces = piecesOf(path);
  auto blob = pieces.empty() ? openFile(path) : openPieces(pieces);
  Format format = recognise(*blob, path.string());
  if (format != Format::index) {
    if (const auto index = indexOf(path)) {
      path = *index;
      blob = openFile(path);
      format = Format::index;
    }
  }
  Contents contents = format == Format::index ? readIndex(path, *blob, task) : readFile(path, blob, format);
  if (format != Format::index && path.filename().string().find("-of-0") != std::string::npos) {
    contents.remarks.push_back(path.filename().string() + " is one shard of several, and no index lies beside it");
  }
  if (!pieces.empty()) {
    contents.parts = pieces;
    contents.formatName += ", " + std::to_string(pieces.size()) + " pieces";
  }
  addConfiguration(contents);
  return makeTensorFile(std::move(contents));
}

}  // namespace analysis
