// Text to token ids and back.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/checkpoint/languagemodel.h"
#include "engine/workload.h"

namespace engine {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Throws Error(input) for text it cannot express.
  virtual std::vector<Token> encode(std::string_view text) const = 0;
  // Bytes of the token; may be part of a UTF-8 sequence.
  virtual std::string decode(Token) const = 0;
  virtual std::string_view name() const = 0;
};

// Throws Error(unsupported) for TokenizerKind::unknown.
std::unique_ptr<Tokenizer> makeTokenizer(analysis::TokenizerKind);

}  // namespace engine
