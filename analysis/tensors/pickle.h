// A pickle, read as data. The interpreter builds inert nodes: containers, plain values, descriptions of tensors, and
// for every class or function it does not know a node that remembers its name. Nothing is ever called or imported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "analysis/tensors/tensorfile.h"

namespace analysis {

// A tensor as the pickle describes it; sizes and strides are not yet checked against any file.
struct PickledTensor {
  std::string storageKey;  // member data/<key> of the archive
  DataType type = DataType::unsupported;
  std::string typeName;
  std::int64_t storageBytes = -1;  // -1: of unknown element size
  std::int64_t offset = 0;         // elements
  std::vector<std::int64_t> shape, strides;
  bool negated = false, conjugated = false;
};

struct PickleNode {
  enum class Kind { none, boolean, integer, real, text, bytes, list, map, global, storage, tensor, object };
  Kind kind = Kind::none;
  std::int64_t integer = 0;  // boolean, integer
  double real = 0;
  std::string text;                // text, bytes; global and object: "module.name"; integers beyond 64 bits
  std::vector<PickleNode*> items;  // list (also tuple, set): members; map: key, value, key, value ..; object: arguments
  std::unique_ptr<PickledTensor> tensor;  // tensor; storage (key, type and bytes only)
};

class Pickle {
 public:
  // Throws Error(input), naming opcode and byte, for what is not listed in the page on file formats, for a damaged
  // stream, for globals that only an attack would name, and when its values would take more than `budgetBytes` of
  // memory (a stream may ask for the same megabyte a thousand times).
  static Pickle parse(std::span<const std::byte> bytes, const std::string& subject, std::uint64_t budgetBytes);

  const PickleNode& root() const { return *m_root; }

 private:
  std::deque<PickleNode> m_nodes;  // owns all; nodes may refer to each other in circles
  PickleNode* m_root = nullptr;
};

// The value for this key of a map; nullptr when absent or no map. The last of equal keys counts, as in Python.
const PickleNode* entry(const PickleNode& map, std::string_view key);

// Plain values as JSON; tensors and unknown classes become short texts. At most `budget` nodes are written (a pickle
// may refer to one list a thousand times, or to itself), a text counting one for every 64 letters: the rest is "...".
nlohmann::json toJson(const PickleNode&, int& budget);

}  // namespace analysis
