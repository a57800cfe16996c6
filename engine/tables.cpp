#include "engine/tables.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <numeric>

namespace engine {
namespace {

struct ModeCount {
  int pairs = 0, reals = 0;
};

ModeCount countModes(const std::optional<analysis::DistilledFilter>& filter) {
  ModeCount count;
  if (filter)
    for (const analysis::Mode& mode : filter->model.modes) ++(mode.pair ? count.pairs : count.reals);
  return count;
}

// value = high + low to 48 bits.
void split(double value, float& high, float& low) {
  high = static_cast<float>(value);
  low = static_cast<float>(value - static_cast<double>(high));
}

// Writes one channel's modes into lane `lane` of its group.
void fill(const analysis::StateSpace& model, const ModalGroup& group, int lane, float* rows) {
  constexpr std::size_t size = ModalTable::groupSize;
  float* pair = rows + lane;
  float* real = rows + static_cast<std::size_t>(group.pairs) * ModalTable::rowsPerPair * size + lane;
  for (const analysis::Mode& mode : model.modes) {
    const std::complex<double> pole = mode.pole();
    if (mode.pair) {
      split(pole.real(), pair[0], pair[2 * size]);
      split(pole.imag(), pair[size], pair[3 * size]);
      pair[4 * size] = static_cast<float>(2 * mode.residue.real());
      pair[5 * size] = static_cast<float>(2 * mode.residue.imag());
      pair += ModalTable::rowsPerPair * size;
    } else {
      split(pole.real(), real[0], real[size]);
      real[2 * size] = static_cast<float>(mode.residue.real());
      real += ModalTable::rowsPerReal * size;
    }
  }
}

FilterBank subset(const FilterBank& bank, const std::vector<std::int32_t>& channels, Meter& meter) {
  FilterBank kept;
  kept.path = bank.path;
  kept.channels = static_cast<int>(channels.size());
  kept.length = bank.length;
  const auto length = static_cast<std::size_t>(bank.length);
  kept.reversed = Buffer<float>(channels.size() * length, meter);
  kept.skip = Buffer<float>(channels.size(), meter);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const auto c = static_cast<std::size_t>(channels[i]);
    std::copy_n(bank.reversed.data() + c * length, length, kept.reversed.data() + i * length);
    kept.skip[i] = bank.skip[c];
  }
  return kept;
}

}  // namespace

ModalTable modalTable(const FilterBank& bank, const analysis::DistilledBank& distilled) {
  constexpr int size = ModalTable::groupSize;
  ModalTable table;
  table.channels = bank.channels;
  std::vector<ModeCount> counts;
  for (const auto& filter : distilled.filters) counts.push_back(countModes(filter));
  for (int c = 0; c < bank.channels; ++c)
    if (!distilled.filters[static_cast<std::size_t>(c)]) table.kept.push_back(c);

  std::vector<std::int32_t> sorted(static_cast<std::size_t>(bank.channels));
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(), [&](std::int32_t a, std::int32_t b) {
    const ModeCount &x = counts[static_cast<std::size_t>(a)], &y = counts[static_cast<std::size_t>(b)];
    return x.pairs != y.pairs ? x.pairs > y.pairs : x.reals > y.reals;
  });

  std::size_t coefficients = 0;
  for (int first = 0; first < bank.channels; first += size) {
    ModalGroup group;
    for (int place = first; place < std::min(first + size, bank.channels); ++place) {
      const ModeCount& count = counts[static_cast<std::size_t>(sorted[static_cast<std::size_t>(place)])];
      group.pairs = std::max(group.pairs, count.pairs);
      group.reals = std::max(group.reals, count.reals);
    }
    group.coefficients = coefficients;
    group.state = table.stateFloats;
    coefficients += static_cast<std::size_t>(
        size * (group.pairs * ModalTable::rowsPerPair + group.reals * ModalTable::rowsPerReal));
    table.stateFloats += static_cast<std::size_t>(size * (2 * group.pairs + group.reals));
    table.groups.push_back(group);
  }

  const std::size_t places = table.groups.size() * size;
  table.order = Buffer<std::int32_t>(places, table.bytes);
  table.direct = Buffer<float>(places, table.bytes);
  table.coefficients = Buffer<float>(coefficients, table.bytes);
  for (std::size_t place = 0; place < places; ++place) {
    table.order[place] = place < sorted.size() ? sorted[place] : -1;
    if (place >= sorted.size()) continue;
    const auto& filter = distilled.filters[static_cast<std::size_t>(sorted[place])];
    if (!filter) continue;
    table.direct[place] = static_cast<float>(filter->model.feedthrough + filter->skip);
    const ModalGroup& group = table.groups[place / size];
    fill(filter->model, group, static_cast<int>(place % size), table.coefficients.data() + group.coefficients);
  }
  table.keptFilters = subset(bank, table.kept, table.bytes);
  return table;
}

Section section(const analysis::Mode& mode) {
  const std::complex<double> pole = mode.pole();
  const double sign = pole.real() < 0 ? -1 : 1;
  // w_t = u_t + 2 Re(lambda) w_(t-1) - |lambda|^2 w_(t-2) and y_t = b_1 w_(t-1) + b_2 w_(t-2), in w and d. The
  // distance of lambda from +-1 comes by expm1, so that nothing cancels.
  const double decay = mode.logPole.real(),
               angle = sign > 0 ? mode.logPole.imag() : std::numbers::pi - mode.logPole.imag();
  const double half = std::sin(angle / 2), grown = std::expm1(decay);
  const double distance = grown * grown + 4 * std::exp(decay) * half * half;  // |1 - sign lambda|^2
  const double b1 = 2 * mode.residue.real(), b2 = -2 * (mode.residue * std::conj(pole)).real();
  return {-sign * distance, sign * std::exp(2 * decay), sign, b1 + sign * b2, -sign * b2};
}

Buffer<float> sectionCoefficients(const ModalTable& table, const analysis::DistilledBank& distilled) {
  constexpr std::size_t size = ModalTable::groupSize;
  Meter counted = 0;  // they stand in for the modal coefficients, which were
  Buffer<float> rows(table.coefficients.size(), counted);
  std::copy_n(table.coefficients.data(), rows.size(), rows.data());
  for (std::size_t place = 0; place < table.order.size(); ++place) {
    if (table.order[place] < 0) continue;
    const auto& filter = distilled.filters[static_cast<std::size_t>(table.order[place])];
    if (!filter) continue;
    float* pair = rows.data() + table.groups[place / size].coefficients + place % size;
    for (const analysis::Mode& mode : filter->model.modes) {
      if (!mode.pair) continue;
      const Section section = engine::section(mode);
      pair[0] = static_cast<float>(section.p);
      split(section.q, pair[size], pair[2 * size]);
      pair[3 * size] = static_cast<float>(section.s);
      pair[4 * size] = static_cast<float>(section.c1);
      pair[5 * size] = static_cast<float>(section.c2);
      pair += ModalTable::rowsPerPair * size;
    }
  }
  return rows;
}

FilterBank impulseResponses(const FilterBank& bank, const analysis::DistilledBank& distilled, int length,
                            Meter& meter) {
  FilterBank responses;
  responses.path = bank.path;
  responses.channels = bank.channels;
  responses.length = length;
  const auto taps = static_cast<std::size_t>(length), originalTaps = static_cast<std::size_t>(bank.length);
  responses.reversed = Buffer<float>(static_cast<std::size_t>(bank.channels) * taps, meter);
  responses.skip = Buffer<float>(static_cast<std::size_t>(bank.channels), meter);
  for (std::size_t c = 0; c < static_cast<std::size_t>(bank.channels); ++c) {
    float* newest = responses.reversed.data() + (c + 1) * taps - 1;
    if (const auto& filter = distilled.filters[c]) {
      const std::vector<double> h = filter->model.impulseResponse(length);
      for (std::size_t t = 0; t < taps; ++t) newest[-static_cast<std::ptrdiff_t>(t)] = static_cast<float>(h[t]);
      responses.skip[c] = static_cast<float>(filter->skip);
    } else {
      const float* original = bank.reversed.data() + (c + 1) * originalTaps - 1;
      for (std::size_t t = 0; t < std::min(taps, originalTaps); ++t)
        newest[-static_cast<std::ptrdiff_t>(t)] = original[-static_cast<std::ptrdiff_t>(t)];
      responses.skip[c] = bank.skip[c];
    }
  }
  return responses;
}

}  // namespace engine
