// What a pickle holds beside plain tensors: classes nobody knows, settings of a training run, bombs and circles.
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/tensors/tensorfile.h"
#include "tests/analysis/tensorwriters.h"

using namespace analysis;
namespace pickle = writers::pickle;
using writers::little;

class TestPickle : public QObject {
  Q_OBJECT

  QTemporaryDir m_folder;

  std::shared_ptr<const TensorFile> opened(const char* name, const std::string& bytes) {
    const QString path = m_folder.filePath(name);
    writers::save(path, bytes);
    return openTensorFile(path.toStdString());
  }

 private Q_SLOTS:
  void skipsUnknownClasses() {
    const std::string odd = pickle::global("torchao.quant", "Tensor8") + ")\x81" + pickle::dict({{"x", "N"}}) + "b";
    const std::string config =
        pickle::call("omegaconf.dictconfig", "DictConfig", pickle::tuple({pickle::text("secret")}));
    const std::string top =
        "}(" + pickle::text("state_dict") +
        pickle::dict({{"good", pickle::tensor(pickle::storage("FloatStorage", "0", 1), 0, {1}, {1})}, {"bad", odd}}) +
        pickle::text("hyper_parameters") + pickle::dict({{"lr", pickle::real(0.5)}, {"cfg", config}}) +
        pickle::text("epoch") + pickle::integer(3) + "u";
    const auto file = opened("odd.ckpt", writers::torchZip(pickle::stream(top), {little(4.f)}));
    QCOMPARE(file->tensors().size(), std::size_t(1));
    QCOMPARE(file->doubles("good"), std::vector<double>{4});
    QCOMPARE(file->remarks().size(), std::size_t(1));
    QVERIFY(file->remarks()[0].find("torchao.quant.Tensor8") != std::string::npos);
    QCOMPARE(file->metadata().at("hyper_parameters").at("lr").get<double>(), 0.5);
    QCOMPARE(file->metadata().at("hyper_parameters").at("cfg").get<std::string>(),
             std::string("omegaconf.dictconfig.DictConfig"));
    QCOMPARE(file->metadata().at("epoch").get<int>(), 3);
  }

  // Of what a training run saves: containers by their content, anything else by its name.
  void tellsWhatStandsBesideTheTensors() {
    using namespace pickle;
    const std::string store = storage("FloatStorage", "0", 1), weight = tensor(store, 0, {1}, {1});
    const std::string pairs = "](" + tuple({text("a"), integer(1)}) + tuple({text("b"), real(2.5)}) + "e";
    const std::string beside =
        dict({{"nothing", "N"},
              {"yes", "\x88"},
              {"big", "\x8a\x09" + std::string(8, '\0') + "\x01"},  // 2^64
              {"infinite", real(INFINITY)},
              {"bytes",
               "C\x03"
               "abc"},
              {"array", call("builtins", "bytearray",
                             tuple({"C\x02"
                                    "ab"}))},
              {"type", global("torch", "float32")},
              {"device", call("torch", "device", tuple({text("cuda")}))},
              {"weight", weight},
              {"size", call("torch", "Size", tuple({integers({3, 4})}))},
              {"ordered", call("collections", "OrderedDict", tuple({pairs}))},
              {"default", call("collections", "defaultdict",
                               tuple({global("builtins", "int"), "}(" + integer(7) + text("x") + "u"}))},
              {"parameter", call("torch._utils", "_rebuild_parameter", tuple({weight, "\x88", dict({})}))}});
    const std::string top = "}(" + text("state_dict") + dict({{"t", weight}}) + text("args") + beside + "u";
    const auto file = opened("beside.pt", writers::torchZip(stream(top), {little(4.f)}));
    QCOMPARE(file->doubles("t"), std::vector<double>{4});
    const nlohmann::json expected{
        {"nothing", nullptr},     {"yes", true},        {"big", "an integer of 9 bytes"},    {"infinite", "not finite"},
        {"bytes", "3 bytes"},     {"array", "2 bytes"}, {"type", "torch.float32"},           {"device", "cuda"},
        {"weight", "a tensor"},   {"size", {3, 4}},     {"ordered", {{"a", 1}, {"b", 2.5}}}, {"default", {{"7", "x"}}},
        {"parameter", "a tensor"}};
    const nlohmann::json& said = file->metadata().at("args");
    for (const auto& [key, value] : expected.items())
      QVERIFY2(said.at(key) == value, (key + ": " + said.at(key).dump()).c_str());
  }

  // A list of lists of lists .. each ten times the one before: 10^9 values if written out.
  void boundsRepetition() {
    std::string bomb = pickle::text("x") + "q" + char(0) + "0";
    for (char level = 1; level < 10; ++level) {
      bomb += "](";
      for (int i = 0; i < 10; ++i) bomb += std::string("h") + char(level - 1);
      bomb += std::string("eq") + level + (level < 9 ? "0" : "");
    }
    const std::string top =
        pickle::dict({{"t", pickle::tensor(pickle::storage("FloatStorage", "0", 1), 0, {1}, {1})}, {"bomb", bomb}});
    const auto file = opened("bomb.pt", writers::torchZip(pickle::stream(top), {little(4.f)}));
    QVERIFY(file->metadata().at("bomb").is_array());
    QVERIFY(file->metadata().dump().size() < 2'000'000);
  }

  void survivesCircles() {
    const std::string circle = std::string("]q") + char(5) + "(h" + char(5) + "h" + char(5) + "e";
    const std::string map = std::string("}q") + char(6) + "(" + pickle::text("me") + "h" + char(6) + "u";
    const std::string top = pickle::dict({{"t", pickle::tensor(pickle::storage("FloatStorage", "0", 1), 0, {1}, {1})},
                                          {"circle", circle},
                                          {"map", map}});
    const auto file = opened("circle.pt", writers::torchZip(pickle::stream(top), {little(4.f)}));
    QVERIFY(file->metadata().at("circle").is_array());
    QVERIFY(file->metadata().at("map").is_object());
  }
};

QTEST_GUILESS_MAIN(TestPickle)
#include "test_pickle.moc"
