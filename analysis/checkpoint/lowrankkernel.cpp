#include "analysis/checkpoint/lowrankkernel.h"

#include <Eigen/Dense>

#include "analysis/error.h"

namespace analysis {
namespace {

using Matrix = Eigen::MatrixXcd;
using Vector = Eigen::VectorXcd;
using Complex = std::complex<double>;

Vector bothHalves(const std::vector<Complex>& half) {
  const auto n = static_cast<Eigen::Index>(half.size());
  Vector all(2 * n);
  for (Eigen::Index i = 0; i < n; ++i) {
    all(i) = half[static_cast<std::size_t>(i)];
    all(n + i) = std::conj(all(i));
  }
  return all;
}

// x -> (I - dt/2 A)^-1 x and x -> (I + dt/2 A) x in O(N rank), by the identity of Woodbury.
class Rule {
 public:
  explicit Rule(const LowRankSystem& system) : half(system.step / 2), a(bothHalves(system.a)) {
    P.resize(a.size(), static_cast<Eigen::Index>(system.p.size()));
    for (Eigen::Index r = 0; r < P.cols(); ++r) P.col(r) = bothHalves(system.p[static_cast<std::size_t>(r)]);
    inverse = (1. - half * a.array()).inverse();
    scaled = inverse.asDiagonal() * P;
    const Matrix small = Matrix::Identity(P.cols(), P.cols()) + half * (P.adjoint() * scaled);
    factored = small.fullPivLu();
    if (!inverse.allFinite() || !factored.isInvertible()) {
      throw Error(ErrorKind::numerical, "low-rank S4 kernel", "its bilinear rule is singular", "check its step sizes");
    }
  }

  Vector forward(const Vector& x) const { return x + half * (a.cwiseProduct(x) - P * (P.adjoint() * x)); }
  Vector backward(const Vector& x) const {
    const Vector y = inverse.cwiseProduct(x);
    return y - half * (scaled * factored.solve(P.adjoint() * y));
  }
  Vector step(const Vector& x) const { return backward(forward(x)); }
  Eigen::Index size() const { return a.size(); }

 private:
  double half;
  Vector a, inverse;
  Matrix P, scaled;
  Eigen::FullPivLU<Matrix> factored;
};

// C from C (I - dA^length).
Vector trueOutput(const Rule& rule, const Vector& stored, int length) {
  Matrix dA(rule.size(), rule.size());
  for (Eigen::Index n = 0; n < rule.size(); ++n) dA.col(n) = rule.step(Vector::Unit(rule.size(), n));
  Matrix power = Matrix::Identity(rule.size(), rule.size());
  for (Matrix square = dA; length > 0; length >>= 1, square = square * square) {
    if (length & 1) power = power * square;
  }
  const Matrix left = (Matrix::Identity(rule.size(), rule.size()) - power).transpose();
  const Eigen::FullPivLU<Matrix> factors(left);
  if (!factors.isInvertible()) {
    throw Error(ErrorKind::numerical, "low-rank S4 kernel", "its stored output cannot be undone", "check its values");
  }
  return factors.solve(stored);
}

}  // namespace

void lowRankResponse(const LowRankSystem& system, std::span<double> taps) {
  const Rule rule(system);
  Vector c = bothHalves(system.c);
  if (system.storedLength > 0) c = trueOutput(rule, c, system.storedLength);
  Vector x = rule.backward(system.step * bothHalves(system.b));
  for (double& tap : taps) {
    tap = (c.transpose() * x).value().real();
    x = rule.step(x);
  }
}

}  // namespace analysis
