// Reproducible filters for tests and benchmarks: the same numbers on every machine and in every language, up to the
// rounding of the mathematical library. Every filter has unit l2 norm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace testfilters {

// Vigna's splitmix64: a counter times the golden ratio, mixed three times.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : m_state(seed) {}
  std::uint64_t bits();
  double uniform();  // [0, 1), the top 53 bits
  double normal();   // Box-Muller, cosine branch: two draws each
  std::vector<double> uniforms(int count);
  std::vector<double> normals(int count);

 private:
  std::uint64_t m_state;
};

// One filter h[0..length-1] by name. Families:
//   H3w1_c0.1 H5w10_c0.5 H33w14_c0.9   untrained Hyena filter: sine network of a position embedding times a window
//   HT_ch0 HT_ch3 HT_ch6               the same network trained to sums of damped sinusoids (shipped weights)
//   S4D_0                              32 conjugate pairs, exactly order 64 (any index >= 0)
//   EX3%_0 NOISE_0                     S4D plus 3 % decaying noise; decaying noise almost alone
//   MIX                                40 damped sinusoids with time constants from 4 to length/4
// Throws std::invalid_argument for another name or length < 128, std::runtime_error when the weights are missing.
std::vector<double> make(std::string_view name, int length);

// The 7 families without MIX, `channels` (1..3) filters of each: channel 0 of every family first.
std::vector<std::string> names(int channels = 3);

}  // namespace testfilters
