// Tables for people: aligned columns, units in the headers.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace commandline {

class Table {
 public:
  // A header that starts with '<' is aligned to the left (text), others to the right (numbers).
  explicit Table(std::vector<std::string> headers);
  // Exactly one cell per header.
  void row(std::vector<std::string> cells);
  void print(std::ostream&) const;

 private:
  std::vector<bool> m_left;
  std::vector<std::vector<std::string>> m_rows;  // the headers first
};

// So many significant digits, "-" for NaN; thousands separated up to ten millions, powers of ten beyond.
std::string number(double value, int digits = 3);
// "512", "4,096": counts with thousands separated.
std::string count(std::int64_t value);
// "48.0 kB", "1.25 GB" (powers of 1000).
std::string bytes(double value);

}  // namespace commandline
