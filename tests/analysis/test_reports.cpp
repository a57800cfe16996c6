// What is told of every family's file after opening: a missing tensor by its name, what is there besides and what is
// there twice, and where each value of the configuration came from.
#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <tuple>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "tests/analysis/familyfiles.h"

using namespace analysis;
using familyfiles::File;

namespace {

const File& fileAt(int index) {
  static const std::vector<File> files = familyfiles::all();
  return files[std::size_t(index)];
}

bool tells(const std::vector<std::string>& entries, const std::string& beginning) {
  return std::any_of(entries.begin(), entries.end(), [&](const std::string& e) { return e.starts_with(beginning); });
}

QByteArray listed(const CheckpointReport& report) {
  QByteArray text;
  const auto add = [&](const char* title, const std::vector<std::string>& entries) {
    for (const std::string& entry : entries) text += QByteArray(title) + " " + QByteArray::fromStdString(entry) + "; ";
  };
  add("missing", report.missing);
  add("misshapen", report.shapeMismatch);
  add("extra", report.extra);
  add("skipped", report.skipped);
  add("tied", report.tied);
  return text;
}

bool onlyHarmless(const std::vector<std::string>& extra) {
  return std::all_of(extra.begin(), extra.end(),
                     [](const std::string& e) { return e.find(": harmless, ") != std::string::npos; });
}

const Setting* setting(const CheckpointReport& report, const std::string& name) {
  for (const Setting& each : report.settings)
    if (each.name == name) return &each;
  return nullptr;
}

}  // namespace

class TestReports : public QObject {
  Q_OBJECT

  QTemporaryDir folder;

  std::shared_ptr<const Checkpoint> opened(const File& file, const std::vector<writers::Tensor>& tensors,
                                           const Choices& more = {}) {
    const QString path = folder.filePath("model.safetensors");
    writers::save(path, writers::safetensors(tensors, file.metadata));
    Choices choices = file.choices;
    for (const auto& [name, value] : more) choices[name] = value;
    return Checkpoint::open(path.toStdString(), {}, choices);
  }
  void families() {
    QTest::addColumn<int>("index");
    int index = 0;
    for (const File& file : familyfiles::all()) QTest::newRow(file.title.c_str()) << index++;
  }

 private Q_SLOTS:
  void nothingIsMissedInAWholeFile_data() { families(); }
  void nothingIsMissedInAWholeFile() {
    QFETCH(int, index);
    const File& file = fileAt(index);
    const auto checkpoint = opened(file, file.tensors);
    const CheckpointReport& report = checkpoint->report();
    QCOMPARE(report.family, file.family);
    QVERIFY2(report.missing.empty() && report.shapeMismatch.empty() && report.skipped.empty(), listed(report));
    QVERIFY2(onlyHarmless(report.extra), listed(report));
    QCOMPARE(checkpoint->filterCount() > 0, file.filters);
    QCOMPARE(checkpoint->languageModel() != nullptr, file.runs);
    for (const Setting& each : report.settings) QVERIFY2(!each.value.empty(), each.name.c_str());
  }

  // Whichever tensor is taken away: it is named, nothing else is blamed, and what does not need it can be seen.
  void everyMissingTensorIsNamed_data() { families(); }
  void everyMissingTensorIsNamed() {
    QFETCH(int, index);
    const File& file = fileAt(index);
    for (std::size_t absent = 0; absent < file.tensors.size(); ++absent) {
      std::vector<writers::Tensor> rest = file.tensors;
      rest.erase(rest.begin() + std::ptrdiff_t(absent));
      const std::string key = file.canonical(file.tensors[absent].name);
      const auto instead = file.dispensable.find(key);
      try {
        const auto checkpoint = opened(file, rest);
        const CheckpointReport& report = checkpoint->report();
        const QByteArray all = QByteArray::fromStdString("without " + key + ": ") + listed(report);
        QVERIFY2(report.family == file.family, all);
        QVERIFY2(report.shapeMismatch.empty() && onlyHarmless(report.extra), all);
        if (file.filters) {
          QVERIFY2(checkpoint->filterCount() > 0, all);
          for (int bank = 0; bank < int(checkpoint->banks().size()); ++bank)
            QVERIFY2(!checkpoint->filter({bank, 0})->taps.empty(), all);
        }
        if (instead == file.dispensable.end()) {
          QVERIFY2(report.missing.size() == 1 && report.missing[0].starts_with(key + ": "), all);
          QVERIFY2(checkpoint->languageModel() == nullptr, all);
          continue;
        }
        QVERIFY2(report.missing.empty(), all);
        QCOMPARE(checkpoint->languageModel() != nullptr, file.runs);
        if (instead->second == "tied") {
          QVERIFY2(tells(report.tied, key + ": absent, taken from "), all);
        } else if (!instead->second.empty()) {
          QVERIFY2(setting(report, instead->second) != nullptr, all);
        }
      } catch (const Error& error) {
        const QString sentence = error.what();
        QVERIFY2(instead == file.dispensable.end(), error.what());
        QVERIFY2(sentence.contains(QString::fromStdString(file.family)), error.what());
        QVERIFY2(sentence.contains(QString::fromStdString("(" + key + ": ")), error.what());
        QVERIFY2(sentence.endsWith('.') && !sentence.contains('\n'), error.what());
      }
    }
  }

  // Strangers at the top, and at every level above the deepest tensor.
  void everyExtraTensorIsListed_data() { families(); }
  void everyExtraTensorIsListed() {
    QFETCH(int, index);
    const File& file = fileAt(index);
    std::vector<writers::Tensor> tensors = file.tensors;
    std::vector<std::string> added{"aa_stranger.weight"};
    const auto dots = [](const writers::Tensor& tensor) { return std::count(tensor.name.begin(), tensor.name.end(), '.'); };
    const std::string inside =
        std::max_element(tensors.begin(), tensors.end(), [&](const auto& a, const auto& b) { return dots(a) < dots(b); })->name;
    for (std::size_t dot = inside.find('.', file.prefix.size()); dot != std::string::npos; dot = inside.find('.', dot + 1))
      added.push_back(inside.substr(0, dot + 1) + "stranger");
    for (const std::string& name : added) tensors.push_back(writers::floats(name, {2, 3}, {1, 2, 3, 4, 5, 6}));
    const auto checkpoint = opened(file, tensors);
    const CheckpointReport& report = checkpoint->report();
    QCOMPARE(report.family, file.family);
    QVERIFY2(report.missing.empty() && report.shapeMismatch.empty(), listed(report));
    std::size_t unknown = 0;
    for (const std::string& entry : report.extra) unknown += entry.ends_with(": unknown");
    QVERIFY2(unknown == added.size(), listed(report));
    QCOMPARE(checkpoint->languageModel() != nullptr, file.runs);
    QCOMPARE(checkpoint->filterCount(), opened(file, file.tensors)->filterCount());
  }

  // Two names of one storage, as PyTorch keeps them.
  void everyTiedPairIsListed_data() { families(); }
  void everyTiedPairIsListed() {
    QFETCH(int, index);
    const File& file = fileAt(index);
    std::vector<writers::Tensor> tensors = file.tensors;
    std::sort(tensors.begin(), tensors.end(), [&](const auto& a, const auto& b) {
      return file.canonical(a.name) < file.canonical(b.name);
    });
    std::size_t first = 0, second = 0;
    for (std::size_t i = 0; i < tensors.size() && second == 0; ++i) {
      for (std::size_t j = i + 1; j < tensors.size() && second == 0; ++j) {
        if (tensors[i].shape != tensors[j].shape || tensors[i].shape.empty()) continue;
        first = i;
        second = j;
      }
    }
    QVERIFY(second > 0);
    using namespace writers::pickle;
    std::vector<std::pair<std::string, std::string>> entries;
    std::vector<std::string> storages;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const writers::Tensor& each = tensors[i];
      const std::size_t kept = i == second ? first : i;
      const std::string store = storage("FloatStorage", std::to_string(kept), std::int64_t(each.bytes.size() / 4));
      entries.emplace_back(each.name, tensor(store, 0, each.shape, writers::rowMajor(each.shape)));
      storages.push_back(each.bytes);
    }
    std::string top = "}(" + text("state_dict") + dict(entries);
    if (file.metadata.is_object()) {
      for (const auto& [name, value] : file.metadata.items()) top += text(name) + text(value.get<std::string>());
    }
    const QString path = folder.filePath("tied.pt");
    writers::save(path, writers::torchZip(stream(top + "u"), storages));
    const CheckpointReport report = Checkpoint::open(path.toStdString(), {}, file.choices)->report();
    QCOMPARE(report.family, file.family);
    const std::string entry = file.canonical(tensors[second].name) + ": same storage as " + file.canonical(tensors[first].name);
    QVERIFY2(tells(report.tied, entry), QByteArray::fromStdString(entry + "? ") + listed(report));
  }

  // A head of its own storage: tied when its values are the embedding's, or when it is absent.
  void headsAreComparedByValue_data() {
    QTest::addColumn<int>("index");
    QTest::addColumn<QString>("head");
    QTest::addColumn<QString>("embedding");
    const auto files = familyfiles::all();
    for (int i = 0; i < int(files.size()); ++i) {
      if (files[std::size_t(i)].title == "GPT") QTest::newRow("GPT") << i << "lm_head.weight" << "embeddings.word_embeddings.weight";
      if (files[std::size_t(i)].title == "H3") QTest::newRow("H3") << i << "lm_head.weight" << "embeddings.word_embeddings.weight";
      if (files[std::size_t(i)].title == "Evo 1") QTest::newRow("Evo 1") << i << "unembed.weight" << "embedding_layer.weight";
      if (files[std::size_t(i)].title == "GPT-NeoX") QTest::newRow("GPT-NeoX") << i << "embed_out.weight" << "gpt_neox.embed_in.weight";
    }
  }
  void headsAreComparedByValue() {
    QFETCH(int, index);
    QFETCH(QString, head);
    QFETCH(QString, embedding);
    const File& file = fileAt(index);
    for (const char* state : {"equal", "other", "absent"}) {
      std::vector<writers::Tensor> tensors = file.tensors;
      std::erase_if(tensors, [&](const auto& tensor) { return tensor.name == head.toStdString(); });
      auto copy = *std::find_if(tensors.begin(), tensors.end(),
                                [&](const auto& tensor) { return tensor.name == embedding.toStdString(); });
      copy.name = head.toStdString();
      if (*state == 'o') copy.bytes.back() = char(copy.bytes.back() ^ 1);
      if (*state != 'a') tensors.push_back(copy);
      const auto checkpoint = opened(file, tensors);
      QVERIFY2(checkpoint->languageModel() != nullptr, listed(checkpoint->report()));
      QCOMPARE(checkpoint->languageModel()->tiedHead, *state != 'o');
      const std::string name = head.toStdString();
      QCOMPARE(tells(checkpoint->report().tied, name + ": same values as " + embedding.toStdString()), *state == 'e');
      QCOMPARE(tells(checkpoint->report().tied, name + ": absent, taken from " + embedding.toStdString()), *state == 'a');
    }
  }

  // A model whose configuration says that its head is its own misses it.
  void anUntiedHeadIsMissed() {
    for (const auto& [title, key, head] : {std::tuple{"Evo 1", "tie_embeddings", "unembed.weight"},
                                           std::tuple{"GPT-NeoX", "tie_word_embeddings", "embed_out.weight"}}) {
      const auto files = familyfiles::all();
      const File file = *std::find_if(files.begin(), files.end(), [title = title](const File& f) { return f.title == title; });
      std::vector<writers::Tensor> tensors = file.tensors;
      std::erase_if(tensors, [head = head](const auto& tensor) { return tensor.name == head; });
      QTemporaryDir place;
      writers::save(place.filePath("config.json"), std::string("{\"") + key + "\": false}");
      writers::save(place.filePath("m.safetensors"), writers::safetensors(tensors));
      try {
        const auto checkpoint = Checkpoint::open(place.filePath("m.safetensors").toStdString(), {}, file.choices);
        QVERIFY(tells(checkpoint->report().missing, std::string(head) + ": needed"));
        QVERIFY(checkpoint->languageModel() == nullptr);
      } catch (const Error& error) {
        QVERIFY2(QString(error.what()).contains(QString(head) + ": needed"), error.what());
      }
    }
  }

  // What shapes do not hold: by default, by the configuration beside the file, by choice.
  void everyValueTellsItsOrigin_data() {
    QTest::addColumn<QString>("title");
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("usual");       // the default
    QTest::addColumn<QString>("said");        // config.json
    QTest::addColumn<QString>("configured");  // what that makes of it
    QTest::addColumn<QString>("choice");
    const auto row = [](const char* title, const char* name, const char* usual, const char* said,
                        const char* configured, const char* choice) {
      QTest::addRow("%s, %s", title, name) << title << name << usual << said << configured << choice;
    };
    row("Hyena", "modulate", "on", R"({"layer": {"modulate": false}})", "off", "on");
    row("Hyena", "shift", "0", R"({"layer": {"shift": 0.25}})", "0.25", "0.05");
    row("HyenaDNA", "shift", "0.05", R"({"shift": 0})", "0", "0.125");
    row("Hyena", "skip", "on", R"({"use_bias": false})", "off", "on");
    row("MultiHyena", "modulate", "on", R"({"modulate": false})", "off", "on");
    row("GPT", "heads", "1", R"({"n_head": 2})", "2", "4");
    row("GPT", "norm epsilon", "1e-05", R"({"layer_norm_epsilon": 1e-3})", "0.001", "1e-06");
    row("Hyena-RTF", "kernel", "aliased", "{}", "aliased", "not aliased");
    row("H3", "discretisation", "bilinear", R"({"disc": "zoh"})", "zoh", "bilinear");
    row("H3", "heads", "1", R"({"attn_cfg": {"num_heads": 2}})", "2", "4");
    row("S4", "discretisation", "zoh", R"({"kernel": {"disc": "bilinear"}})", "bilinear", "zoh");
    row("S4, version 3", "discretisation", "bilinear", R"({"disc": "zoh"})", "zoh", "bilinear");
    row("Long convolution", "soft threshold", "0.003", R"({"lam": 0.002})", "0.002", "0.1");
    row("Long convolution", "moving average", "off", R"({"use_ma_smoothing": true})", "on", "off");
    row("Long convolution", "causal", "on", R"({"causal": false})", "off", "on");
    row("Evo 1", "rotary base", "10000", R"({"rotary_emb_base": 500000})", "500000", "1000000");
    row("Evo 1", "norm epsilon", "1e-06", R"({"eps": 1e-5})", "1e-05", "1e-06");
    row("Evo 1", "epsilon below the root", "off", R"({"use_flash_rmsnorm": true})", "on", "off");
    row("Evo 2", "gates exchanged", "off", R"({"hyena_flip_x1x2": true})", "on", "off");
    row("GPT-NeoX", "rotary share", "0.25", R"({"rotary_pct": 0.5})", "0.5", "1");
  }
  void everyValueTellsItsOrigin() {
    QFETCH(QString, title);
    QFETCH(QString, name);
    QFETCH(QString, usual);
    QFETCH(QString, said);
    QFETCH(QString, configured);
    QFETCH(QString, choice);
    const auto files = familyfiles::all();
    const File file =
        *std::find_if(files.begin(), files.end(), [&](const File& f) { return f.title == title.toStdString(); });
    QTemporaryDir place;
    const std::string path = place.filePath("m.safetensors").toStdString(), key = name.toStdString();
    writers::save(place.filePath("m.safetensors"), writers::safetensors(file.tensors, file.metadata));
    const auto found = [&](const Choices& choices) {
      const CheckpointReport report = Checkpoint::open(path, {}, choices)->report();
      const Setting* one = setting(report, key);
      return one == nullptr ? std::pair(QString(), Origin::tensors)
                            : std::pair(QString::fromStdString(one->value), one->origin);
    };
    QCOMPARE(found(file.choices).first, usual);
    QVERIFY(found(file.choices).second == Origin::fallback);
    writers::save(place.filePath("config.json"), said.toStdString());
    QCOMPARE(found(file.choices).first, configured);
    QVERIFY(found(file.choices).second == (said == "{}" ? Origin::fallback : Origin::configuration));
    Choices chosen = file.choices;
    chosen[key] = choice.toStdString();
    QCOMPARE(found(chosen).first, choice);
    QVERIFY(found(chosen).second == Origin::choice);
  }

  // Pairs of files for StripedHyena: the one that is missing is named.
  void aLostHalfOfAPairIsNamed() {
    using namespace writers::pickle;
    const auto pair = [](unsigned seed) {
      return writers::torchZip(stream(tensor(storage("ComplexFloatStorage", "0", 6), 0, {2, 3}, {3, 1})),
                               {writers::bytesOf(writers::randomNumbers(12, seed, 0.4f))});
    };
    QTemporaryDir place;
    for (const char* name : {"approx_poles_1.pt", "approx_residues_1.pt", "approx_poles_2.pt"})
      writers::save(place.filePath(name), pair(unsigned(name[7])));
    const auto checkpoint = Checkpoint::open(place.path().toStdString());
    QCOMPARE(checkpoint->report().family, std::string("Poles and residues"));
    QVERIFY2(tells(checkpoint->report().missing, "approx_residues_2: needed"), listed(checkpoint->report()));
    QCOMPARE(checkpoint->filterCount(), 3);
    QVERIFY(QFile::remove(place.filePath("approx_residues_1.pt")));
    try {
      (void)Checkpoint::open(place.path().toStdString());
      QFAIL("accepted");
    } catch (const Error& error) {
      QVERIFY2(QString(error.what()).contains("approx_residues_1: needed"), error.what());
    }
  }

  void namesSortByTheirNumbers() {
    std::vector<writers::Tensor> tensors;
    for (const int layer : {0, 1, 2, 10}) {
      const std::string module = "layers." + std::to_string(layer) + ".layer.";
      tensors.push_back(writers::floats(module + "kernel.kernel", {1, 1, 20}, std::vector<float>(20, float(layer))));
      tensors.push_back(writers::floats(module + "D", {1, 1}, {0}));
    }
    writers::save(folder.filePath("order.safetensors"), writers::safetensors(tensors));
    const auto checkpoint =
        Checkpoint::open(folder.filePath("order.safetensors").toStdString(), {}, {{"soft threshold", "0"}});
    QCOMPARE(checkpoint->banks()[2].path, std::string("layers.2.layer.kernel"));
    QCOMPARE(checkpoint->banks()[3].path, std::string("layers.10.layer.kernel"));
    QCOMPARE(checkpoint->filter({3, 0})->taps[0], 10.);
  }
};

QTEST_GUILESS_MAIN(TestReports)
#include "test_reports.moc"
