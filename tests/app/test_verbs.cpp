// The verbs on the sample model, held against the outputs of the published implementation.
#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <complex>

#include "analysis/tensors/tensorfile.h"
#include "binary.h"

namespace {

using Json = nlohmann::json;

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

double relativeError(const std::vector<double>& expected, const std::vector<double>& actual) {
  if (expected.size() != actual.size()) return INFINITY;
  std::vector<double> difference(expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) difference[i] = expected[i] - actual[i];
  return norm(difference) / norm(expected);
}

}  // namespace

class TestVerbs : public QObject {
  Q_OBJECT

 private:
  QTemporaryDir m_folder;
  std::shared_ptr<const analysis::TensorFile> m_reference;
  QString in(const QString& name) const { return m_folder.filePath(name); }
  std::vector<double> reference(const char* name) const { return m_reference->doubles(name); }

  // Distilled filters of the sample at order 8, made once.
  QString distilled() {
    const QString path = in("order8.safetensors");
    if (!QFile::exists(path) &&
        polecat({"distill", sample(), "--order", "8", "--effort", "quick", "-o", path}).exit != 0)
      return {};
    return path;
  }

 private Q_SLOTS:
  void initTestCase() {
    m_reference = analysis::openTensorFile(POLECAT_TEST_DATA "/novels-hyena-1m.reference.safetensors");
  }

  void inspectSummary() {
    const Result result = polecat({"inspect", sample(), "--json"});
    QCOMPARE(result.exit, 0);
    const Json json = result.json();
    QVERIFY(json.is_object());
    QCOMPARE(json["family"], Json("Hyena"));
    QCOMPARE(json["tensors"], Json(116));
    QCOMPARE(json["filterCount"], Json(512));
    QCOMPARE(json["banks"].size(), std::size_t(4));
    QCOMPARE(json["banks"][0]["path"], Json("layers.0.mixer.filter_fn"));
    QCOMPARE(json["banks"][3]["lengthSamples"], Json(1024));
    QCOMPARE(json["languageModel"]["width"], Json(128));
    QVERIFY(json["missing"].empty());
    QVERIFY(!json["tied"].empty());
    QCOMPARE(json["filters"].size(), std::size_t(512));

    const auto taps = reference("filters.layers.0.mixer.filter_fn");
    double energy = 0;
    for (int t = 0; t < 1024; ++t) energy += taps[t] * taps[t];
    QVERIFY(std::abs(json["filters"][0]["energy"].get<double>() / energy - 1) < 1e-5);

    const Result table = polecat({"inspect", sample()});
    QCOMPARE(table.exit, 0);
    QVERIFY(table.out.contains("layers.3.mixer.filter_fn") && table.out.contains("length/samples"));
    QVERIFY(table.err.isEmpty());
  }

  void inspectHeadersReadsNoFilter() {
    const Json json = polecat({"inspect", sample(), "--headers", "--json"}).json();
    QCOMPARE(json["filterCount"], Json(512));
    QVERIFY(json["filters"].empty());
  }

  void inspectFilters() {
    const Json filters = polecat({"inspect", sample(), "--filter", "1.3-4,2.*", "--json"}).json()["filters"];
    QCOMPARE(filters.size(), std::size_t(130));
    QCOMPARE(filters[0]["name"], Json("1.3"));
    for (const Json& filter : filters) {
      const auto values = filter["hankelValues"].get<std::vector<double>>();
      QCOMPARE(values.size(), std::size_t(8));
      QVERIFY(std::is_sorted(values.rbegin(), values.rend()) && values.back() > 0);
      // The Frobenius norm bounds every singular value: sigma_1^2 <= sum (n+1) g_n^2 <= L energy.
      QVERIFY(values[0] * values[0] <= 1024 * filter["energy"].get<double>());
      const Json& orders = filter["suggestedOrders"];
      QVERIFY(!orders.empty() && orders.size() <= 3);
      for (const Json& order : orders) QVERIFY(order["order"] > 0 && order["errorRelative"] < 1.0);
    }
  }

  void inspectTaps() {
    const QString path = in("taps.safetensors");
    QCOMPARE(polecat({"inspect", sample(), "--headers", "--taps", path}).exit, 0);
    const auto written = analysis::openTensorFile(path.toStdString());
    QCOMPARE(written->tensors().size(), std::size_t(4));
    for (const auto& tensor : written->tensors()) {
      QCOMPARE(tensor.type, analysis::DataType::f32);
      QCOMPARE(tensor.shape, (std::vector<std::int64_t>{128, 1024}));
      const double error = relativeError(reference(tensor.name.c_str()), written->doubles(tensor.name));
      QVERIFY2(error < 1e-6, qPrintable(QString::number(error)));
    }
    QCOMPARE(polecat({"inspect", sample(), "--headers", "--taps", path, "--length", "100"}).exit, 0);
    const auto cut = analysis::openTensorFile(path.toStdString());
    QCOMPARE(cut->tensors().front().shape, (std::vector<std::int64_t>{128, 100}));
  }

  void distillWritesWhatItSays() {
    const QString path = in("four.safetensors");
    const Result result = polecat({"distill", sample(), "--order", "8", "--filters", "0.0-3", "-o", path, "--json"});
    QCOMPARE(result.exit, 0);
    const Json json = result.json();
    QCOMPARE(json["states"], Json(32));
    const auto file = analysis::openTensorFile(path.toStdString());
    const std::string bank = "layers.0.mixer.filter_fn";
    QCOMPARE(file->find(bank + ".poles")->shape, (std::vector<std::int64_t>{128, 8, 2}));
    QCOMPARE(file->find(bank + ".order")->type, analysis::DataType::i32);
    QCOMPARE(QString::fromStdString(file->metadata()["format"]), QString("polecat-statespace"));
    const auto order = file->doubles(bank + ".order"), feedthrough = file->doubles(bank + ".feedthrough"),
               poles = file->doubles(bank + ".poles"), residues = file->doubles(bank + ".residues");
    const auto taps = reference(("filters." + bank).c_str());
    for (int channel = 0; channel < 128; ++channel) {
      QCOMPARE(order[channel], channel < 4 ? 8.0 : -1.0);
      QCOMPARE(json["banks"][0]["order"][channel], Json(int(order[channel])));
      if (channel >= 4) continue;
      // h^[t] = sum_k Re(R_k lambda_k^(t-1)), summed straight from the file.
      std::vector<double> expected(&taps[channel * 1024], &taps[channel * 1024] + 1024), fit(1024, 0.0);
      fit[0] = feedthrough[channel];
      for (int k = 0; k < 8; ++k) {
        const int at = (channel * 8 + k) * 2;
        const std::complex<double> pole(poles[at], poles[at + 1]);
        std::complex<double> value(residues[at], residues[at + 1]);
        QVERIFY(std::abs(pole) < 1);
        for (int t = 1; t < 1024; ++t, value *= pole) fit[t] += value.real();
      }
      const double said = json["banks"][0]["errorRelative"][channel];
      QVERIFY(said > 0 && said < 1);
      QVERIFY(std::abs(relativeError(expected, fit) - said) < 1e-5);
    }
  }

  void distillByPlan() {
    const QString path = in("plan.safetensors");
    const Json json =
        polecat({"distill", sample(), "--orders", "0.*=4,0.3-4=8,2.1=6", "--effort", "quick", "-o", path, "--json"})
            .json();
    QCOMPARE(json["banks"][0]["order"][0], Json(4));
    QCOMPARE(json["banks"][0]["order"][4], Json(8));
    QCOMPARE(json["banks"][1]["order"][0], Json(-1));
    QCOMPARE(json["banks"][2]["order"][1], Json(6));
    QCOMPARE(json["states"], Json(126 * 4 + 2 * 8 + 6));
  }

  void distillWithinABudget() {
    const Json json = polecat({"distill", sample(), "--budget", "40", "--filters", "3.7-10", "-o", in("budget.h5"),
                               "--effort", "quick", "--json"})
                          .json();
    QVERIFY(json["states"] <= 40 && json["states"] >= 36);
  }

  // More states never hurt the program's own fit, and nothing beats the certificate.
  void compareMethods() {
    const Result result = polecat(
        {"compare", sample(), "--filter", "1.3,2.7", "--orders", "4,8", "--methods", "polecat,kung,prony", "--json"});
    QCOMPARE(result.exit, 0);
    const Json results = result.json()["results"];
    QCOMPARE(results.size(), std::size_t(12));
    for (const Json& one : results) {
      if (one.contains("refused")) continue;
      QVERIFY(one["errorRelative"] >= one["certificate"]);
      QVERIFY(one["spectralRadius"] < 1.0 && one["seconds"] > 0.0);
    }
    QCOMPARE(results[0]["method"], Json("polecat"));
    QVERIFY(results[3]["errorRelative"] <= results[0]["errorRelative"]);
    QVERIFY(results[0]["errorRelative"] <= results[1]["errorRelative"]);
    QCOMPARE(polecat({"compare", sample(), "--filter", "1.3", "--methods", "magic"}).exit, 2);
  }

  void listsKnowWhatTheBuildKnows() {
    std::vector<std::string> families, methods;
    const Json listed = polecat({"families", "--json"}).json(), fits = polecat({"methods", "--json"}).json();
    for (const Json& family : listed["families"]) families.push_back(family["name"]);
    for (const Json& method : fits["methods"]) methods.push_back(method["name"]);
    for (const QString& file : {sample(), QStringLiteral(POLECAT_TEST_DATA "/novels-hyena-rtf-1m.ckpt"),
                                QStringLiteral(POLECAT_TEST_DATA "/novels-multihyena-1m.ckpt")}) {
      const std::string family = polecat({"inspect", file, "--headers", "--json"}).json()["family"];
      QVERIFY2(std::count(families.begin(), families.end(), family) == 1, family.c_str());
    }
    QCOMPARE(methods.front(), std::string("polecat"));
    QVERIFY(std::count(methods.begin(), methods.end(), "vector-fitting") == 1);
  }

  void distillInOtherWays() {
    const QStringList start{"distill", sample(), "--order", "6", "--effort", "quick", "--filters", "0.0-3", "--json"};
    const Json shared = polecat(start + QStringList{"--share", "2", "-o", in("shared.safetensors")}).json();
    const auto sharing = Json::parse(shared["metadata"]["sharing"].get<std::string>());
    QCOMPARE(sharing["pole_sets"].get<int>(), 2);
    QVERIFY(sharing["stored_numbers"] < sharing["stored_numbers_separate"]);
    const Json kung = polecat(start + QStringList{"--method", "kung", "-o", in("kung.h5")}).json();
    QCOMPARE(QString::fromStdString(kung["metadata"]["method"].get<std::string>()), "kung");
    const Json heard = polecat(start + QStringList{"--weight", "band:0-0.5", "-o", in("heard.h5")}).json();
    QVERIFY(heard["metadata"]["plan"].get<std::string>().find("band 0-0.5") != std::string::npos);
    for (const QStringList& wrong :
         {QStringList{"--share", "1"}, QStringList{"--share", "all"}, QStringList{"--method", "none"},
          QStringList{"--method", "all"}, QStringList{"--weight", "loud"}, QStringList{"--share", "2", "--method", "kung"},
          QStringList{"--weight", "band:0-1", "--method", "kung"}}) {
      const Result result = polecat(start + wrong + QStringList{"-o", in("wrong.h5")});
      QVERIFY2(result.exit == 2, qPrintable(wrong.join(' ') + ": " + QString::fromUtf8(result.err)));
    }
    const Json spoken =
        polecat(start + QStringList{"--weight-text", sampleText(), "--windows", "1", "-o", in("spoken.h5")}).json();
    QVERIFY(spoken["metadata"]["plan"].get<std::string>().find("input on ") != std::string::npos);
    QCOMPARE(polecat(start + QStringList{"--weight", "band:2-1", "-o", in("wrong.h5")}).exit, 3);
  }

  void distillToTolerance() {
    const QString path = in("tolerance.h5");
    const Json json = polecat({"distill", sample(), "--tolerance", "0.1", "--filters", "3.7,3.9", "-o", path,
                               "--threads", "1", "--json"})
                          .json();
    for (const int channel : {7, 9}) {
      const int order = json["banks"][3]["order"][channel];
      QVERIFY(order > 0 && (order == 64 || json["banks"][3]["errorRelative"][channel] <= 0.1));
    }
    QVERIFY(QFile::exists(path));
  }

  void distillRefitted() {
    const auto distil = [&](const QString& path, const QStringList& more) {
      return polecat(QStringList{"distill", sample(), "--order", "4", "--filters", "3.7,3.9", "-o", path, "--json"} +
                     more)
          .json();
    };
    const Json plain = distil(in("plain.h5"), {});
    const Json refitted = distil(in("refitted.h5"), {"--refit-text", sampleText(), "--windows", "2"});
    QVERIFY(!plain["metadata"].contains("refit") && refitted["metadata"].contains("refit"));
    for (const int channel : {7, 9}) {  // the filter error gives way to the output error
      QCOMPARE(refitted["banks"][3]["order"][channel], Json(4));
      QVERIFY(refitted["banks"][3]["errorRelative"][channel] > plain["banks"][3]["errorRelative"][channel]);
    }
  }

  void evaluateInHalfTheMemory() {
    const auto bits = [&](const char* weights) {
      return polecat({"evaluate", sample(), "--text", sampleText(), "--windows", "1", "--length", "256", "--weights",
                      weights, "--json"})
          .json()["original"]["bitsPerToken"]
          .get<double>();
    };
    const double full = bits("float32"), half = bits("bfloat16");
    QVERIFY(full != half && std::abs(full - half) < 0.02);
  }

  void evaluateMatchesTheReference() {
    const QString path = in("nll.npy");
    const Result result =
        polecat({"evaluate", sample(), "--text", sampleText(), "--windows", "1", "--per-token", path, "--json"});
    QCOMPARE(result.exit, 0);
    const auto expected = reference("val_nll");
    double mean = 0;
    for (const double value : expected) mean += value / double(expected.size());
    QVERIFY(std::abs(result.json()["original"]["nllNatsPerToken"].get<double>() - mean) < 1e-5);

    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray bytes = file.readAll();
    QVERIFY(bytes.startsWith("\x93NUMPY\x01"));
    QVERIFY(bytes.contains("'<f4'") && bytes.contains("(1024,)"));
    QCOMPARE(bytes.size(), 128 + 1024 * 4);
    const auto* values = reinterpret_cast<const float*>(bytes.constData() + 128);
    for (int i = 0; i < 1024; ++i) QVERIFY(std::abs(values[i] - expected[i]) < 1e-3);
  }

  void evaluateDistilled() {
    QVERIFY(!distilled().isEmpty());
    const Json json = polecat({"evaluate", sample(), "--text", sampleText(), "--windows", "2", "--distilled",
                               distilled(), "--per-layer", "--json"})
                          .json();
    QCOMPARE(json["layers"].size(), std::size_t(4));
    for (const Json& layer : json["layers"]) {
      QVERIFY(layer["klNatsPerToken"] > 0.0 && layer["klNatsPerToken"] < 0.01);
      QCOMPARE(layer["klOverPosition"].size(), std::size_t(8));
    }
    QCOMPARE(json["original"]["bitsOverPosition"].size(), std::size_t(8));
    QCOMPARE(json["windows"], Json(2));
    const double original = json["original"]["bitsPerToken"], reduced = json["distilled"]["bitsPerToken"];
    QVERIFY(std::abs(original - reduced) < 0.01);
    QVERIFY(json["distilled"]["klNatsPerToken"] > 0.0);
    QVERIFY(json["distilled"]["topOneAgreement"] > 0.9);
  }

  void generateMatchesTheReference() {
    const auto prompt = reference("prompt_tokens"), greedy = reference("greedy_tokens");
    QFile file(in("prompt.txt"));
    QVERIFY(file.open(QIODevice::WriteOnly));
    for (const double token : prompt) file.putChar(char(token));
    file.close();
    const Result result =
        polecat({"generate", sample(), "--prompt-file", in("prompt.txt"), "--tokens", "64", "--json"});
    QCOMPARE(result.exit, 0);
    const auto tokens = result.json()["tokens"].get<std::vector<int>>();
    QCOMPARE(tokens.size(), std::size_t(64));
    for (int i = 0; i < 64; ++i) QCOMPARE(tokens[i], int(greedy[256 + i]));
    const Result text = polecat({"generate", sample(), "--prompt-file", in("prompt.txt"), "--tokens", "64"});
    QByteArray expected;
    for (int i = 0; i < 64; ++i) expected += char(greedy[256 + i]);
    QCOMPARE(text.out, expected + '\n');
    QVERIFY(text.err.contains("tokens/s"));
  }

  void sameSeedSameText() {
    const auto text = [&](const char* seed, const QStringList& more) {
      return polecat(QStringList{"generate", sample(), "--prompt", "It was", "--tokens", "24", "--temperature", "0.9",
                                 "--top-k", "40", "--top-p", "0.95", "--seed", seed} +
                     more)
          .out;
    };
    const QByteArray one = text("7", {});
    QVERIFY(one.size() >= 24);
    QCOMPARE(text("7", {"--mode", "convolution"}), one);
    QVERIFY(text("8", {}) != one);
  }

  // However the prompt is read, the text is the same; what the mode lacks, or no way at all, is refused in words.
  void promptsAreReadAsAsked() {
    const auto run = [&](const char* way, const QStringList& more = {}) {
      return polecat(QStringList{"generate", sample(), "--prompt", "It was the best of times", "--tokens", "24",
                                 "--temperature", "0.9", "--seed", "7", "--prefill", way} +
                     more);
    };
    const QByteArray one = run("auto").out;
    QVERIFY(one.size() >= 24);
    QCOMPARE(run("fft").out, one);
    QCOMPARE(run("toeplitz").out, one);
    const Result refused = run("scan");
    QCOMPARE(refused.exit, 3);
    QVERIFY(isOneSentence(refused.err) && refused.err.contains("prefill by scan") && refused.err.contains("toeplitz"));
    QCOMPARE(run("guess").exit, 2);
    const QStringList models{"--distilled", distilled()};
    const QByteArray other = run("auto", models).out;
    for (const char* way : {"scan", "chunked-modal", "state-free"}) QCOMPARE(run(way, models).out, other);
    QCOMPARE(run("scan", models + QStringList{"--compare"}).exit, 2);
  }

  void batchesHaveTheirOwnNoise() {
    const auto run = [&](const QStringList& more) {
      return polecat(QStringList{"generate", sample(), "--prompt", "It was", "--tokens", "16", "--temperature", "0.9",
                                 "--seed", "7"} +
                     more);
    };
    const Json alone = run({"--json"}).json(), three = run({"--batch", "3", "--json"}).json();
    QCOMPARE(three["batch"], Json(3));
    QCOMPARE(three["sequences"].size(), std::size_t(3));
    QCOMPARE(three["sequences"][0]["tokens"], alone["tokens"]);
    QVERIFY(three["sequences"][1]["tokens"] != alone["tokens"]);
    const QByteArray text = run({"--batch", "3"}).out;
    for (const Json& sequence : three["sequences"])
      QVERIFY(text.contains(QByteArray::fromStdString(sequence["text"].get<std::string>())));
    QCOMPARE(run({"--batch", "3", "--compare"}).exit, 2);
  }

  // The distilled model runs as h^ by convolution and as a recurrence: the same filter, hence the same text.
  void compareRunsEveryMode() {
    QVERIFY(!distilled().isEmpty());
    const Result result = polecat({"generate", sample(), "--prompt", "The ship", "--tokens", "32", "--distilled",
                                   distilled(), "--compare", "--seed", "3", "--temperature", "0.8", "--json"});
    QCOMPARE(result.exit, 0);
    const Json lanes = result.json()["lanes"];
    QCOMPARE(lanes.size(), std::size_t(7));
    QCOMPARE(lanes[0]["name"], Json("original"));
    QCOMPARE(lanes[0]["identicalPrefixTokens"], Json(32));
    QCOMPARE(lanes[1]["tokens"], lanes[0]["tokens"]);
    for (const int lane : {3, 4, 5, 6}) QCOMPARE(lanes[lane]["tokens"], lanes[2]["tokens"]);
    QCOMPARE(lanes[6]["mode"], Json("modal"));
    for (const Json& lane : lanes) {
      QCOMPARE(lane["tokens"].size(), std::size_t(32));
      QVERIFY(lane["tokensPerSecond"] > 0.0 && lane["tokenSeconds"]["p99"] >= lane["tokenSeconds"]["p50"]);
      QVERIFY(lane["bytes"]["weights"] > 3000000);
    }
    QVERIFY(lanes[6]["bytes"]["cache"] < lanes[0]["bytes"]["cache"]);
  }
};

QTEST_GUILESS_MAIN(TestVerbs)
#include "test_verbs.moc"
