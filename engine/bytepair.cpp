#include "engine/bytepair.h"

#include <clocale>
#include <cwctype>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unordered_map>

#include "engine/error.h"

namespace engine {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& problem) {
  throw Error(ErrorKind::input, path.string(), problem,
              "point to a tokenizer.json, a vocab.json with merges.txt beside it, or their folder");
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) refuse(path, "it cannot be read");
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

std::string utf8(char32_t code) {
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
  if (code < 0x10000)
    return {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
            static_cast<char>(0x80 | (code & 0x3F))};
  return {static_cast<char>(0xF0 | (code >> 18)), static_cast<char>(0x80 | ((code >> 12) & 0x3F)),
          static_cast<char>(0x80 | ((code >> 6) & 0x3F)), static_cast<char>(0x80 | (code & 0x3F))};
}

// One code point of the text; a byte that begins none stands for itself.
struct Point {
  char32_t code = 0;
  std::size_t size = 1;
};

Point pointAt(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
  if (size == 1 || at + size > text.size()) return {first, 1};
  char32_t code = first & (0xFF >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {first, 1};
    code = (code << 6) | (byte(at + i) & 0x3F);
  }
  return {code, size};
}

enum class Class { letter, number, space, other };

Class classOf(char32_t code) {
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (code == ' ' || (code >= '\t' && code <= '\r') || code == 0x85 || code == 0xA0 || code == 0x3000)
    return Class::space;
  if (code >= '0' && code <= '9') return Class::number;
  if (code < 0x80) return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ? Class::letter : Class::other;
  if (!unicode) return Class::other;
  if (iswspace_l(static_cast<wint_t>(code), unicode)) return Class::space;
  return iswalpha_l(static_cast<wint_t>(code), unicode) ? Class::letter : Class::other;
}

// The next piece of GPT-2's pattern: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t pieceEnd(std::string_view text, std::size_t at) {
  if (text[at] == '\'')
    for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
      if (text.substr(at, ending.size()) == ending) return at + ending.size();
  const auto run = [&](std::size_t from, Class kind) {
    while (from < text.size()) {
      const Point point = pointAt(text, from);
      if (classOf(point.code) != kind) break;
      from += point.size;
    }
    return from;
  };
  const std::size_t word = text[at] == ' ' && at + 1 < text.size() ? at + 1 : at;
  const Class kind = classOf(pointAt(text, word).code);
  if (kind != Class::space) return run(word, kind);
  // White space: all of it at the end, else all but the last, which belongs to what follows.
  const std::size_t end = run(at, Class::space);
  if (end == text.size()) return end;
  std::size_t last = at;
  for (std::size_t i = at; i < end; i += pointAt(text, i).size) last = i;
  return last > at ? last : end;
}

class BytePair final : public Tokenizer {
 public:
  // vocabulary: tokens in GPT-2's alphabet of printable bytes; merges "a b", best first; added: texts found as they
  // are.
  BytePair(std::map<std::string, Token> vocabulary, const std::vector<std::pair<std::string, std::string>>& merges,
           std::map<std::string, Token> added, const std::filesystem::path& path)
      : m_added(std::move(added)) {
    char32_t spare = 256;
    std::unordered_map<std::string, unsigned char> byteOf;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      m_letter[byte] = utf8(printable ? static_cast<char32_t>(byte) : spare++);
      byteOf[m_letter[byte]] = static_cast<unsigned char>(byte);
      const auto found = vocabulary.find(m_letter[byte]);
      if (found == vocabulary.end()) refuse(path, "its vocabulary has no token for byte " + std::to_string(byte));
      m_byteToken[byte] = found->second;
    }
    for (const auto& [text, id] : vocabulary) {
      std::string bytes;
      for (std::size_t at = 0; at < text.size();) {
        const Point point = pointAt(text, at);
        const auto letter = byteOf.find(text.substr(at, point.size));
        bytes +=
            letter == byteOf.end() ? text.substr(at, point.size) : std::string(1, static_cast<char>(letter->second));
        at += point.size;
      }
      m_text[id] = std::move(bytes);
    }
    for (const auto& [text, id] : m_added) m_text[id] = text;
    int rank = 0;
    for (const auto& [left, right] : merges) {
      const auto a = vocabulary.find(left), b = vocabulary.find(right), both = vocabulary.find(left + right);
      if (a == vocabulary.end() || b == vocabulary.end() || both == vocabulary.end())
        refuse(path, "a merge names '" + left + " " + right + "', which the vocabulary lacks");
      m_merges.try_emplace(key(a->second, b->second), Merge{rank++, both->second});
    }
  }

  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    std::size_t begun = 0;
    for (std::size_t at = 0; at < text.size();) {
      const auto found = addedAt(text, at);
      if (found == m_added.end()) {
        ++at;
        continue;
      }
      encodeText(text.substr(begun, at - begun), tokens);
      tokens.push_back(found->second);
      begun = at += found->first.size();
    }
    encodeText(text.substr(begun), tokens);
    return tokens;
  }

  std::string decode(Token token) const override {
    const auto found = m_text.find(token);
    if (found == m_text.end())
      throw Error(ErrorKind::input, "byte-pair tokenizer", "id " + std::to_string(token) + " is unknown",
                  "use ids of its vocabulary");
    return found->second;
  }
  std::string_view name() const override { return "byte pairs"; }

 private:
  struct Merge {
    int rank;
    Token result;
  };
  static std::uint64_t key(Token a, Token b) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(a)) << 32 | static_cast<std::uint32_t>(b);
  }

  std::map<std::string, Token>::const_iterator addedAt(std::string_view text, std::size_t at) const {
    auto best = m_added.end();
    for (auto it = m_added.begin(); it != m_added.end(); ++it)
      if (text.substr(at, it->first.size()) == it->first &&
          (best == m_added.end() || it->first.size() > best->first.size()))
        best = it;
    return best;
  }

  void encodeText(std::string_view text, std::vector<Token>& tokens) const {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = pieceEnd(text, at);
      std::vector<Token> word;
      for (std::size_t i = at; i < end; ++i) word.push_back(m_byteToken[static_cast<unsigned char>(text[i])]);
      merge(word);
      tokens.insert(tokens.end(), word.begin(), word.end());
      at = end;
    }
  }

  // The best-ranked pair everywhere, until none is left.
  void merge(std::vector<Token>& word) const {
    while (word.size() > 1) {
      Merge best{std::numeric_limits<int>::max(), 0};
      std::uint64_t pair = 0;
      for (std::size_t i = 0; i + 1 < word.size(); ++i)
        if (const auto found = m_merges.find(key(word[i], word[i + 1]));
            found != m_merges.end() && found->second.rank < best.rank) {
          best = found->second;
          pair = found->first;
        }
      if (best.rank == std::numeric_limits<int>::max()) return;
      std::size_t kept = 0;
      for (std::size_t i = 0; i < word.size(); ++i)
        if (i + 1 < word.size() && key(word[i], word[i + 1]) == pair) {
          word[kept++] = best.result;
          ++i;
        } else {
          word[kept++] = word[i];
        }
      word.resize(kept);
    }
  }

  std::string m_letter[256];
  Token m_byteToken[256];
  std::map<std::string, Token> m_added;
  std::unordered_map<Token, std::string> m_text;
  std::unordered_map<std::uint64_t, Merge> m_merges;
};

std::map<std::string, Token> vocabularyOf(const json& object) {
  std::map<std::string, Token> vocabulary;
  for (const auto& [text, id] : object.items()) vocabulary[text] = id.get<Token>();
  return vocabulary;
}

std::pair<std::string, std::string> mergeOf(const std::string& line) {
  const std::size_t blank = line.find(' ');
  return {line.substr(0, blank), blank == std::string::npos ? std::string() : line.substr(blank + 1)};
}

std::unique_ptr<Tokenizer> fromTokenizerFile(const std::filesystem::path& path) {
  const json document = json::parse(contents(path));
  const json& model = document.at("model");
  if (model.value("type", "BPE") != "BPE")
    refuse(path, "its model is " + model.at("type").get<std::string>() + ", not BPE");
  std::vector<std::pair<std::string, std::string>> merges;
  for (const json& merge : model.at("merges"))
    merges.push_back(merge.is_string() ? mergeOf(merge.get<std::string>())
                                       : std::pair{merge.at(0).get<std::string>(), merge.at(1).get<std::string>()});
  std::map<std::string, Token> added;
  if (document.contains("added_tokens"))
    for (const json& token : document.at("added_tokens"))
      if (const auto text = token.at("content").get<std::string>(); !text.empty())
        added[text] = token.at("id").get<Token>();
  return std::make_unique<BytePair>(vocabularyOf(model.at("vocab")), merges, std::move(added), path);
}

std::unique_ptr<Tokenizer> fromVocabulary(const std::filesystem::path& path) {
  const json document = json::parse(contents(path));
  std::vector<std::pair<std::string, std::string>> merges;
  std::istringstream lines(contents(path.parent_path() / "merges.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty() && !line.starts_with("#version")) merges.push_back(mergeOf(line));
  }
  auto vocabulary = vocabularyOf(document);
  std::map<std::string, Token> added;
  if (const auto end = vocabulary.find("<|endoftext|>"); end != vocabulary.end()) added.insert(*end);
  return std::make_unique<BytePair>(std::move(vocabulary), merges, std::move(added), path);
}

}  // namespace

std::unique_ptr<Tokenizer> loadTokenizer(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::path file = path;
  if (std::filesystem::is_directory(path, ignored))
    file = std::filesystem::exists(path / "tokenizer.json", ignored) ? path / "tokenizer.json" : path / "vocab.json";
  try {
    return file.filename() == "vocab.json" ? fromVocabulary(file) : fromTokenizerFile(file);
  } catch (const json::exception&) {
    refuse(file, "it is no vocabulary of byte pairs");
  }
}

}  // namespace engine
