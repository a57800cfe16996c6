#include "analysis/tensors/npywriter.h"

#include <bit>
#include <string>

namespace analysis {

void writeNpyHeader(std::ostream& out, DataType type, const std::vector<std::int64_t>& shape) {
  static_assert(std::endian::native == std::endian::little, "the description says little-endian");
  std::string sizes;
  for (const std::int64_t size : shape) sizes += (sizes.empty() ? "" : " ") + std::to_string(size) + ",";
  if (shape.size() > 1) sizes.pop_back();  // Python writes (3,) and (3, 4)
  std::string header = "{'descr': '" + std::string(type == DataType::f64 ? "<f8" : "<f4") +
                       "', 'fortran_order': False, 'shape': (" + sizes + "), }";
  constexpr std::size_t preamble = 10;  // magic, version, header length
  header.append(63 - (preamble + header.size()) % 64, ' ');
  header += '\n';
  out.write("\x93NUMPY\x01\x00", 8);
  out.put(static_cast<char>(header.size() & 0xFF)).put(static_cast<char>(header.size() >> 8));
  out << header;
}

}  // namespace analysis
