#include "engine/tokenizer.h"

#include <array>
#include <string>

#include "engine/error.h"

namespace engine {
namespace {

class Bytes final : public Tokenizer {
 public:
  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    tokens.reserve(text.size());
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  std::string decode(Token token) const override {
    if (token < 0 || token > 255)
      throw Error(ErrorKind::input, "byte tokenizer", "id " + std::to_string(token) + " is no byte",
                  "use ids from 0 to 255");
    return std::string(1, static_cast<char>(token));
  }
  std::string_view name() const override { return "bytes"; }
};

// HyenaDNA's characters. Special tokens have names but cannot be typed.
class Dna final : public Tokenizer {
 public:
  std::vector<Token> encode(std::string_view text) const override {
    std::vector<Token> tokens;
    tokens.reserve(text.size());
    for (const char c : text) {
      const auto found = letters.find(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
      if (found == std::string_view::npos)
        throw Error(ErrorKind::input, "DNA tokenizer", "the text holds a character other than A, C, G, T and N",
                    "remove headers, blanks and line ends");
      tokens.push_back(firstLetter + static_cast<Token>(found));
    }
    return tokens;
  }
  std::string decode(Token token) const override {
    if (token >= 0 && token < firstLetter) return specials[static_cast<std::size_t>(token)];
    const auto letter = static_cast<std::size_t>(token - firstLetter);
    if (token < 0 || letter >= letters.size())
      throw Error(ErrorKind::input, "DNA tokenizer", "id " + std::to_string(token) + " is unknown",
                  "use ids from 0 to 11");
    return std::string(1, letters[letter]);
  }
  std::string_view name() const override { return "dna"; }

 private:
  static constexpr std::string_view letters = "ACGTN";
  static constexpr Token firstLetter = 7;
  static constexpr std::array<const char*, 7> specials{"[CLS]", "[SEP]",      "[BOS]", "[MASK]",
                                                       "[PAD]", "[RESERVED]", "[UNK]"};
};

}  // namespace

std::unique_ptr<Tokenizer> makeTokenizer(analysis::TokenizerKind kind) {
  switch (kind) {
    case analysis::TokenizerKind::bytes:
      return std::make_unique<Bytes>();
    case analysis::TokenizerKind::dna:
      return std::make_unique<Dna>();
    case analysis::TokenizerKind::unknown:
      break;
  }
  throw Error(ErrorKind::unsupported, "tokenizer", "this checkpoint's text encoding is not known",
              "point to its vocabulary");
}

}  // namespace engine
