// Any bytes as the pickle of an otherwise sound PyTorch file with three storages.
#include "analysis/tensors/ziparchive.h"
#include "tests/analysis/tensorbytes.h"
#include "tests/fuzz/readers/target.h"

std::vector<std::string> fuzz::seeds() {
  using namespace writers::pickle;
  const std::string store = storage("FloatStorage", "0", 12), complexStore = storage("ComplexFloatStorage", "1", 2);
  return {
      stream(dict(
          {{"state_dict", dict({{"a", tensor(store, 0, {3, 4}, {4, 1})},
                                {"b", tensor(store, 1, {4, 2}, {1, 4})},
                                {"c", global("m", "K") + ")\x81" + dict({{"x", "N"}}) + "b"}})},
           {"hyper_parameters", dict({{"lr", real(0.5)}, {"n", integer(std::int64_t(1) << 40)}, {"s", "\x88"}})}})),
      stream(dict({{"module", dict({{"z", tensor(complexStore, 0, {2}, {1})},
                                    {"k", tensor(storage("ByteStorage", "2", 4), 0, {4}, {1})},
                                    {"e._extra_state",
                                     global("_io", "BytesIO") + ")\x81" + tuple({"C\x02xy", integer(0), "N"}) + "b"}})},
                   {"dtype", text("f")}})),
      "\x80\x04\x95" + writers::little<std::uint64_t>(20) + "}\x94(\x8c\x01t\x94" + tensor(store, 2, {}, {}) + "u."};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = writers::torchZip(std::string(reinterpret_cast<const char*>(data), size),
                                              {std::string(48, '\1'), std::string(16, '\0'), "abcd"});
  fuzz::use(
      [&] {
        return makeTensorFile(
            analysis::readTorchZip("fuzz.pt", analysis::ZipArchive::open(fuzz::blob(bytes), "fuzz.pt")));
      },
      bytes.size());
  return 0;
}
