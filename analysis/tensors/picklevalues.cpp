// Reading what a pickle was turned into.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/tensors/pickle.h"

namespace analysis {
namespace {

using Kind = PickleNode::Kind;

nlohmann::json plainOrText(const PickleNode& node, int& budget, int depth) {
  constexpr int deepest = 32;
  budget -= 1 + static_cast<int>(std::min<std::size_t>(node.text.size() / 64, 1 << 24));
  if (budget < 0 || depth > deepest) return "...";
  switch (node.kind) {
    case Kind::none:
      return nullptr;
    case Kind::boolean:
      return node.integer != 0;
    case Kind::integer:
      return node.text.empty() ? nlohmann::json(node.integer) : nlohmann::json(node.text);
    case Kind::real:
      return std::isfinite(node.real) ? nlohmann::json(node.real) : nlohmann::json("not finite");
    case Kind::text:
      return node.text;
    case Kind::bytes:
      return std::to_string(node.text.size()) + " bytes";
    case Kind::global:
    case Kind::object:
      return node.text;
    case Kind::storage:
    case Kind::tensor:
      return "a tensor";
    case Kind::list: {
      nlohmann::json list = nlohmann::json::array();
      for (const PickleNode* item : node.items) {
        list.push_back(plainOrText(*item, budget, depth + 1));
        if (budget < 0) break;
      }
      return list;
    }
    case Kind::map: {
      nlohmann::json map = nlohmann::json::object();
      for (std::size_t i = 0; i + 1 < node.items.size() && budget >= 0; i += 2) {
        const PickleNode& key = *node.items[i];
        budget -= static_cast<int>(std::min<std::size_t>(key.text.size() / 64, 1 << 24));
        const std::string name = key.kind == Kind::text      ? key.text
                                 : key.kind == Kind::integer ? std::to_string(key.integer)
                                                             : key.text;
        map[name] = plainOrText(*node.items[i + 1], budget, depth + 1);
      }
      return map;
    }
  }
  return nullptr;
}

}  // namespace

const PickleNode* entry(const PickleNode& map, std::string_view key) {
  if (map.kind != Kind::map) return nullptr;
  const PickleNode* found = nullptr;
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i]->kind == Kind::text && map.items[i]->text == key) found = map.items[i + 1];
  }
  return found;
}

nlohmann::json toJson(const PickleNode& node, int& budget) {
  return plainOrText(node, budget, 0);
}

}  // namespace analysis
