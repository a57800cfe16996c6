// `polecat bench` and `polecat devices`: what this machine does, as numbers that agree with each other.
#include <QFile>
#include <QTemporaryDir>
#include <QTest>
#include <algorithm>
#include <cmath>

#include "binary.h"

namespace {

using Json = nlohmann::json;

}  // namespace

class TestBench : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void benchMeasuresEveryMode() {
    const auto result = polecat({"bench", sample(), "--prompt", "12", "--generate", "6", "--batch", "1,3", "--repeat", "2",
                                 "--seconds", "0", "--modes", "convolution,convolution-tiled", "--json"});
    QCOMPARE(result.exit, 0);
    const Json json = result.json();
    QVERIFY(json["calibration"]["copyBytesPerSecond"] > 0);
    QCOMPARE(json["points"].size(), std::size_t(4));
    for (const Json& point : json["points"]) {
      const Json& measured = point["result"];
      QCOMPARE(measured["tokensPerSecondDecode"]["samples"].size(), std::size_t(2));
      QVERIFY(measured["tokensPerSecondDecode"]["median"] > measured["tokensPerSecondTotal"]["median"]);
      QVERIFY(measured["tokenSeconds"]["max"] >= measured["tokenSeconds"]["p50"]);
      QVERIFY(measured["bytes"]["weights"] > 3000000);
    }
    QCOMPARE(json["points"][1]["workload"]["batch"], Json(3));
    // The roofline repeats what the rates and the cost model say.
    const double bandwidth = json["roofs"]["bytesPerSecond"], peak = json["roofs"]["flopsPerSecond"];
    QVERIFY(peak > 0 && bandwidth > 0);
    for (const Json& point : json["points"]) {
      const Json& place = point["roofline"];
      const double bytes = double(place["flopsPerSecond"]) / double(place["flopsPerByte"]);  // a second
      QVERIFY(std::abs(bytes / bandwidth / double(point["result"]["shareOfBandwidth"]) - 1) < 1e-9);
      QCOMPARE(double(place["attainableFlopsPerSecond"]), std::min(peak, bandwidth * double(place["flopsPerByte"])));
    }
    QCOMPARE(polecat({"bench"}).exit, 2);
    QCOMPARE(polecat({"bench", sample(), "--prefill", "scan"}).exit, 2);  // no mode of the original has it
    const auto asked = polecat({"bench", sample(), "--prompt", "12", "--generate", "2", "--repeat", "1", "--seconds",
                                "0", "--modes", "convolution", "--prefill", "toeplitz", "--json"});
    QCOMPARE(asked.json()["points"][0]["mode"]["prefill"], Json("toeplitz"));
    QCOMPARE(polecat({"bench", sample(), "--modes", "attention"}).exit, 2);
    QCOMPARE(polecat({"bench", sample(), "--device", "cuda:99"}).exit, 5);
  }

  void benchDrawsTheRoofline() {
    QTemporaryDir folder;
    const QString figure = folder.filePath("roofline.svg");
    const QStringList command{"bench", sample(), "--prompt", "12", "--generate", "6", "--batch", "1,3", "--repeat", "1",
                              "--seconds", "0", "--modes", "convolution", "--figure", figure};
    QCOMPARE(polecat(command).exit, 0);
    QFile file(figure);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray text = file.readAll();
    QVERIFY(text.startsWith("<?xml") && text.contains("convolution, batch 3"));
    QCOMPARE(polecat({"bench", sample(), "--figure", folder.filePath("roofline.txt")}).exit, 2);
    QCOMPARE(polecat({"bench", sample(), "--calibrate", "--figure", "/nowhere/roofline.svg"}).exit, 6);
  }

  void devicesListTheProcessor() {
    const Json json = polecat({"devices", "--json"}).json();
    QCOMPARE(json["devices"][0]["id"], Json("cpu"));
    QVERIFY(json["devices"][0]["cores"] > 0);
  }
};

QTEST_GUILESS_MAIN(TestBench)
#include "test_bench.moc"
