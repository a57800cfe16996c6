// The small parts of the engine, each against a plain computation.
#include <QtTest>

#include <QTemporaryDir>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "engine/bytepair.h"
#include "engine/cpu/keyvalues.h"
#include "engine/cpu/matmul.h"
#include "engine/cpu/pointwise.h"
#include "engine/cpu/promptattention.h"
#include "engine/cpu/team.h"
#include "engine/device.h"
#include "engine/error.h"
#include "engine/tokenizer.h"
#include "engine/tokenring.h"

using namespace engine;

namespace {

Buffer<float> randomBuffer(std::size_t count, unsigned seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Meter meter = 0;
  Buffer<float> buffer(count, meter);
  for (std::size_t i = 0; i < count; ++i) buffer[i] = scale * normal(random);
  return buffer;
}

}  // namespace

class TestParts : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void teamRunsEveryItemOnce() {
    for (const int threads : {1, 2, 5}) {
      cpu::Team team(threads);
      QCOMPARE(team.size(), threads);
      for (const int items : {0, 1, 2, 7, 1000})
        for (int round = 0; round < 50; ++round) {
          std::vector<std::atomic<int>> seen(static_cast<std::size_t>(items));
          team.run(items, [&](int item, int thread) {
            if (thread >= 0 && thread < threads) ++seen[static_cast<std::size_t>(item)];
          });
          for (const auto& count : seen) QCOMPARE(count.load(), 1);
        }
    }
  }

  void productsMatchAndKeepTheirBits_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("inputs");
    QTest::addColumn<int>("outputs");
    for (const int rows : {1, 2, 3, 5, 15, 33, 70, 131})
      for (const auto& [inputs, outputs] : {std::pair{1, 1}, {7, 3}, {16, 16}, {20, 60}, {129, 47}, {520, 331}})
        QTest::addRow("%d rows, %d to %d", rows, inputs, outputs) << rows << inputs << outputs;
  }
  void productsMatchAndKeepTheirBits() {
    QFETCH(int, rows);
    QFETCH(int, inputs);
    QFETCH(int, outputs);
    const auto n = [](int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); };
    const Buffer<float> weights = randomBuffer(n(inputs, outputs), 1);
    Meter meter = 0;
    const auto row = [&](int output, float* to) { std::copy_n(weights.data() + n(output, inputs), inputs, to); };
    Linear layer{inputs, outputs, panels<float>(outputs, inputs, meter, row), {}, randomBuffer(n(outputs, 1), 2)};
    std::vector<float> back(n(inputs, 1));
    for (int o = 0; o < outputs; ++o) {
      layer.row(o, back.data());
      QVERIFY(std::equal(back.begin(), back.end(), weights.data() + n(o, inputs)));
    }
    const Buffer<float> x = randomBuffer(n(rows, inputs), 3);
    Buffer<float> scratch;
    cpu::Team one(1), three(3);
    cpu::Context serial{one, scratch, 0, {}}, parallel{three, scratch, 0, {}};
    const auto stride = static_cast<std::size_t>(outputs);
    std::vector<float> y(n(rows, outputs)), z(y.size(), 1.0F), single(stride);
    cpu::linear(parallel, layer, x.data(), static_cast<std::size_t>(inputs), rows, y.data(), stride);
    cpu::linear(serial, layer, x.data(), static_cast<std::size_t>(inputs), rows, z.data(), stride, cpu::Write::add);
    for (int r = 0; r < rows; ++r) {
      cpu::linear(serial, layer, x.data() + n(r, inputs), static_cast<std::size_t>(inputs), 1, single.data(), stride);
      for (int o = 0; o < outputs; ++o) {
        double expected = layer.bias[static_cast<std::size_t>(o)], size = 1;
        for (int i = 0; i < inputs; ++i) {
          const double term = double{x[n(r, inputs) + n(i, 1)]} * weights[n(o, inputs) + n(i, 1)];
          expected += term;
          size += std::abs(term);
        }
        const float value = y[n(r, outputs) + n(o, 1)];
        QVERIFY(std::abs(value - expected) < 3e-7 * size);
        QCOMPARE(value, single[static_cast<std::size_t>(o)]);  // the same bits alone and in a batch
        QCOMPARE(z[n(r, outputs) + n(o, 1)], 1.0F + value);
      }
    }
  }

  // Sums over cached values: right, and the same bits whether rows come alone or together.
  void weightedSumsKeepTheirBits_data() {
    QTest::addColumn<int>("headWidth");
    for (const int headWidth : {1, 5, 16, 64, 69, 128}) QTest::addRow("heads of %d", headWidth) << headWidth;
  }
  void weightedSumsKeepTheirBits() {
    QFETCH(int, headWidth);
    const int rows = 7, tokens = 150, first = 3, last = 141;
    const std::size_t stride = 160, width = static_cast<std::size_t>(headWidth), toStride = width + 3;
    Meter meter = 0;
    cpu::KeyValues cache(2, headWidth, 2, tokens, meter);
    const Buffer<float> values = randomBuffer(tokens * width, 5), weights = randomBuffer(rows * stride, 6);
    for (std::size_t t = 0; t < static_cast<std::size_t>(tokens); ++t)
      cache.append(1, 1, static_cast<int>(t), values.data(), values.data() + t * width);
    std::vector<float> all(rows * toStride, 7), one(width);
    cache.weigh(1, 1, first, last, weights.data(), stride, rows, all.data(), toStride);
    for (std::size_t r = 0; r < rows; ++r) {
      cache.weigh(1, 1, first, last, weights.data() + r * stride, 0, 1, one.data(), 0);
      for (std::size_t c = 0; c < width; ++c) {
        double sum = 0;
        for (std::size_t s = first; s < last; ++s)
          sum += static_cast<double>(weights[r * stride + s - first]) * static_cast<double>(values[s * width + c]);
        QVERIFY(std::abs(static_cast<double>(one[c]) - sum) < 1e-4);
        QCOMPARE(all[r * toStride + c], one[c]);
      }
      QCOMPARE(all[r * toStride + width], 7.0F);
    }
  }

  void promptAttentionMatchesItsFormula_data() {
    QTest::addColumn<int>("headWidth");
    QTest::addColumn<int>("position");
    QTest::addColumn<int>("queries");
    for (const int headWidth : {2 * cpu::lanes, 64, 256})
      for (const int position : {0, 5, 300})
        for (const int queries : {1, 7, cpu::promptQueries})
          QTest::addRow("%d channels, %d queries at %d", headWidth, queries, position) << headWidth << position << queries;
  }
  // Against the formula in double; and a query gets the same bits in whatever company.
  void promptAttentionMatchesItsFormula() {
    QFETCH(int, headWidth);
    QFETCH(int, position);
    QFETCH(int, queries);
    QVERIFY(cpu::promptAttentionFits(headWidth) && !cpu::promptAttentionFits(headWidth - 1));
    const auto at = [](int row, int width) { return static_cast<std::size_t>(row) * static_cast<std::size_t>(width); };
    const int seen = position + queries, stride = headWidth + 3;
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    std::vector<float> keys(at(seen, headWidth)), values(keys.size()), query(at(queries, stride)), to(query.size(), -1.0F);
    for (auto* all : {&keys, &values, &query})
      for (float& value : *all) value = normal(random);
    query[0] *= 8;  // a few weights take all
    std::vector<float> scores(at(seen, cpu::promptQueries));
    const float scale = 1 / std::sqrt(static_cast<float>(headWidth));
    const cpu::PromptAttention attention{keys.data(), values.data(), headWidth, position, queries, scale};
    attention.attend(query.data(), at(1, stride), scores.data(), to.data(), at(1, stride));
    for (int j = 0; j < queries; ++j) {
      std::vector<double> weights;
      double total = 0;
      for (int s = 0; s <= position + j; ++s) {
        double dot = 0;
        for (std::size_t c = 0; c < at(1, headWidth); ++c)
          dot += static_cast<double>(query[at(j, stride) + c]) * static_cast<double>(keys[at(s, headWidth) + c]);
        weights.push_back(std::exp(dot / std::sqrt(headWidth)));
        total += weights.back();
      }
      for (std::size_t c = 0; c < at(1, headWidth); ++c) {
        double expected = 0;
        for (int s = 0; s <= position + j; ++s)
          expected += weights[at(s, 1)] / total * static_cast<double>(values[at(s, headWidth) + c]);
        QVERIFY(std::abs(static_cast<double>(to[at(j, stride) + c]) - expected) < 5e-6);
      }
      QVERIFY(to[at(j, stride) + at(1, headWidth)] == -1.0F);  // between the rows
      std::vector<float> alone(at(1, headWidth));
      cpu::PromptAttention single = attention;
      single.position = position + j;
      single.queries = 1;
      single.attend(query.data() + at(j, stride), 0, scores.data(), alone.data(), 0);
      QVERIFY(std::equal(alone.begin(), alone.end(), to.begin() + static_cast<std::ptrdiff_t>(at(j, stride))));
    }
  }

  void largestIsTheLargest() {
    for (int count = 1; count < 70; ++count)
      for (int at = 0; at < count; at += 3) {
        std::vector<float> values(static_cast<std::size_t>(count), -3.0F);
        values[static_cast<std::size_t>(at)] = -2.5F;
        QCOMPARE(cpu::largest(values.data(), count), -2.5F);
      }
  }

  void activationsMatchTheirFormulas() {
    std::vector<float> values;
    for (int i = -4000; i <= 4000; ++i) values.push_back(static_cast<float>(i) * 0.01F);
    std::vector<float> activated = values, gated(values.size());
    cpu::gelu(activated.data(), static_cast<int>(values.size()));
    cpu::gate(values.data(), values.data(), static_cast<int>(values.size()), gated.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = values[i], z = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
      // x/2 (1 + tanh z) loses its digits for negative z; this form does not.
      const double expected = x / (1 + std::exp(-2 * z));
      // Rounding the exponent costs the far tail, of size exp(-2 |z|), some relative accuracy.
      QVERIFY(std::abs(activated[i] - expected) <= 3e-7 * (1 + std::abs(2 * z)) * std::abs(expected) + 1e-36);
      const double sigmoid = x / (1 + std::exp(-x));
      QVERIFY(std::abs(gated[i] - sigmoid) <= 4e-7 * std::abs(sigmoid) + 1e-36);
    }
    std::vector<float> e(values.size());
    const float sum = cpu::exponentials(values.data(), static_cast<int>(values.size()), 40, e.data());
    double expectedSum = 0;
    for (const float x : values) expectedSum += std::exp(double{x} - 40);
    QVERIFY(std::abs(sum - expectedSum) < 1e-6 * expectedSum);
  }

  void normsMatchTheirFormulas() {
    cpu::Team team(2);
    for (const int width : {1, 5, 20, 128}) {
      const auto size = static_cast<std::size_t>(width);
      Norm layer{randomBuffer(size, 1), randomBuffer(size, 2), 1e-5F}, rms{randomBuffer(size, 3), {}, 1e-6F};
      const int rows = 70;
      Buffer<float> x = randomBuffer(size * rows, 4);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] += 3;
      std::vector<float> y(x.size()), z(x.size());
      cpu::normalize(team, layer, x.data(), rows, width, y.data());
      cpu::normalize(rms, x.data(), rows, width, z.data());
      for (std::size_t r = 0; r < rows; ++r) {
        double mean = 0, variance = 0, square = 0;
        for (std::size_t i = 0; i < size; ++i) mean += x[r * size + i] / width;
        for (std::size_t i = 0; i < size; ++i) variance += std::pow(x[r * size + i] - mean, 2) / width;
        for (std::size_t i = 0; i < size; ++i) square += std::pow(x[r * size + i], 2) / width;
        for (std::size_t i = 0; i < size; ++i) {
          const double v = x[r * size + i];
          const double a = (v - mean) / std::sqrt(variance + 1e-5) * layer.scale[i] + layer.shift[i];
          QVERIFY(std::abs(y[r * size + i] - a) < 2e-6 * (1 + std::abs(a)));
          const double b = v / std::sqrt(square + 1e-6) * rms.scale[i];
          QVERIFY(std::abs(z[r * size + i] - b) < 1e-6 * (1 + std::abs(b)));
        }
      }
    }
  }

  void ringKeepsOrderAndCountsOverflow() {
    TokenRing ring(3);  // becomes 4
    for (int i = 0; i < 6; ++i) QCOMPARE(ring.push({0, i, i, 0, 0}), i < 4);
    QCOMPARE(ring.overflowed(), std::uint64_t{2});
    const auto events = ring.drain();
    QCOMPARE(events.size(), std::size_t{4});
    for (int i = 0; i < 4; ++i) QCOMPARE(events[static_cast<std::size_t>(i)].position, i);
    QVERIFY(ring.drain().empty());
    QVERIFY(ring.push({}));
  }

  void ringServesTwoThreads() {
    TokenRing ring(64);
    const int count = 20000;
    std::jthread producer([&] {
      for (int i = 0; i < count;)
        if (ring.push({0, i, i, 0, 0}))
          ++i;
        else
          std::this_thread::yield();
    });
    int next = 0;
    while (next < count)
      for (const TokenEvent& event : ring.drain()) QCOMPARE(event.position, next++);
  }

  void tokenizers() {
    const auto bytes = makeTokenizer(analysis::TokenizerKind::bytes);
    const std::string text = "caf\xc3\xa9\n";
    std::string back;
    for (const Token token : bytes->encode(text)) back += bytes->decode(token);
    QCOMPARE(back, text);
    QCOMPARE(bytes->encode("\xff").front(), 255);
    QVERIFY_THROWS_EXCEPTION(Error, bytes->decode(256));
    const auto dna = makeTokenizer(analysis::TokenizerKind::dna);
    QCOMPARE(dna->encode("ACgtN"), (std::vector<Token>{7, 8, 9, 10, 11}));
    QCOMPARE(dna->decode(10), std::string("T"));
    QCOMPARE(dna->decode(1), std::string("[SEP]"));
    QVERIFY_THROWS_EXCEPTION(Error, dna->encode("AX"));
    QVERIFY_THROWS_EXCEPTION(Error, dna->decode(12));
    QVERIFY_THROWS_EXCEPTION(Error, makeTokenizer(analysis::TokenizerKind::unknown));
  }

  // The vocabulary was trained, and the texts encoded, by another program (PyPI tokenizers 0.23).
  void bytePairsAreThoseOfOthers() {
    const std::string folder = POLECAT_TEST_DATA "/bytepair";
    const auto tokenizer = loadTokenizer(folder);
    std::ifstream stream(folder + "/encodings.json");
    const auto cases = nlohmann::json::parse(stream);
    QVERIFY(cases.size() == 10);
    for (const auto& one : cases) {
      const auto text = one.at("text").get<std::string>();
      const auto ids = tokenizer->encode(text);
      QVERIFY2(ids == one.at("ids").get<std::vector<Token>>(), text.c_str());
      std::string back;
      for (const Token id : ids) back += tokenizer->decode(id);
      QCOMPARE(back, text);
    }
    std::string bytes;
    for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);  // not UTF-8
    std::string back;
    for (const Token id : tokenizer->encode(bytes)) back += tokenizer->decode(id);
    QCOMPARE(back, bytes);
    QVERIFY_THROWS_EXCEPTION(Error, tokenizer->decode(100000));
  }

  void vocabulariesOfTwoFilesAreTheSame() {
    QTemporaryDir folder;
    std::ifstream stream(POLECAT_TEST_DATA "/bytepair/tokenizer.json");
    const auto document = nlohmann::json::parse(stream);
    std::ofstream(folder.filePath("vocab.json").toStdString()) << document["model"]["vocab"].dump();
    std::ofstream merges(folder.filePath("merges.txt").toStdString());
    merges << "#version: 0.2\n";
    for (const auto& merge : document["model"]["merges"])
      merges << (merge.is_string() ? merge.get<std::string>()
                                   : merge[0].get<std::string>() + " " + merge[1].get<std::string>())
             << "\n";
    merges.close();
    const std::string text = "The rain fell in torrents, don't you know.";
    QCOMPARE(loadTokenizer(folder.path().toStdString())->encode(text),
             loadTokenizer(POLECAT_TEST_DATA "/bytepair/tokenizer.json")->encode(text));
    std::ofstream(folder.filePath("vocab.json").toStdString()) << "{\"a\": 1}";
    QVERIFY_THROWS_EXCEPTION(Error, loadTokenizer(folder.path().toStdString()));
    std::ofstream(folder.filePath("vocab.json").toStdString()) << "[3";
    QVERIFY_THROWS_EXCEPTION(Error, loadTokenizer(folder.path().toStdString()));
    QVERIFY_THROWS_EXCEPTION(Error, loadTokenizer(folder.filePath("none").toStdString()));
  }

  void devicesListTheProcessorFirst() {
    const auto list = devices();
    QVERIFY(!list.empty());
    QCOMPARE(list[0].id, std::string("cpu"));
    QVERIFY(list[0].usable && list[0].cores >= 1 && !list[0].name.empty());
    QCOMPARE(Device::open("cpu", 3)->threads(), 3);
    QVERIFY_THROWS_EXCEPTION(Error, Device::open("toaster"));
  }
};

QTEST_GUILESS_MAIN(TestParts)
#include "test_parts.moc"
