#include "analysis/reduction/statespace.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "analysis/error.h"
#include "analysis/reduction/powers.h"

namespace analysis {

namespace {

using Complex = std::complex<double>;

// lambda = 0 (a pure delay) as a log-pole: exp(-1000 n) is exactly 1 at n = 0 and 0 after, and never NaN.
constexpr double delayDecay = -1000.0;
constexpr double realAxisTolerance = 1e-12;
constexpr double conjugateTolerance = 1e-6;  // files may hold float32

// Adds the modes to taps 1.. of a response: Re(weight e^{s n}), weight = 2R for a pair.
void addModes(std::span<const Mode> modes, std::span<double> out) {
  std::vector<Complex> logPoles, weights;
  for (const Mode& mode : modes) {
    logPoles.push_back(mode.logPole);
    weights.push_back(mode.pair ? 2.0 * mode.residue : Complex(mode.residue.real()));
  }
  addExponentials(logPoles, weights, out);
}

// Slowest first inside pairs and inside reals; ties by angle, so that the order is unique.
bool comesBefore(const Mode& a, const Mode& b) {
  if (a.pair != b.pair) return a.pair;
  if (a.logPole.real() != b.logPole.real()) return a.logPole.real() > b.logPole.real();
  return a.logPole.imag() < b.logPole.imag();
}

[[noreturn]] void refuse(const std::string& problem) {
  throw Error(ErrorKind::input, "State-space model", problem, "write the poles again with their conjugates");
}

}  // namespace

int StateSpace::order() const {
  int states = 0;
  for (const Mode& mode : modes) states += mode.order();
  return states;
}

std::vector<double> StateSpace::impulseResponse(int length) const {
  std::vector<double> response(static_cast<std::size_t>(std::max(length, 0)), 0.0);
  if (response.empty()) return response;
  response[0] = feedthrough;
  addModes(modes, std::span(response).subspan(1));
  return response;
}

std::vector<double> StateSpace::modeResponse(int mode, int length) const {
  std::vector<double> response(static_cast<std::size_t>(std::max(length, 0)), 0.0);
  if (response.empty()) return response;
  addModes(std::span(modes).subspan(static_cast<std::size_t>(mode), 1), std::span(response).subspan(1));
  return response;
}

std::vector<Complex> StateSpace::poles() const {
  std::vector<Complex> all;
  for (const Mode& mode : modes) {
    const Complex pole = mode.pole();
    if (mode.pair) {
      all.push_back(pole);
      all.push_back(std::conj(pole));
    } else {
      all.emplace_back(std::copysign(std::exp(mode.logPole.real()), std::cos(mode.logPole.imag())));
    }
  }
  return all;
}

std::vector<Complex> StateSpace::residues() const {
  std::vector<Complex> all;
  for (const Mode& mode : modes) {
    all.push_back(mode.pair ? mode.residue : Complex(mode.residue.real()));
    if (mode.pair) all.push_back(std::conj(mode.residue));
  }
  return all;
}

double StateSpace::spectralRadius() const {
  double radius = 0;
  for (const Mode& mode : modes) radius = std::max(radius, std::exp(mode.logPole.real()));
  return radius;
}

// sum_{n >= N} (sum_k R_k lambda_k^n)^2 = sum_{k,l} R_k R_l (lambda_k lambda_l)^N / (1 - lambda_k lambda_l).
double StateSpace::tailNorm(int length) const {
  const double first = std::max(length - 1, 0);
  double energy = length <= 0 ? feedthrough * feedthrough : 0;
  const auto geometric = [first](Complex weight, Complex logProduct) {
    return (weight * std::exp(logProduct * first) / -expm1(logProduct)).real();
  };
  for (const Mode& a : modes) {
    for (const Mode& b : modes) {
      if (!a.pair && !b.pair) {
        energy += geometric(a.residue.real() * b.residue.real(), a.logPole + b.logPole);
        continue;
      }
      // x[n] = Re(A z^n), y[n] = Re(B w^n): x y = (Re(A B (zw)^n) + Re(A conj(B) (z conj(w))^n)) / 2.
      const Complex A = a.pair ? 2.0 * a.residue : Complex(a.residue.real());
      const Complex B = b.pair ? 2.0 * b.residue : Complex(b.residue.real());
      energy += 0.5 * (geometric(A * B, a.logPole + b.logPole) +
                       geometric(A * std::conj(B), a.logPole + std::conj(b.logPole)));
    }
  }
  return std::sqrt(std::max(energy, 0.0));
}

double StateSpace::cancellation(int length) const {
  double envelope = 0;  // every |R_k| |lambda_k|^n falls with n, so their sum is largest at n = 0
  for (const Mode& mode : modes) envelope += mode.order() * std::abs(mode.residue);
  double peak = 0;
  for (const double tap : impulseResponse(length)) peak = std::max(peak, std::abs(tap));
  return peak > 0 ? std::max(1.0, envelope / peak) : 1.0;
}

void StateSpace::sortModes() {
  std::stable_sort(modes.begin(), modes.end(), comesBefore);
}

StateSpace StateSpace::fromPoles(double feedthrough, std::span<const Complex> poles,
                                 std::span<const Complex> residues) {
  if (poles.size() != residues.size()) refuse("it has not as many residues as poles");
  StateSpace model;
  model.feedthrough = feedthrough;
  std::vector<std::size_t> lower;
  for (std::size_t k = 0; k < poles.size(); ++k) {
    const Complex pole = poles[k];
    if (!(std::abs(pole) < 1)) refuse("a pole is not inside the unit circle");
    if (!std::isfinite(residues[k].real()) || !std::isfinite(residues[k].imag())) refuse("a residue is not finite");
    if (std::abs(pole.imag()) > realAxisTolerance * std::abs(pole)) {
      if (pole.imag() < 0) lower.push_back(k);
      continue;
    }
    if (std::abs(residues[k].imag()) > conjugateTolerance * std::abs(residues[k])) {
      refuse("a real pole has a complex residue");
    }
    const double decay = pole.real() == 0 ? delayDecay : std::log(std::abs(pole.real()));
    model.modes.push_back({{decay, pole.real() < 0 ? std::numbers::pi : 0.0}, residues[k].real(), false});
  }
  for (std::size_t k = 0; k < poles.size(); ++k) {
    if (!(poles[k].imag() > realAxisTolerance * std::abs(poles[k]))) continue;
    // Repeated poles are told apart by their residues, so both count.
    const auto distance = [&](std::size_t l) {
      const double residueScale = std::max(std::abs(residues[k]), 1e-300);
      return std::max(std::abs(poles[l] - std::conj(poles[k])) / std::abs(poles[k]),
                      std::abs(residues[l] - std::conj(residues[k])) / residueScale);
    };
    const auto mate = std::min_element(lower.begin(), lower.end(),
                                       [&](std::size_t a, std::size_t b) { return distance(a) < distance(b); });
    if (mate == lower.end() || distance(*mate) > conjugateTolerance) refuse("a complex pole lacks its conjugate");
    lower.erase(mate);
    model.modes.push_back({std::log(poles[k]), residues[k], true});
  }
  if (!lower.empty()) refuse("a complex pole lacks its conjugate");
  model.sortModes();
  return model;
}

}  // namespace analysis
