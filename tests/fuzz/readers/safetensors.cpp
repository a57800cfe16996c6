// Any bytes as a safetensors file.
#include "tests/analysis/tensorbytes.h"
#include "tests/fuzz/readers/target.h"

std::vector<std::string> fuzz::seeds() {
  const std::vector<float> numbers(12, 1.5f);
  return {writers::safetensors({writers::floats("a", {3, 4}, numbers), {"b", "BF16", {2}, "abcd"}}, {{"format", "pt"}}),
          writers::safetensors({{"c", "F8_E4M3", {2, 2}, "abcd"}, {"d", "BOOL", {}, "a"}, {"e", "F64", {0, 3}, ""}}),
          writers::safetensors({{"f", "C64", {1}, "abcdefgh"}, {"g", "F4", {4}, "ab"}})};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz::use([&] { return makeTensorFile(analysis::readSafetensors("fuzz.safetensors", fuzz::blob(bytes))); }, size);
  return 0;
}
