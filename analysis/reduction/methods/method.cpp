#include "analysis/reduction/methods/method.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/error.h"
#include "analysis/reduction/methods/catalogue.h"
#include "analysis/reduction/methods/poles.h"
#include "analysis/reduction/residues.h"

namespace analysis {
namespace {

Error noResult(const Method& method, const std::string& problem) {
  return Error(ErrorKind::numerical, std::string(method.title), problem, "try another order or method");
}

bool finite(std::complex<double> z) {
  return std::isfinite(z.real()) && std::isfinite(z.imag());
}

// g times a power of two, largest modulus in [0.5, 1): exact, and no norm can overflow or vanish.
std::vector<double> normalised(std::span<const double> g, double largest) {
  int exponent = 0;
  std::frexp(largest, &exponent);
  std::vector<double> out(g.size());
  std::transform(g.begin(), g.end(), out.begin(), [exponent](double x) { return std::ldexp(x, -exponent); });
  return out;
}

}  // namespace

Poles Method::poles(std::span<const double> g, int order, const Task& task) const {
  if (order < 0) throw Error(ErrorKind::input, std::string(title), "the order is negative", "ask for 0 or more states");
  double largest = 0;
  for (const double x : g) {
    if (!std::isfinite(x)) throw noResult(*this, "the filter holds values that are not finite");
    largest = std::max(largest, std::abs(x));
  }
  order = std::min<int>(order, static_cast<int>((g.size() + 1) / 2));
  task.throwIfStopped();
  if (order == 0 || largest == 0) return {};
  const Poles found = algorithm(normalised(g, largest), order, task);
  if (!std::all_of(found.begin(), found.end(), finite)) throw noResult(*this, "the poles are not finite");
  const ConjugatePoles closed = conjugatePoles(found);
  if (closed.order() > order) throw noResult(*this, "the poles are not closed under conjugation");
  return closed.all();
}

std::span<const Method> methods() {
  static const std::array all = {
      singleVarpro(), modalGradient(), balancedTruncation(), kung(), weightedKung(), matrixPencil(),
      hankelNorm(),   tfIrka(),        vectorFitting(),      aaa(),  prony(),        rtfSteiglitzMcBride(),
      rtfGradient(),  realPoles(),     modalTruncation()};
  return all;
}

const Method& methodNamed(std::string_view name) {
  std::string known;
  for (const Method& method : methods()) {
    if (method.name == name) return method;
    known += (known.empty() ? "" : ", ") + std::string(method.name);
  }
  throw Error(ErrorKind::input, "Method \"" + std::string(name) + "\"", "there is no such method",
              "the methods are " + known);
}

Fit fitWith(const Method& method, std::span<const double> taps, int order, const Task& task) {
  const Target target(taps);
  const auto g = taps.empty() ? taps : taps.subspan(1);
  Fit fit = fitFromPoles(target, method.poles(g, order, task), std::string(method.name));
  double sum = 0;  // bounds every tap of the response
  for (const auto residue : fit.model.residues()) sum += std::abs(residue);
  if (!std::isfinite(sum)) throw noResult(method, "the residues of these poles overflow");
  return fit;
}

}  // namespace analysis
