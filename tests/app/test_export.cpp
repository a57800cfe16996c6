// What leaves the window: figures with size, title and provenance, tables as CSV, commands, runs; and the layer map.
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFile>
#include <QImageReader>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>
#include <QTemporaryDir>
#include <QTest>
#include <nlohmann/json.hpp>

#include "app/bankpanel.h"
#include "app/banner.h"
#include "app/figuredialog.h"
#include "app/filterpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/runrecord.h"
#include "app/sound.h"
#include "tests/app/fulldisk.h"
#include "tests/app/shownwindow.h"
#include "widgets/bankplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using namespace app;

class TestExport : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;
  QTemporaryDir m_folder;

  QAction* action(const char* name) { return shownwindow::action(*m_window, name); }
  QByteArray contents(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_export");
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
    QVERIFY(shownwindow::openSample(*m_window));
  }
  void cleanupTestCase() { m_window.reset(); }

  void aPageIsExportedInCentimetres() {
    QTest::keyClick(m_window.get(), Qt::Key_E, Qt::ControlModifier | Qt::ShiftModifier);
    auto* dialog = m_window->findChild<FigureDialog*>();
    QTRY_VERIFY(dialog && dialog->isVisible());
    auto* what = dialog->findChild<QComboBox*>(QStringLiteral("figureWhat"));
    what->setCurrentText("Page of the four plots");
    QCOMPARE(what->currentText(), QStringLiteral("Page of the four plots"));
    dialog->findChild<QComboBox*>(QStringLiteral("figureUnit"))->setCurrentText("cm");
    dialog->findChild<QDoubleSpinBox*>(QStringLiteral("figureWidth"))->setValue(16);
    dialog->findChild<QDoubleSpinBox*>(QStringLiteral("figureHeight"))->setValue(12);
    dialog->findChild<QDoubleSpinBox*>(QStringLiteral("figureScale"))->setValue(3);
    dialog->findChild<QLineEdit*>(QStringLiteral("figureTitle"))->setText("A page of mine");
    const QString png = m_folder.filePath("page.png");
    QCOMPARE(dialog->exportTo(png), QString());
    // 16 cm are 604.7 pixels of 1/96 inch, three times.
    const QSize size = QImageReader(png).size();
    QVERIFY2(std::abs(size.width() - 605 * 3) <= 3 && std::abs(size.height() - 454 * 3) <= 3,
             qPrintable(QStringLiteral("%1 x %2").arg(size.width()).arg(size.height())));
    const QString svg = m_folder.filePath("page.svg");
    QCOMPARE(dialog->exportTo(svg), QString());
    const QByteArray text = contents(svg);
    for (const char* part : {"A page of mine", "novels-hyena-1m.ckpt", "filter 0.0", "Impulse response", "Poles"})
      QVERIFY2(text.contains(part), part);
    QCOMPARE(dialog->exportTo(m_folder.filePath("page.pdf")), QString());
    QVERIFY(contents(m_folder.filePath("page.pdf")).startsWith("%PDF"));
    QVERIFY(!dialog->exportTo(m_folder.filePath("none/page.png")).isEmpty());
    QTest::mouseClick(dialog->findChild<QPushButton*>(QStringLiteral("figureCopy")), Qt::LeftButton);
    QCOMPARE(QApplication::clipboard()->image().size(), size);
    dialog->close();
  }

  void thePlotWithTheFocusIsOfferedFirst() {
    m_window->plots().spectrum().setFocus();
    QTRY_VERIFY(m_window->plots().spectrum().hasFocus());
    action("file.exportFigure")->trigger();
    FigureDialog* dialog = nullptr;
    for (auto* candidate : m_window->findChildren<FigureDialog*>())
      if (candidate->isVisible()) dialog = candidate;
    QVERIFY(dialog);
    QCOMPARE(dialog->findChild<QComboBox*>(QStringLiteral("figureWhat"))->currentText(), QStringLiteral("Spectrum"));
    dialog->close();
  }

  void theTableIsExportedAsShown() {
    m_window->filters().searchLine()->setText("layer:2 channel<5");
    m_window->filters().table()->sortByColumn(FilterTable::name, Qt::DescendingOrder);
    const QString path = m_folder.filePath("filters.csv");
    m_window->exportTable(path, false);
    const QStringList lines = QString::fromUtf8(contents(path)).split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 6);
    QVERIFY(lines[0].startsWith("filter,layer,operator,channel,order (states),suggested order (states),locked,error"));
    QVERIFY(lines[1].startsWith("2.4,2,0,4,16,"));
    QVERIFY(lines[5].startsWith("2.0,2,0,0,16,"));
    m_window->filters().searchLine()->clear();
    m_window->exportTable(m_folder.filePath("none/filters.csv"), false);
    QVERIFY(m_window->banner().sentence().contains("filters.csv"));
    m_window->banner().dismiss();
  }

  void thePlotIsExportedInItsRange() {
    widgets::SignalPlot& signal = m_window->plots().signal();
    signal.setFocus();
    QTRY_VERIFY(signal.hasFocus());
    signal.setXRange({10, 19.5});
    const QString path = m_folder.filePath("plot.csv");
    m_window->exportTable(path, true);
    QStringList lines = QString::fromUtf8(contents(path)).split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 11);  // header and lags 10 to 19
    const auto filter = m_window->document().checkpoint()->filter(m_window->document().selection());
    QCOMPARE(lines[1].section(',', 0, 0), QStringLiteral("10"));
    QCOMPARE(lines[1].section(',', 1, 1).toDouble(), filter->taps[10]);
    signal.fit();
    m_window->exportTable(path, true);
    QCOMPARE(QString::fromUtf8(contents(path)).count('\n'), 1025);
  }

  void everyActionCanBeCopiedAsACommand() {
    m_window->document().setOrder({m_window->document().selectedRow()}, 11);
    const std::pair<const char*, QStringList> expected[] = {
        {"command.inspect", {"polecat inspect ", "novels-hyena-1m.ckpt", "--filter 0.0"}},
        {"command.plot", {"polecat plot ", "--view page", "--order 11", "-o figure.svg"}},
        {"command.distill", {"polecat distill ", "--orders", "-o distilled.safetensors"}},
        {"command.tolerance", {"polecat distill ", "--tolerance 0.1", "--filters 0.0", "-o distilled.safetensors"}},
        {"command.compare", {"polecat compare ", "--filter 0.0", "--orders 11"}},
        {"command.generate", {"polecat generate ", "--prompt", "--seed 1", "--compare"}},
        {"command.evaluate", {"polecat evaluate ", "--text", "novels-validation.txt", "--windows 4"}}};
    for (const auto& [name, parts] : expected) {
      action(name)->trigger();
      const QString command = QApplication::clipboard()->text();
      for (const QString& part : parts) QVERIFY2(command.contains(part), qPrintable(command));
    }
  }

  void theLayerMapSelectsAndFilters() {
    QTest::keyClick(m_window.get(), Qt::Key_B);
    auto* panel = m_window->findChild<BankPanel*>();
    QTRY_VERIFY(panel->isVisible());
    QTRY_COMPARE_WITH_TIMEOUT(panel->plot().channels(), 128u, shownwindow::kPatience);
    const auto filter = m_window->document().checkpoint()->filter({0, 77});
    const widgets::DataTable numbers = panel->plot().table();
    QVERIFY(numbers.rows() > 0);
    const auto pixel = [&](double column, double channel) { return panel->plot().pixelAt(column, channel).toPoint(); };
    QTest::mouseClick(&panel->plot(), Qt::LeftButton, Qt::NoModifier, pixel(300, 77));
    QTRY_VERIFY(std::abs(m_window->document().selectedRow() - 77) <= 1);
    QTest::mousePress(&panel->plot(), Qt::LeftButton, Qt::NoModifier, pixel(300, 20));
    QTest::mouseMove(&panel->plot(), pixel(310, 30));
    QTest::mouseMove(&panel->plot(), pixel(320, 40));
    QTest::mouseRelease(&panel->plot(), Qt::LeftButton, Qt::NoModifier, pixel(320, 40));
    QTRY_VERIFY(m_window->filters().searchLine()->text().startsWith("layer:0 channel>="));
    QVERIFY(m_window->filters().view()->rowCount() >= 19 && m_window->filters().view()->rowCount() <= 23);
    m_window->filters().searchLine()->clear();
    // Another layer is drawn when a filter of it is selected.
    m_window->document().select(m_window->document().row({2, 5}));
    QTRY_VERIFY_WITH_TIMEOUT(panel->plot().title().startsWith("Layer 2") && panel->plot().channels() == 128,
                             shownwindow::kPatience);
    QCOMPARE(panel->plot().selected().value_or(-1), 5);
    // Singular values as the survey finds them, a row for each channel.
    panel->findChild<QComboBox*>("bankQuantity")->setCurrentIndex(1);
    const auto shown = [&] {
      const FilterSummary& summary = m_window->survey().summary(m_window->document().row({2, 5}));
      const widgets::DataTable table = panel->plot().table();  // a column for each channel
      return summary.fitted && table.columns.size() == 128 && table.columns[5].size() == FilterSummary::sigmaCount &&
             std::abs(table.columns[5][2] - double(summary.sigma[2])) < 1e-6;
    };
    QTRY_VERIFY_WITH_TIMEOUT(shown(), shownwindow::kPatience);
    panel->findChild<QComboBox*>("bankQuantity")->setCurrentIndex(0);
    QTest::keyClick(m_window.get(), Qt::Key_B);
  }

  void aRunIsSavedWithAllItsLanes() {
    m_window->document().setOrder(m_window->document().allRows(), 2);
    GenerationSettings settings;
    settings.prompt = QStringLiteral("It was");
    settings.tokens = 12;
    settings.seed = 9;
    settings.transformer = QStringLiteral("random");
    m_window->generation().start(settings);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->generation().lanes().size() == 3 && !m_window->generation().active(),
                             shownwindow::kPatience);
    const GenerationRun& run = m_window->generation();
    for (const Lane& lane : run.lanes()) {
      QVERIFY2(lane.phase == Lane::Phase::finished, qPrintable(lane.error));
      QVERIFY(lane.flopsPerSecond(1) > 0 && lane.flopsPerByte(1) > 0);
      // Nothing can be faster than the roof (with room for a measurement under load).
      QVERIFY(lane.flopsPerSecond(1) < 10 * run.roof().flopsPerSecond);
    }
    QVERIFY(run.lanes()[2].remark.contains("random"));
    // Keys and values: 2 x layers x width floats per token.
    QCOMPARE(run.lanes()[2].cacheBytes, std::size_t(2 * 4 * 128 * 4 * (6 + 12)));
    const QString path = m_folder.filePath("run.json");
    QCOMPARE(saveRun(run, path), QString());
    const auto json = nlohmann::json::parse(contents(path).toStdString());
    QCOMPARE(json["lanes"].size(), 3u);
    QCOMPARE(json["seed"].get<int>(), 9);
    for (std::size_t i = 0; i < 3; ++i) {
      QCOMPARE(json["lanes"][i]["tokens"].size(), 12u);
      QCOMPARE(json["lanes"][i]["secondsPerToken"].get<std::vector<double>>(), run.lanes()[i].tokenSeconds);
    }
    QCOMPARE(saveRun(run, m_folder.filePath("run.csv")), QString());
    const QString csv = QString::fromUtf8(contents(m_folder.filePath("run.csv")));
    QCOMPARE(csv.count('\n'), 13);
    QCOMPARE(csv.section('\n', 1, 1).section(',', 0, 0), QStringLiteral("7"));  // six tokens of prompt, then the first
  }

  void theLayerIsReported() {
    m_window->document().select(m_window->document().row({1, 3}));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit() && m_window->analyst().fit()->filter->name == "1.3",
                             shownwindow::kPatience);
    const QString html = m_folder.filePath("layer.html");
    m_window->exportReport(html);
    const QString text = QString::fromUtf8(contents(html));
    for (const char* part : {"<h1>Layer 1 of novels-hyena-1m.ckpt</h1>", "taps</td>", "Filter 1.3 at order",
                             "layers.1.", "Speed of the plan", "data:image/png;base64,"})
      QVERIFY2(text.contains(QString::fromUtf8(part)), part);
    QCOMPARE(text.count("<tr><td align"), 128);
    const QString pdf = m_folder.filePath("layer.pdf");
    m_window->exportReport(pdf);
    QVERIFY(contents(pdf).startsWith("%PDF") && contents(pdf).size() > 50000);
    m_window->exportReport(m_folder.filePath("none/layer.pdf"));
    QVERIFY(m_window->banner().sentence().contains("layer.pdf"));
    m_window->banner().dismiss();
  }

  // The disk is full in the middle of any export: one sentence that names the file, and what was there is still there.
  void aFullDiskKeepsWhatWasThere_data() {
    QTest::addColumn<QString>("name");
    for (const char* name : {"page.png", "page.svg", "page.pdf", "filters.csv", "plot.csv", "run.json", "run.csv",
                             "layer.html", "layer.pdf", "filter.wav", "models.safetensors", "models.h5", "models.pt"})
      QTest::newRow(name) << QString::fromLatin1(name);
  }
  void aFullDiskKeepsWhatWasThere() {
    QFETCH(QString, name);
    QTemporaryDir folder;
    const QString path = folder.filePath(name);
    QFile old(path);
    QVERIFY(old.open(QIODevice::WriteOnly) && old.write("the old one") == 11);
    old.close();
    QVERIFY(m_window->document().totalStates() <= 2 * 512 + 20);  // an earlier row's plan: quick to distil
    m_window->banner().dismiss();
    QString sentence;
    {
      const FullDisk disk(256);
      if (name.startsWith(QStringLiteral("page"))) {
        action("file.exportFigure")->trigger();
        FigureDialog* dialog = nullptr;
        for (auto* candidate : m_window->findChildren<FigureDialog*>())
          if (candidate->isVisible()) dialog = candidate;
        QVERIFY(dialog);
        sentence = dialog->exportTo(path);
        dialog->close();
      } else if (name.startsWith(QStringLiteral("run"))) {
        sentence = saveRun(m_window->generation(), path);
      } else if (name.endsWith(QStringLiteral("wav"))) {
        sentence = Sound().save(m_window->analyst().current()->filter->taps, path);
      } else if (name.startsWith(QStringLiteral("layer"))) {
        m_window->exportReport(path);
      } else if (name.startsWith(QStringLiteral("models"))) {
        m_window->planner().exportDistilled(path);
        QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().contains(name), shownwindow::kPatience);
      } else {
        m_window->exportTable(path, name == QStringLiteral("plot.csv"));
      }
    }
    if (sentence.isEmpty()) sentence = m_window->banner().sentence();
    QVERIFY2(sentence.contains(name) && !sentence.contains(QLatin1Char('\n')), qPrintable(sentence));
    QCOMPARE(contents(path), QByteArray("the old one"));
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files | QDir::Hidden), QStringList{name});  // no scrap is left
    m_window->banner().dismiss();
  }

  void aFileThatIsNoTransformerIsASentence() {
    GenerationSettings settings;
    settings.prompt = QStringLiteral("It was");
    settings.tokens = 4;
    settings.transformer = QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt");
    m_window->generation().start(settings);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().contains("no Transformer"), shownwindow::kPatience);
  }
};

QTEST_MAIN(TestExport)
#include "test_export.moc"
