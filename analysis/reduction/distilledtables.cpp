#include "analysis/reduction/distilledtables.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <map>

#include "analysis/error.h"

namespace analysis {

namespace {

using Complex = std::complex<double>;

constexpr double agreement = 1e-9;  // between a pole and its log-pole in a file

Complex entry(const std::vector<double>& table, std::size_t at) {
  return {table[2 * at], table[2 * at + 1]};
}

void store(std::vector<double>& table, std::size_t at, Complex value) {
  table[2 * at] = value.real();
  table[2 * at + 1] = value.imag();
}

// Log-poles carry what the rounding of a pole near the unit circle loses: with them a model comes back bit for bit.
StateSpace fromLogPoles(const DistilledTables& tables, std::size_t first, std::size_t count) {
  const auto refuse = [](const std::string& problem) {
    throw Error(ErrorKind::input, "State-space model", problem, "distil the checkpoint again");
  };
  StateSpace model;
  for (std::size_t k = first; k < first + count; ++k) {
    Mode mode{entry(tables.logPoles, k), entry(tables.residues, k), false};
    const Complex pole = entry(tables.poles, k);
    if (!(mode.logPole.real() < 0) || !std::isfinite(mode.logPole.imag())) refuse("a log-pole is not stable");
    if (!std::isfinite(mode.residue.real()) || !std::isfinite(mode.residue.imag())) refuse("a residue is not finite");
    if (!(std::abs(mode.pole() - pole) <= agreement)) refuse("poles and log-poles do not agree");
    mode.pair = pole.imag() != 0;
    if (mode.pair) {
      const bool hasMate = k + 1 < first + count && pole.imag() > 0 && entry(tables.poles, k + 1) == std::conj(pole) &&
                           entry(tables.residues, k + 1) == std::conj(mode.residue);
      if (!hasMate) refuse("a complex pole lacks its conjugate");
      ++k;
    }
    model.modes.push_back(mode);
  }
  return model;
}

bool samePoles(const StateSpace& a, const StateSpace& b) {
  return std::equal(a.modes.begin(), a.modes.end(), b.modes.begin(), b.modes.end(),
                    [](const Mode& x, const Mode& y) { return x.logPole == y.logPole && x.pair == y.pair; });
}

}  // namespace

void requireOurFormat(const std::map<std::string, std::string>& metadata, const std::string& file) {
  const auto is = [&](const char* key, const char* value) {
    const auto found = metadata.find(key);
    return found != metadata.end() && found->second == value;
  };
  if (!is("format", "polecat-statespace")) {
    throw Error(ErrorKind::input, file, "it holds no distilled models", "open a file that distillation wrote");
  }
  if (!is("format_version", "1")) {
    throw Error(ErrorKind::input, file, "its format version is not 1", "open it with a newer program");
  }
}

DistilledTables tablesOf(const DistilledBank& bank) {
  DistilledTables tables;
  tables.path = bank.path;
  tables.channels = static_cast<std::int64_t>(bank.filters.size());
  tables.width = 1;
  for (const auto& filter : bank.filters)
    if (filter) tables.width = std::max<std::int64_t>(tables.width, filter->model.order());
  const auto width = static_cast<std::size_t>(tables.width);
  for (auto* table : {&tables.poles, &tables.residues, &tables.logPoles})
    table->assign(bank.filters.size() * width * 2, 0.0);
  const bool shares = std::any_of(bank.filters.begin(), bank.filters.end(),
                                  [](const auto& filter) { return filter && filter->poleSet >= 0; });
  for (std::size_t c = 0; c < bank.filters.size(); ++c) {
    const auto& filter = bank.filters[c];
    tables.order.push_back(filter ? filter->model.order() : -1);
    if (shares) tables.poleSet.push_back(filter ? filter->poleSet : -1);
    tables.feedthrough.push_back(filter ? filter->model.feedthrough : 0);
    tables.skip.push_back(filter ? filter->skip : 0);
    tables.error.push_back(filter ? filter->errorRelative : 0);
    tables.certificate.push_back(filter ? filter->certificate : 0);
    if (!filter) continue;
    const auto poles = filter->model.poles(), residues = filter->model.residues();
    for (std::size_t k = 0; k < poles.size(); ++k) {
      store(tables.poles, c * width + k, poles[k]);
      store(tables.residues, c * width + k, residues[k]);
    }
    std::size_t at = c * width;
    for (const Mode& mode : filter->model.modes) {
      store(tables.logPoles, at++, mode.logPole);
      if (mode.pair) store(tables.logPoles, at++, std::conj(mode.logPole));
    }
  }
  return tables;
}

DistilledBank bankOf(const DistilledTables& tables, const std::string& file) {
  DistilledBank bank;
  bank.path = tables.path;
  std::map<int, StateSpace> sets;
  for (std::size_t c = 0; c < tables.order.size(); ++c) {
    const std::string subject = file + ", " + tables.path + ", channel " + std::to_string(c);
    const int order = tables.order[c];
    if (order < -1 || order > tables.width) {
      throw Error(ErrorKind::input, subject, "order " + std::to_string(order) + " does not fit its tables",
                  "distil the checkpoint again");
    }
    bank.filters.emplace_back();
    if (order < 0) continue;
    DistilledFilter filter;
    const auto count = static_cast<std::size_t>(order), first = c * static_cast<std::size_t>(tables.width);
    try {
      if (!tables.logPoles.empty()) {
        filter.model = fromLogPoles(tables, first, count);
      } else {
        std::vector<Complex> poles, residues;
        for (std::size_t k = first; k < first + count; ++k) {
          poles.push_back(entry(tables.poles, k));
          residues.push_back(entry(tables.residues, k));
        }
        filter.model = StateSpace::fromPoles(0, poles, residues);
      }
    } catch (const Error& error) {
      throw Error(ErrorKind::input, subject, error.what(), "distil the checkpoint again");
    }
    filter.model.feedthrough = tables.feedthrough[c];
    filter.skip = tables.skip[c];
    if (!tables.poleSet.empty()) filter.poleSet = tables.poleSet[c];
    if (filter.poleSet >= 0) {
      const auto [known, isNew] = sets.emplace(filter.poleSet, filter.model);
      if (!isNew && !samePoles(known->second, filter.model)) {
        throw Error(ErrorKind::input, subject, "it does not have the poles of its set", "distil the checkpoint again");
      }
    }
    filter.errorRelative = tables.error[c];
    filter.certificate = tables.certificate[c];
    if (!std::isfinite(filter.model.feedthrough) || !std::isfinite(filter.skip)) {
      throw Error(ErrorKind::input, subject, "feedthrough or skip is not finite", "distil the checkpoint again");
    }
    bank.filters.back() = std::move(filter);
  }
  return bank;
}

}  // namespace analysis
