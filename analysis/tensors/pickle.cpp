#include "analysis/tensors/pickle.h"

#include <bit>
#include <cstdio>
#include <cstring>
#include <unordered_map>

#include "analysis/tensors/blob.h"
#include "analysis/tensors/picklemeaning.h"
#include "analysis/tensors/strictjson.h"

namespace analysis {
namespace {

using Kind = PickleNode::Kind;

// What a node, a place in a container or on the stack costs; vectors may hold twice what they need.
constexpr std::uint64_t nodeBytes = sizeof(PickleNode) + 16, placeBytes = 2 * sizeof(void*);

// The stack machine (Python's pickletools documents each opcode). The case labels are the opcodes' bytes.
class Interpreter {
 public:
  Interpreter(std::span<const std::byte> stream, const std::string& name, std::uint64_t budgetBytes,
              std::deque<PickleNode>& made)
      : bytes(stream), subject(name), nodes(made), budget(budgetBytes) {}

  PickleNode* run() {
    for (;;) {
      opcodeAt = at;
      const auto opcode = static_cast<unsigned char>(number(1));
      if (opcode == '.') break;
      if (!constant(opcode) && !container(opcode) && !memory(opcode) && !meaning(opcode)) {
        char spelled[8];
        std::snprintf(spelled, sizeof spelled, "0x%02x", opcode);
        fail(std::string("uses the opcode ") + spelled + ", which no checkpoint needs,");
      }
    }
    PickleNode* root = pop();
    if (at != bytes.size()) fail("goes on after its end");
    return root;
  }

 private:
  // Values that stand for themselves.
  bool constant(unsigned char opcode) {
    switch (opcode) {
      case 'N':
        push(Kind::none);
        return true;
      case 0x88:
        push(Kind::boolean)->integer = 1;
        return true;
      case 0x89:
        push(Kind::boolean);
        return true;
      case 'K':
        push(Kind::integer)->integer = static_cast<std::int64_t>(number(1));
        return true;
      case 'M':
        push(Kind::integer)->integer = static_cast<std::int64_t>(number(2));
        return true;
      case 'J':
        push(Kind::integer)->integer = static_cast<std::int32_t>(number(4));
        return true;
      case 0x8a:
        longInteger(number(1));
        return true;
      case 0x8b:
        longInteger(number(4));
        return true;
      case 'G': {
        std::uint64_t bits = number(8);  // the only big-endian number of the format
        std::uint64_t turned = 0;
        for (int i = 0; i < 8; ++i, bits >>= 8) turned = turned << 8 | (bits & 255);
        push(Kind::real)->real = std::bit_cast<double>(turned);
        return true;
      }
      case 0x8c:
        textOf(Kind::text, number(1));
        return true;
      case 'X':
        textOf(Kind::text, number(4));
        return true;
      case 0x8d:
        textOf(Kind::text, number(8));
        return true;
      case 'U':
        textOf(Kind::text, number(1));
        return true;
      case 'T':
        textOf(Kind::text, number(4));
        return true;
      case 'C':
        textOf(Kind::bytes, number(1));
        return true;
      case 'B':
        textOf(Kind::bytes, number(4));
        return true;
      case 0x8e:
      case 0x96:
        textOf(Kind::bytes, number(8));
        return true;
      default:
        return false;
    }
  }

  bool container(unsigned char opcode) {
    switch (opcode) {
      case '}':
        push(Kind::map);
        return true;
      case ']':
      case ')':
      case 0x8f:
        push(Kind::list);
        return true;
      case '(':
        spend(placeBytes);
        marks.push_back(stack.size());
        return true;
      case '1':
        popToMark();
        return true;
      case 't':
      case 'l':
      case 0x91: {
        std::vector<PickleNode*> items = popToMark();
        spend(placeBytes * items.size());
        push(Kind::list)->items = std::move(items);
        return true;
      }
      case 'd': {
        std::vector<PickleNode*> items = popToMark();
        if (items.size() % 2 != 0) fail("has a key without a value");
        spend(placeBytes * items.size());
        push(Kind::map)->items = std::move(items);
        return true;
      }
      case 0x85:
      case 0x86:
      case 0x87: {
        std::vector<PickleNode*> items(opcode - 0x84u);
        for (auto item = items.rbegin(); item != items.rend(); ++item) *item = pop();
        spend(placeBytes * items.size());
        push(Kind::list)->items = std::move(items);
        return true;
      }
      case 'a': {
        PickleNode* item = pop();
        extend({item}, 1);
        return true;
      }
      case 's': {
        PickleNode* value = pop();
        PickleNode* key = pop();
        extend({key, value}, 2);
        return true;
      }
      case 'e':
      case 0x90:
        extend(popToMark(), 1);
        return true;
      case 'u':
        extend(popToMark(), 2);
        return true;
      default:
        return false;
    }
  }

  bool memory(unsigned char opcode) {
    switch (opcode) {
      case 0x80:
        if (number(1) > 5) fail("has a protocol above 5");
        return true;
      case 0x95:
        number(8);
        return true;  // FRAME: a hint for buffering
      case '0':
        // Python pops a mark that lies on top just as well.
        if (!marks.empty() && marks.back() == stack.size()) {
          marks.pop_back();
        } else {
          pop();
        }
        return true;
      case '2':
        put(top());
        return true;
      case 'q':
        remember(number(1));
        return true;
      case 'r':
        remember(number(4));
        return true;
      case 0x94:
        remember(memo.size());
        return true;
      case 'h':
        recall(number(1));
        return true;
      case 'j':
        recall(number(4));
        return true;
      default:
        return false;
    }
  }

  // Names and what is done with them.
  bool meaning(unsigned char opcode) {
    const MakeNode maker = [this](Kind kind) { return make(kind); };
    switch (opcode) {
      case 'c': {
        const std::string module = line();
        global(module, line());
        return true;
      }
      case 0x93: {
        const PickleNode* name = pop();
        const PickleNode* module = pop();
        if (name->kind != Kind::text || module->kind != Kind::text) fail("names a class by something else than text");
        global(module->text, name->text);
        return true;
      }
      case 'R':
      case 0x81: {
        PickleNode* arguments = pop();
        PickleNode* callee = pop();
        putMade(meaningOfCall(callee, arguments, maker, subject));
        return true;
      }
      case 0x92: {
        PickleNode* keywords = pop();
        PickleNode* arguments = pop();
        PickleNode* made = meaningOfCall(pop(), arguments, maker, subject);
        applyState(*made, keywords);
        putMade(made);
        return true;
      }
      case 'b': {
        PickleNode* state = pop();
        spend(placeBytes);
        applyState(*top(), state);
        return true;
      }
      case 'Q': {
        const PickleNode* id = pop();
        putMade(meaningOfPersistentId(*id, maker, subject));
        return true;
      }
      default:
        return false;
    }
  }

  void global(const std::string& module, const std::string& name) {
    refuseDangerous(module, name, subject);
    spend(module.size() + name.size());
    push(Kind::global)->text = qualifiedName(module, name);
  }

  void extend(const std::vector<PickleNode*>& items, std::size_t group) {
    PickleNode* target = top();
    if (items.size() % group != 0) fail("has a key without a value");
    const bool fits = target->kind == Kind::object || target->kind == (group == 2 ? Kind::map : Kind::list);
    if (!fits) fail("adds members to something that has none");
    spend(placeBytes * items.size());
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  void longInteger(std::uint64_t length) {
    const std::span<const std::byte> digits = take(length);
    PickleNode* node = push(Kind::integer);
    if (length > 8) {
      node->text = "an integer of " + std::to_string(length) + " bytes";
      return;
    }
    std::uint64_t value = 0;
    std::memcpy(&value, digits.data(), digits.size());
    const bool negative = length > 0 && (digits.back() & std::byte{0x80}) != std::byte{0};
    if (negative && length < 8) value |= ~std::uint64_t(0) << (8 * length);
    node->integer = static_cast<std::int64_t>(value);
  }

  void textOf(Kind kind, std::uint64_t length) {
    const std::span<const std::byte> text = take(length);
    spend(text.size());
    std::string copy(reinterpret_cast<const char*>(text.data()), text.size());
    if (kind == Kind::text && !isUtf8(copy)) fail("holds text that is not UTF-8");
    push(kind)->text = std::move(copy);
  }

  std::string line() {
    std::string text;
    for (;;) {
      const auto letter = static_cast<char>(number(1));
      if (letter == '\n') break;
      text += letter;
    }
    if (!isUtf8(text)) fail("holds text that is not UTF-8");
    return text;
  }

  void recall(std::uint64_t index) {
    const auto known = memo.find(index);
    if (known == memo.end()) fail("refers to a value it never stored");
    put(known->second);
  }

  std::span<const std::byte> take(std::uint64_t length) {
    if (length > bytes.size() - at) fail("ends too early");
    const auto taken = bytes.subspan(at, static_cast<std::size_t>(length));
    at += taken.size();
    return taken;
  }

  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, take(size).data(), size);
    return value;
  }

  PickleNode* make(Kind kind) {
    spend(nodeBytes);
    nodes.emplace_back().kind = kind;
    return &nodes.back();
  }
  PickleNode* push(Kind kind) {
    put(make(kind));
    return stack.back();
  }
  void put(PickleNode* node) {
    spend(placeBytes);
    stack.push_back(node);
  }
  // A node that was made of others: it may share their texts and members, but has copies of them.
  void putMade(PickleNode* node) {
    spend(node->text.size() + placeBytes * node->items.size());
    if (node->tensor) {
      spend(sizeof(PickledTensor) + node->tensor->storageKey.size() + node->tensor->typeName.size() +
            placeBytes * (node->tensor->shape.size() + node->tensor->strides.size()));
    }
    put(node);
  }
  void spend(std::uint64_t more) {
    if (more > budget) fail("takes more memory than any checkpoint needs");
    budget -= more;
  }
  void remember(std::uint64_t index) {
    constexpr std::uint64_t entryBytes = 64;  // of a hash table
    spend(entryBytes);
    memo[index] = top();
  }

  // The stack above the last mark is all that an opcode may touch.
  std::size_t floor() const { return marks.empty() ? 0 : marks.back(); }
  PickleNode* top() const {
    if (stack.size() <= floor()) fail("takes a value that is not there");
    return stack.back();
  }
  PickleNode* pop() {
    PickleNode* value = top();
    stack.pop_back();
    return value;
  }
  std::vector<PickleNode*> popToMark() {
    if (marks.empty()) fail("takes a mark that is not there");
    const auto begin = stack.begin() + static_cast<std::ptrdiff_t>(marks.back());
    marks.pop_back();
    std::vector<PickleNode*> items(begin, stack.end());
    stack.erase(begin, stack.end());
    return items;
  }

  [[noreturn]] void fail(const std::string& problem) const {
    refuse(subject, "the pickle " + problem + " at byte " + std::to_string(opcodeAt), damagedAdvice);
  }

  std::span<const std::byte> bytes;
  const std::string& subject;
  std::deque<PickleNode>& nodes;
  std::size_t at = 0, opcodeAt = 0;
  std::vector<PickleNode*> stack;
  std::vector<std::size_t> marks;
  std::unordered_map<std::uint64_t, PickleNode*> memo;
  std::uint64_t budget;
};

}  // namespace

Pickle Pickle::parse(std::span<const std::byte> bytes, const std::string& subject, std::uint64_t budgetBytes) {
  Pickle pickle;
  pickle.m_root = Interpreter(bytes, subject, budgetBytes, pickle.m_nodes).run();
  return pickle;
}

}  // namespace analysis
