#include "engine/cpu/observed.h"

#include <algorithm>
#include <complex>
#include <span>

#include "analysis/response/fft.h"
#include "engine/cpu/promptconvolution.h"

namespace engine::cpu {

int InputSums::transformSize(int tokens) {
  return analysis::fastFftSize(2 * tokens);
}

void ObservedMemory::prefill(Context& context, int sequence, int position, int tokens, const float* u, float* y) {
  if (position == 0 && tokens == m_sums.tokens) {
    const auto channels = static_cast<std::size_t>(m_sums.channels);
    const analysis::RealFft<double> fft(InputSums::transformSize(tokens));
    const auto size = static_cast<std::size_t>(fft.size()), bins = static_cast<std::size_t>(fft.bins());
    std::vector<double> values(size);
    std::vector<std::complex<double>> spectrum(bins);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t t = 0; t < static_cast<std::size_t>(tokens); ++t) values[t] = u[t * channels + c];
      std::fill(values.begin() + tokens, values.end(), 0.0);
      fft.forward(values, spectrum);
      const std::lock_guard guard(m_sums.lock);
      double* power = m_sums.power.data() + c * bins;
      for (std::size_t k = 0; k < bins; ++k) power[k] += std::norm(spectrum[k]);
    }
    const std::lock_guard guard(m_sums.lock);
    ++m_sums.windows;
  }
  m_inner->prefill(context, sequence, position, tokens, u, y);
}

ObservedHeads::ObservedHeads(std::unique_ptr<HeadMemory> inner, int heads, int headWidth, InputSums& sums)
    : m_inner(std::move(inner)),
      m_headWidth(headWidth),
      m_sums(sums),
      m_keysAndValues(static_cast<std::size_t>(heads * 2 * headWidth) * static_cast<std::size_t>(sums.tokens)) {}

void ObservedHeads::advance(Context& context, int thread, int sequence, int head, int position, int rows,
                            const float* streams, float* y) {
  const auto size = static_cast<std::size_t>(m_headWidth), tokens = static_cast<std::size_t>(m_sums.tokens);
  const std::size_t width = static_cast<std::size_t>(m_sums.channels) * size;
  float* window = m_keysAndValues.data() + static_cast<std::size_t>(head) * tokens * 2 * size;
  for (int r = 0; r < rows; ++r) {
    const float* key =
        streams + static_cast<std::size_t>(r) * 3 * width + width + static_cast<std::size_t>(head) * size;
    float* to = window + static_cast<std::size_t>(position + r) * 2 * size;
    std::copy_n(key, size, to);
    std::copy_n(key + width, size, to + size);
  }
  m_inner->advance(context, thread, sequence, head, position, rows, streams, y);
  if (position + rows != m_sums.tokens) return;
  std::vector<double> sums(tokens);  // of (k_t . k_(t-lag)) (v_t . v_(t-lag))
  for (std::size_t t = 0; t < tokens; ++t)
    for (std::size_t lag = 0; lag <= t; ++lag) {
      const float *a = window + t * 2 * size, *b = a - lag * 2 * size;
      sums[lag] += static_cast<double>(dot(a, b, m_headWidth)) * dot(a + size, b + size, m_headWidth);
    }
  const std::lock_guard guard(m_sums.lock);
  double* total = m_sums.autocorrelation.data() + static_cast<std::size_t>(head) * tokens;
  for (std::size_t lag = 0; lag < tokens; ++lag) total[lag] += sums[lag];
  if (head == 0) ++m_sums.windows;
}

}  // namespace engine::cpu
