// Byte-pair vocabularies of GPT-2 (Radford et al. 2019) and GPT-NeoX, as their files hold them.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/tokenizer.h"

namespace engine {

// `path`: a tokenizer.json of byte-level BPE (its added tokens are found in the text first, longest match), a
// vocab.json with merges.txt beside it, or a folder that holds either. Text is cut as GPT-2 cuts it: contractions,
// words, numbers and punctuation with one blank before, runs of white space; beyond ASCII, letters are those of the C
// library's Unicode tables. Encoding never fails; decode(encode(x)) = x. Throws Error(input) for files that are no such
// vocabulary.
std::unique_ptr<Tokenizer> loadTokenizer(const std::filesystem::path&);

}  // namespace engine
