// Any bytes as a NumPy array.
#include "tests/analysis/tensorbytes.h"
#include "tests/fuzz/readers/target.h"

namespace {

std::string array(int version, std::string header, const std::string& values) {
  header += std::string(127 - (header.size() + 12) % 128, ' ') + "\n";
  const auto length = std::uint32_t(header.size());
  return std::string("\x93NUMPY") + char(version) + '\0' + writers::little(length).substr(0, version == 1 ? 2 : 4) +
         header + values;
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
  return {array(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }", std::string(48, '\1')),
          array(2, "{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }", std::string(16, '\1')),
          array(3, "{'descr': '<c16', 'fortran_order': False, 'shape': (), }", std::string(16, '\0'))};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz::use([&] { return makeTensorFile(analysis::readNpy("fuzz.npy", fuzz::blob(bytes))); }, size);
  return 0;
}
