// Any bytes as a PyTorch zip file or a NumPy archive: the directory, the members, and the pickle inside.
#include "analysis/tensors/ziparchive.h"
#include "tests/analysis/tensorbytes.h"
#include "tests/fuzz/readers/target.h"

std::vector<std::string> fuzz::seeds() {
  const std::vector<float> numbers(12, 1.5f);
  const std::vector<writers::Tensor> tensors{writers::floats("a", {3, 4}, numbers)};
  std::string npy = "\x93NUMPY\x01";
  npy += std::string(1, '\0') + "\x3a" + std::string(1, '\0') +
         "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n" + "12345678";
  return {writers::torchFile(tensors), writers::torchFile(tensors, {}, {true, false, -1}),
          writers::torchFile(tensors, {}, {false, true, -1}), writers::zip({{"a.npy", npy}, {"b/c.npy", npy}})};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz::use(
      [&] {
        const auto archive = analysis::ZipArchive::open(fuzz::blob(bytes), "fuzz.pt");
        bool arrays = false;
        for (const auto& member : archive->members()) arrays = arrays || member.name.ends_with(".npy");
        return makeTensorFile(arrays ? analysis::readNpz("fuzz.npz", archive)
                                     : analysis::readTorchZip("fuzz.pt", archive));
      },
      size);
  return 0;
}
