#include "tests/analysis/testfilters.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <stdexcept>

namespace testfilters {
namespace {

using std::numbers::pi;
using Complex = std::complex<double>;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double channelPosition[] = {0.1, 0.5, 0.9};

// ---- the sine network of Hyena filters: three hidden layers sin(w (W a + b)), a linear output without bias
struct Network {
  RowMatrix weight[4];
  Eigen::VectorXd bias[3];
  double frequency = 1;

  Eigen::VectorXd operator()(const Eigen::VectorXd& x) const {
    Eigen::VectorXd a = x;
    for (int layer = 0; layer < 3; ++layer)
      a = (frequency * (weight[layer] * a + bias[layer])).array().sin().matrix().eval();
    return weight[3] * a;
  }
};

RowMatrix drawn(SplitMix64& random, int rows, int columns, double scale) {
  RowMatrix m(rows, columns);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) m(i, j) = scale * (2 * random.uniform() - 1);
  return m;
}

Network untrained(std::uint64_t seed, int embedding, double frequency, int width) {
  SplitMix64 random(seed);
  Network network;
  network.frequency = frequency;
  int fanIn = embedding;
  for (int layer = 0; layer < 3; ++layer) {
    const double scale = 1 / std::sqrt(double(fanIn));
    network.weight[layer] = drawn(random, width, fanIn, scale);
    network.bias[layer] = drawn(random, width, 1, scale);
    fanIn = width;
  }
  network.weight[3] = drawn(random, 1, fanIn, 1 / std::sqrt(double(fanIn)));
  return network;
}

// [t, cos(2 pi f n / L), -sin(2 pi f n / L)] with t = n/(L-1) and b = (size-1)/2 bands f from 1e-4 to b-1.
Eigen::VectorXd embedding(int n, int length, int size) {
  const int bands = (size - 1) / 2;
  const double step = bands > 1 ? (bands - 1 - 1e-4) / (bands - 1) : 0;
  Eigen::VectorXd x(size);
  x[0] = n / double(length - 1);
  for (int k = 0; k < bands; ++k) {
    const double angle = 2 * pi * n / length * (1e-4 + k * step);
    x[1 + k] = std::cos(angle);
    x[1 + bands + k] = -std::sin(angle);
  }
  return x;
}

std::vector<double> networkFilter(const Network& network, int length, int channel, double decay) {
  const int size = static_cast<int>(network.weight[0].cols());
  std::vector<double> h(length);
  for (int n = 0; n < length; ++n)
    h[n] = network(embedding(n, length, size))[channel] * std::exp(-decay * n / (length - 1));
  return h;
}

// Just enough of the safetensors format for the shipped float64 weights.
std::map<std::string, RowMatrix> trainedWeights() {
  std::ifstream file(POLECAT_TEST_DATA "/ht_weights.safetensors", std::ios::binary);
  const std::string raw((std::istreambuf_iterator<char>(file)), {});
  if (raw.size() < 8) throw std::runtime_error("ht_weights.safetensors: missing from the test data");
  std::uint64_t headerBytes = 0;
  std::memcpy(&headerBytes, raw.data(), 8);
  const auto header = nlohmann::json::parse(raw.substr(8, headerBytes));
  std::map<std::string, RowMatrix> tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const auto shape = entry.at("shape").get<std::vector<int>>();
    RowMatrix m(shape[0], shape.size() > 1 ? shape[1] : 1);
    const std::size_t offset = 8 + headerBytes + entry.at("data_offsets")[0].get<std::size_t>();
    if (entry.at("dtype") != "F64" || offset + m.size() * sizeof(double) > raw.size())
      throw std::runtime_error("ht_weights.safetensors: damaged");
    std::memcpy(m.data(), raw.data() + offset, m.size() * sizeof(double));
    tensors[name] = m;
  }
  return tensors;
}

std::vector<double> trained(int length, int channel) {
  static const auto tensors = trainedWeights();
  Network network;
  network.frequency = 14;
  for (int layer = 0; layer < 3; ++layer) {
    network.weight[layer] = tensors.at("W" + std::to_string(layer));
    network.bias[layer] = tensors.at("b" + std::to_string(layer));
  }
  network.weight[3] = tensors.at("W3");
  const auto& decay = tensors.at("decay");
  if (channel < 0 || channel >= decay.size())
    throw std::invalid_argument("HT has no channel " + std::to_string(channel));
  return networkFilter(network, length, channel, decay(channel));
}

// ---- explicit families
std::vector<double> unitNorm(std::vector<double> h) {
  const double norm = Eigen::Map<Eigen::VectorXd>(h.data(), static_cast<Eigen::Index>(h.size())).norm();
  for (double& x : h) x /= norm;
  return h;
}

std::vector<double> diagonalStateSpace(int length, std::uint64_t seed) {
  constexpr int pairs = 32;
  SplitMix64 random(seed);
  const double dt = 3e-3 * std::pow(100.0, random.uniform()) * (1024.0 / length);
  const auto real = random.normals(pairs), imaginary = random.normals(pairs);
  std::vector<double> h(length, 0.0);
  for (int k = 0; k < pairs; ++k) {
    const Complex a(-0.5, pi * k);
    const Complex c =
        Complex(real[k], imaginary[k]) * std::sqrt(0.5) * (std::exp(a * dt) - 1.0) / a;  // zero-order hold
    for (int n = 0; n < length; ++n) h[n] += 2 * (c * std::exp(a * dt * double(n))).real();
  }
  return h;
}

std::vector<double> noisy(int length, std::uint64_t seed, double factor) {
  auto h = unitNorm(diagonalStateSpace(length, seed + 77));
  auto noise = SplitMix64(seed).normals(length);
  for (int n = 0; n < length; ++n) noise[n] *= std::exp(-5.0 * n / length);
  noise = unitNorm(std::move(noise));
  for (int n = 0; n < length; ++n) h[n] += factor * noise[n];
  return h;
}

std::vector<double> mixture(int length) {
  constexpr int sinusoids = 40;
  SplitMix64 random(5);
  auto tau = random.uniforms(sinusoids), theta = random.uniforms(sinusoids);
  const auto real = random.normals(sinusoids), imaginary = random.normals(sinusoids);
  std::vector<double> h(length, 0.0);
  for (int j = 0; j < sinusoids; ++j) {
    tau[j] = 4 * std::pow(length / 16.0, tau[j]);
    theta[j] = pi * std::min(1.0, (3 + 20 * theta[j]) / tau[j]);
    const Complex amplitude = Complex(real[j], imaginary[j]) / std::sqrt(tau[j]), s(-1 / tau[j], theta[j]);
    const int end = static_cast<int>(std::min<double>(length, std::floor(40 * tau[j])));
    for (int n = 0; n < end; ++n) h[n] += (amplitude * std::exp(s * double(n))).real();
  }
  return h;
}

std::vector<double> hyena(std::string_view family, std::string_view tag, int length) {
  struct Shape {
    std::uint64_t seed;
    int embedding;
    double frequency;
    int width;
  };
  static const std::map<std::string_view, Shape> shapes = {
      {"H5w10", {100, 5, 10, 64}}, {"H33w14", {200, 33, 14, 64}}, {"H3w1", {700, 3, 1, 16}}};
  const double slow = std::log(100.0) / 1.5, fast = std::log(100.0) / 0.3;
  const auto shape = shapes.at(family);
  for (int i = 0; i < 3; ++i)
    if (tag == "c0." + std::to_string(int(std::lround(10 * channelPosition[i]))))
      return networkFilter(untrained(shape.seed + i, shape.embedding, shape.frequency, shape.width), length, 0,
                           slow + (fast - slow) * channelPosition[i]);
  throw std::invalid_argument("no such channel position: " + std::string(tag));
}

}  // namespace

std::uint64_t SplitMix64::bits() {
  m_state += 0x9E3779B97F4A7C15u;
  std::uint64_t z = m_state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double SplitMix64::uniform() {
  return static_cast<double>(bits() >> 11) * 0x1p-53;
}

double SplitMix64::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * pi * uniform());
}

std::vector<double> SplitMix64::uniforms(int count) {
  std::vector<double> x(count);
  for (double& value : x) value = uniform();
  return x;
}

std::vector<double> SplitMix64::normals(int count) {
  std::vector<double> x(count);
  for (double& value : x) value = normal();
  return x;
}

std::vector<double> make(std::string_view name, int length) {
  if (length < 128) throw std::invalid_argument("test filters have at least 128 taps");
  if (name == "MIX") return unitNorm(mixture(length));
  const auto dash = name.find('_');
  if (dash == std::string_view::npos) throw std::invalid_argument("no such test filter: " + std::string(name));
  const auto family = name.substr(0, dash), tag = name.substr(dash + 1);
  if (family == "H5w10" || family == "H33w14" || family == "H3w1") return unitNorm(hyena(family, tag, length));
  if (family == "HT") return unitNorm(trained(length, std::stoi(std::string(tag.substr(2)))));
  const auto index = static_cast<std::uint64_t>(std::stoi(std::string(tag)));
  if (family == "S4D") return unitNorm(diagonalStateSpace(length, 400 + index));
  if (family == "EX3%") return unitNorm(noisy(length, 500 + index, 0.03));
  if (family == "NOISE") return unitNorm(noisy(length, 600 + index, 1e3));
  throw std::invalid_argument("no such test filter: " + std::string(name));
}

std::vector<std::string> names(int channels) {
  std::vector<std::string> out;
  for (int i = 0; i < channels; ++i) {
    const std::string position = "_c0." + std::to_string(int(std::lround(10 * channelPosition[i])));
    const std::string index = "_" + std::to_string(i);
    for (const char* family : {"H5w10", "H3w1", "H33w14"}) out.push_back(family + position);
    out.push_back("HT_ch" + std::to_string(3 * i));
    for (const char* family : {"S4D", "EX3%", "NOISE"}) out.push_back(family + index);
  }
  return out;
}

}  // namespace testfilters
