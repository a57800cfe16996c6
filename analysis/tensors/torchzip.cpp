// PyTorch's zip format since 1.6: <root>/data.pkl describes tensors whose storages are the members <root>/data/<key>.
#include <algorithm>
#include <array>
#include <limits>
#include <map>

#include "analysis/tensors/elements.h"
#include "analysis/tensors/pickle.h"
#include "analysis/tensors/storedtensors.h"
#include "analysis/tensors/ziparchive.h"

namespace analysis {
namespace {

using Kind = PickleNode::Kind;

constexpr std::uint64_t largestPickle = 64 << 20;
// Opening a file may take this much memory, and as much again as the file is large, for the pickle, for what it
// becomes, and for the names of the tensors each.
constexpr std::uint64_t freeBytes = 16 << 20;
// A tensor may repeat its storage (stride 0); without a bound a few bytes could ask for terabytes.
constexpr std::uint64_t largestRepetition = std::uint64_t(1) << 24;
constexpr int mostEntries = 1'000'000;

bool endsWith(const std::string& text, std::string_view end) {
  return std::string_view(text).ends_with(end);
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, std::shared_ptr<ZipArchive> opened)
      : archive(std::move(opened)), subject(path.string()) {
    contents.path = path;
    contents.parts = {path};
    contents.formatName = "PyTorch zip";
    for (std::size_t i = 0; i < archive->members().size(); ++i) members.emplace(archive->members()[i].name, i);
  }

  Contents read() {
    findRoot();
    const std::vector<std::byte> text =
        readAll(*member("data.pkl"), std::min(largestPickle, freeBytes + archive->size()), subject + ", data.pkl");
    const Pickle pickle = Pickle::parse(text, subject, freeBytes + archive->size());
    nameBudget = freeBytes + archive->size();
    takeTopLevel(pickle.root());
    return std::move(contents);
  }

 private:
  void findRoot() {
    const auto pickle = std::find_if(members.begin(), members.end(), [](const auto& known) {
      return known.first == "data.pkl" ||
             (endsWith(known.first, "/data.pkl") && std::count(known.first.begin(), known.first.end(), '/') == 1);
    });
    if (pickle == members.end()) {
      refuse(subject, "is a zip file, but holds no PyTorch checkpoint", "choose a file written by torch.save");
    }
    root = pickle->first.substr(0, pickle->first.size() - std::string_view("data.pkl").size());
    if (members.contains(root + "constants.pkl")) {
      refuse(subject, "is a TorchScript program, not a checkpoint", "save the model's state_dict with torch.save");
    }
    if (members.contains(root + "byteorder")) {
      const std::vector<std::byte> order = readAll(*member("byteorder"), 16, subject + ", byteorder");
      bigEndian = !order.empty() && order[0] == std::byte{'b'};
    }
  }

  std::shared_ptr<const Blob> member(const std::string& name) const {
    const auto known = members.find(root + name);
    if (known == members.end()) refuse(subject, "lacks its member " + root + name, damagedAdvice);
    return archive->member(known->second);
  }

  void takeTopLevel(const PickleNode& top) {
    if (top.kind == Kind::tensor) {
      add(contents.path.stem().string(), top);
      return;
    }
    if (top.kind != Kind::map) refuse(subject, "holds neither tensors nor a state_dict", "choose a checkpoint");
    const PickleNode* weights = &top;
    for (const char* key : {"state_dict", "model_state_dict", "model", "module"}) {
      const PickleNode* inner = entry(top, key);
      if (inner == nullptr || inner->kind != Kind::map) continue;
      weights = inner;
      break;
    }
    if (weights != &top) describe(top, weights);
    addAll(*weights, "", 0);
    if (contents.tensors.empty()) refuse(subject, "holds no tensors", "choose a checkpoint");
  }

  // Plain entries are configuration. Optimizer states and callbacks of a trainer are named only.
  void describe(const PickleNode& map, const PickleNode* weights) {
    for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
      const PickleNode& value = *map.items[i + 1];
      if (&value != weights && map.items[i]->kind == Kind::text) describe(map.items[i]->text, value);
    }
  }
  void describe(const std::string& key, const PickleNode& value) {
    static constexpr std::array<std::string_view, 4> unread{"optimizer_states", "optimizer", "lr_schedulers",
                                                            "callbacks"};
    const bool named = std::find(unread.begin(), unread.end(), key) != unread.end();
    const int share = std::min(budget, 20'000);  // one entry that repeats itself must not eat up the others
    int left = share;
    contents.metadata[key] = named ? nlohmann::json("not read") : toJson(value, left);
    budget -= share - std::max(left, 0);
  }

  void addAll(const PickleNode& map, const std::string& prefix, int depth) {
    constexpr int deepest = 8;
    for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
      if (++visited > mostEntries) refuse(subject, "holds more entries than any checkpoint", damagedAdvice);
      const PickleNode& key = *map.items[i];
      const PickleNode& value = *map.items[i + 1];
      if (key.kind != Kind::text && key.kind != Kind::integer) continue;
      constexpr std::uint64_t entryBytes = 256;
      const std::uint64_t cost = entryBytes + 2 * (prefix.size() + key.text.size());
      if (cost > nameBudget) refuse(subject, "names more tensors than any checkpoint", damagedAdvice);
      nameBudget -= cost;
      const std::string name = prefix + (key.kind == Kind::text ? key.text : std::to_string(key.integer));
      if (value.kind == Kind::tensor) {
        add(name, value);
      } else if (value.kind == Kind::map && depth < deepest && holdsTensor(value)) {
        addAll(value, name + ".", depth + 1);
      } else if (value.kind == Kind::object || value.kind == Kind::bytes) {
        contents.remarks.push_back("tensor " + name + " uses class " +
                                   (value.kind == Kind::bytes ? "bytes" : value.text) + ", not supported: skipped");
      } else if (prefix.empty()) {
        describe(name, value);
      }
    }
  }

  static bool holdsTensor(const PickleNode& map) {
    for (std::size_t i = 1; i < map.items.size(); i += 2) {
      if (map.items[i]->kind == Kind::tensor) return true;
    }
    return false;
  }

  void add(const std::string& name, const PickleNode& node) {
    const PickledTensor& pickled = *node.tensor;
    const std::string where = subject + ", tensor " + name;
    StoredTensor stored;
    stored.info = {name, pickled.type, pickled.typeName, pickled.shape, 0, contents.path.filename().string()};
    const auto count = elementCount(pickled.shape);
    if (!count) refuse(where, "has an absurd shape", damagedAdvice);
    stored.info.elementCount = *count;
    stored.blob = storage(pickled.storageKey, *count == 0);
    stored.bigEndian = bigEndian;
    stored.negated = pickled.negated;
    stored.conjugated = pickled.conjugated;
    if (pickled.type == DataType::unsupported) {  // its elements have no known size, but at least a bit each
      if (*count > std::max(8 * stored.blob->size(), largestRepetition))
        refuse(where, "has an absurd shape", damagedAdvice);
    } else if (*count > 0) {
      place(pickled, stored, where);
    }
    contents.tensors.push_back(std::move(stored));
  }

  std::shared_ptr<const Blob> storage(const std::string& key, bool mayBeAbsent) {
    auto& known = storages[key];
    if (!known && mayBeAbsent && !members.contains(root + "data/" + key)) return known = joined({}, subject);
    if (!known) known = member("data/" + key);
    return known;
  }

  // Checks that every element lies inside the storage, without trusting any of the numbers.
  void place(const PickledTensor& pickled, StoredTensor& stored, const std::string& where) const {
    const std::uint64_t size = byteSize(pickled.type);
    if (pickled.storageBytes >= 0 && static_cast<std::uint64_t>(pickled.storageBytes) > stored.blob->size()) {
      refuse(where, "lies in a storage that is shorter than announced", damagedAdvice);
    }
    const std::uint64_t held = stored.blob->size() / size;
    bool inside = pickled.offset >= 0 && static_cast<std::uint64_t>(pickled.offset) < held;
    std::uint64_t last = inside ? static_cast<std::uint64_t>(pickled.offset) : 0;
    for (std::size_t d = 0; inside && d < pickled.shape.size(); ++d) {
      const auto steps = static_cast<std::uint64_t>(pickled.shape[d] - 1);
      const std::int64_t stride = pickled.strides[d];
      if (stride < 0) refuse(where, "has a negative stride", "save it as a contiguous tensor");
      if (steps == 0 || stride == 0) continue;
      inside = static_cast<std::uint64_t>(stride) <= (held - 1 - last) / steps;
      last += inside ? steps * static_cast<std::uint64_t>(stride) : 0;
    }
    if (!inside) refuse(where, "reaches beyond its storage", damagedAdvice);
    if (stored.info.elementCount > std::max(held, largestRepetition)) {
      refuse(where, "repeats its storage too often", "save it as a contiguous tensor");
    }
    stored.firstElement = static_cast<std::uint64_t>(pickled.offset);
    const std::vector<std::int64_t> plain = rowMajorStrides(pickled.shape);
    for (std::size_t d = 0; d < plain.size(); ++d) {
      if (pickled.shape[d] > 1 && pickled.strides[d] != plain[d]) {
        stored.strides = pickled.strides;
        break;
      }
    }
  }

  std::shared_ptr<ZipArchive> archive;
  std::string subject, root;
  std::map<std::string, std::size_t, std::less<>> members;
  std::map<std::string, std::shared_ptr<const Blob>, std::less<>> storages;
  bool bigEndian = false;
  int budget = 100'000;  // JSON nodes of metadata
  int visited = 0;       // maps may refer to each other in circles
  std::uint64_t nameBudget = 0;
  Contents contents;
};

}  // namespace

Contents readTorchZip(const std::filesystem::path& path, std::shared_ptr<ZipArchive> archive) {
  return Reader(path, std::move(archive)).read();
}

}  // namespace analysis
