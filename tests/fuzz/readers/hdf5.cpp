// Any bytes as an HDF5 file. The library may fail on them, in the copy of the process that reads them; what the copy's
// own code does wrong comes out as std::logic_error, and is a finding.
#include <fstream>
#include <iterator>

#include "tests/fuzz/readers/target.h"

std::vector<std::string> fuzz::seeds() {
  std::vector<std::string> all;
  for (const char* name : {POLECAT_TEST_DATA "/bank.h5", POLECAT_TEST_DATA "/foreign.h5"}) {
    std::ifstream file(name, std::ios::binary);
    all.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  // An attribute whose name the list of groups has too.
  all.push_back(all.front());
  const std::size_t name = all.back().find(std::string("format\0", 7));
  if (name != std::string::npos) all.back().replace(name, 6, "groups");
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string path = fuzz::pathOf(data, size);
  fuzz::use([&] { return makeTensorFile(analysis::readHdf5(path)); }, size);
  return 0;
}
