#include "analysis/tensors/picklemeaning.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string_view>

#include "analysis/tensors/blob.h"

namespace analysis {
namespace {

using Kind = PickleNode::Kind;

template <std::size_t n>
bool isOneOf(std::string_view word, const std::array<std::string_view, n>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct StorageType {
  DataType type;
  int bytes;
};

const std::map<std::string, StorageType, std::less<>>& storageTypes() {
  static const std::map<std::string, StorageType, std::less<>> table{
      {"torch.FloatStorage", {DataType::f32, 4}},
      {"torch.DoubleStorage", {DataType::f64, 8}},
      {"torch.HalfStorage", {DataType::f16, 2}},
      {"torch.BFloat16Storage", {DataType::bf16, 2}},
      {"torch.LongStorage", {DataType::i64, 8}},
      {"torch.IntStorage", {DataType::i32, 4}},
      {"torch.ShortStorage", {DataType::i16, 2}},
      {"torch.CharStorage", {DataType::i8, 1}},
      {"torch.ByteStorage", {DataType::u8, 1}},
      {"torch.BoolStorage", {DataType::boolean, 1}},
      {"torch.ComplexFloatStorage", {DataType::c64, 8}},
      {"torch.ComplexDoubleStorage", {DataType::c128, 16}},
      {"torch.storage.UntypedStorage", {DataType::unsupported, 1}}};
  return table;
}

const std::map<std::string, DataType, std::less<>>& elementTypes() {
  static const std::map<std::string, DataType, std::less<>> table{{"torch.float32", DataType::f32},
                                                                  {"torch.float64", DataType::f64},
                                                                  {"torch.float16", DataType::f16},
                                                                  {"torch.half", DataType::f16},
                                                                  {"torch.float", DataType::f32},
                                                                  {"torch.double", DataType::f64},
                                                                  {"torch.bfloat16", DataType::bf16},
                                                                  {"torch.int64", DataType::i64},
                                                                  {"torch.int32", DataType::i32},
                                                                  {"torch.int16", DataType::i16},
                                                                  {"torch.int8", DataType::i8},
                                                                  {"torch.uint8", DataType::u8},
                                                                  {"torch.uint16", DataType::u16},
                                                                  {"torch.uint32", DataType::u32},
                                                                  {"torch.uint64", DataType::u64},
                                                                  {"torch.float8_e4m3fn", DataType::f8e4m3},
                                                                  {"torch.float8_e5m2", DataType::f8e5m2},
                                                                  {"torch.float8_e4m3fnuz", DataType::f8e4m3fnuz},
                                                                  {"torch.float8_e5m2fnuz", DataType::f8e5m2fnuz},
                                                                  {"torch.float8_e8m0fnu", DataType::f8e8m0},
                                                                  {"torch.bool", DataType::boolean},
                                                                  {"torch.complex64", DataType::c64},
                                                                  {"torch.complex128", DataType::c128}};
  return table;
}

bool integers(const PickleNode& list, std::vector<std::int64_t>& out) {
  if (list.kind != Kind::list) return false;
  for (const PickleNode* item : list.items) {
    if (item->kind != Kind::integer || !item->text.empty()) return false;
    out.push_back(item->integer);
  }
  return true;
}

bool isTrue(const PickleNode* node) {
  return node != nullptr && node->kind == Kind::boolean && node->integer != 0;
}

// torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]); v3 has the element
// type before the metadata, over a storage of bytes.
PickleNode* tensorNode(const PickleNode& arguments, bool typed, const MakeNode& make, const std::string& subject) {
  const std::vector<PickleNode*>& given = arguments.items;
  auto tensor = std::make_unique<PickledTensor>();
  const bool formed = arguments.kind == Kind::list && given.size() >= (typed ? 7u : 6u) &&
                      given[0]->kind == Kind::storage && given[1]->kind == Kind::integer && given[1]->text.empty() &&
                      integers(*given[2], tensor->shape) && integers(*given[3], tensor->strides) &&
                      tensor->shape.size() == tensor->strides.size();
  if (!formed) refuse(subject, "rebuilds a tensor from arguments of the wrong form", damagedAdvice);
  const PickledTensor& storage = *given[0]->tensor;
  tensor->storageKey = storage.storageKey;
  tensor->type = storage.type;
  tensor->typeName = storage.typeName;
  tensor->storageBytes = storage.storageBytes;
  tensor->offset = given[1]->integer;
  if (typed) {
    tensor->typeName = given[6]->text;
    const auto known = elementTypes().find(tensor->typeName);
    tensor->type = known == elementTypes().end() ? DataType::unsupported : known->second;
  }
  const std::size_t metadataAt = typed ? 7 : 6;
  if (given.size() > metadataAt) {
    tensor->conjugated = isTrue(entry(*given[metadataAt], "conj"));
    tensor->negated = isTrue(entry(*given[metadataAt], "neg"));
  }
  PickleNode* node = make(Kind::tensor);
  node->tensor = std::move(tensor);
  return node;
}

PickleNode* mapNode(const PickleNode& arguments, const MakeNode& make) {
  PickleNode* map = make(Kind::map);
  for (const PickleNode* argument : arguments.items) {  // defaultdict's first argument is its factory, a global
    if (argument->kind == Kind::map)
      map->items.insert(map->items.end(), argument->items.begin(), argument->items.end());
    if (argument->kind != Kind::list) continue;
    for (const PickleNode* pair : argument->items) {
      if (pair->kind != Kind::list || pair->items.size() != 2) continue;
      map->items.push_back(pair->items[0]);
      map->items.push_back(pair->items[1]);
    }
  }
  return map;
}

PickleNode* listNode(const PickleNode& arguments, const MakeNode& make) {
  PickleNode* list = make(Kind::list);
  if (!arguments.items.empty() && arguments.items[0]->kind == Kind::list) list->items = arguments.items[0]->items;
  return list;
}

}  // namespace

void refuseDangerous(const std::string& module, const std::string& name, const std::string& subject) {
  static constexpr std::array<std::string_view, 11> modules{
      "os", "posix", "nt", "sys", "subprocess", "socket", "shutil", "ctypes", "importlib", "runpy", "marshal"};
  static constexpr std::array<std::string_view, 5> functions{"eval", "exec", "compile", "open", "__import__"};
  const std::string root = module.substr(0, module.find('.'));
  const bool builtin = root == "builtins" || root == "__builtin__" || root == "io" || root == "_io";
  if (isOneOf(root, modules) || (builtin && isOneOf(name, functions))) {
    refuse(subject, "asks to run " + module + "." + name + ", which no honest checkpoint does",
           "delete the file: it is an attack");
  }
}

std::string qualifiedName(const std::string& module, const std::string& name) {
  if (module == "__builtin__") return "builtins." + name;
  if (module == "copy_reg") return "copyreg." + name;
  return module + "." + name;
}

PickleNode* meaningOfCall(PickleNode* callee, PickleNode* arguments, const MakeNode& make, const std::string& subject) {
  static constexpr std::array<std::string_view, 4> maps{"collections.OrderedDict", "builtins.dict",
                                                        "collections.defaultdict", "collections.Counter"};
  static constexpr std::array<std::string_view, 5> lists{"torch.Size", "builtins.set", "builtins.frozenset",
                                                         "builtins.list", "builtins.tuple"};
  const std::string& name = callee->text;
  if (callee->kind == Kind::global) {
    if (isOneOf(name, maps)) return mapNode(*arguments, make);
    if (isOneOf(name, lists)) return listNode(*arguments, make);
    if (name == "torch._utils._rebuild_tensor_v2") return tensorNode(*arguments, false, make, subject);
    if (name == "torch._utils._rebuild_tensor_v3") return tensorNode(*arguments, true, make, subject);
    const bool parameter =
        name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state";
    if (parameter && !arguments->items.empty()) return arguments->items[0];
    if ((name == "_codecs.encode" || name == "builtins.bytearray") && !arguments->items.empty()) {
      PickleNode* bytes = make(Kind::bytes);
      bytes->text = arguments->items[0]->text;
      return bytes;
    }
    if (name == "torch.device" && !arguments->items.empty()) return arguments->items[0];
  }
  PickleNode* object = make(Kind::object);
  object->text = name.empty() ? "an unnamed object" : name;
  object->items = arguments->items;
  return object;
}

PickleNode* meaningOfPersistentId(const PickleNode& id, const MakeNode& make, const std::string& subject) {
  const std::vector<PickleNode*>& given = id.items;
  const bool formed = id.kind == Kind::list && given.size() >= 5 && given[0]->text == "storage" &&
                      given[1]->kind == Kind::global && given[2]->kind == Kind::text &&
                      given[4]->kind == Kind::integer && given[4]->text.empty();
  if (!formed) refuse(subject, "has a storage reference of an unknown form", damagedAdvice);
  PickleNode* node = make(Kind::storage);
  node->tensor = std::make_unique<PickledTensor>();
  PickledTensor& storage = *node->tensor;
  storage.storageKey = given[2]->text;
  storage.typeName = given[1]->text;
  const auto known = storageTypes().find(storage.typeName);
  if (known != storageTypes().end()) {
    storage.type = known->second.type;
    const std::int64_t count = given[4]->integer;
    if (count < 0 || count > std::numeric_limits<std::int64_t>::max() / known->second.bytes) {
      refuse(subject, "has a storage of an absurd size", damagedAdvice);
    }
    storage.storageBytes = count * known->second.bytes;
  }
  return node;
}

void applyState(PickleNode& target, PickleNode* state) {
  // A map's state is bookkeeping (_metadata of a state_dict); what an object would do with its state is unknown.
  if (target.kind == Kind::object) target.items.push_back(state);
}

}  // namespace analysis
