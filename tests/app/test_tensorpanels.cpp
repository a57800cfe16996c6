// The panels of tensors and settings in the shown window, by mouse and keys.
#include <QComboBox>
#include <QDockWidget>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSpinBox>
#include <QTableWidget>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeWidget>
#include <QTreeWidgetItemIterator>
#include <cmath>

#include "app/banner.h"
#include "app/filterpanel.h"
#include "app/settingspanel.h"
#include "app/tensortree.h"
#include "tests/analysis/hyenamodels.h"
#include "tests/app/shownwindow.h"

using namespace app;

class TestTensorPanels : public QObject {
  Q_OBJECT

  std::unique_ptr<MainWindow> m_window;
  QTemporaryDir m_folder;

  QString unknown(float scale = 1) {
    const QString path = m_folder.filePath("unknown.safetensors");
    std::vector<float> cube;
    for (int i = 0; i < 3 * 2 * 20; ++i) cube.push_back(scale * float(i));
    writers::save(path, writers::safetensors({writers::floats("block.cube", {3, 2, 20}, cube),
                                              writers::floats("block.bias", {2}, {1, std::nanf("")})}));
    return path;
  }
  void open(const QString& path) {
    const auto before = m_window->document().checkpoint();
    m_window->open(path);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != before, shownwindow::kPatience);
  }
  template <typename Widget>
  Widget* child(const char* name) {
    return m_window->findChild<Widget*>(QLatin1String(name));
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_tensorpanels");
  }
  void init() {
    QSettings().clear();
    m_window = shownwindow::show({1480, 920});
    QVERIFY(m_window);
  }
  void cleanup() { m_window.reset(); }

  void anUnknownFileShowsItsTensors() {
    open(unknown());
    QCOMPARE(m_window->document().filterCount(), 0);
    auto* panel = m_window->findChild<TensorTree*>();
    QVERIFY(panel && panel->isVisible());
    QTreeWidgetItem* cube = panel->item("block.cube");
    QVERIFY(cube && cube->parent() && cube->parent()->text(0) == "block");
    QCOMPARE(cube->text(TensorTree::shape), QString("[3, 2, 20]"));
    QCOMPARE(cube->text(TensorTree::type), QString("float32"));
    QVERIFY(cube->text(TensorTree::max).isEmpty());  // nothing is read before it is looked at
    cube->parent()->setExpanded(true);
    panel->tree()->setFocus();
    QTest::mouseClick(panel->tree()->viewport(), Qt::LeftButton, Qt::NoModifier,
                      panel->tree()->visualItemRect(cube).center());
    QTRY_COMPARE(cube->text(TensorTree::max), QString("119"));
    QCOMPARE(cube->text(TensorTree::mean), QString("59.5"));
    QTreeWidgetItem* bias = panel->item("block.bias");
    panel->tree()->setCurrentItem(bias);
    QTRY_COMPARE(bias->text(TensorTree::odd), QString("1"));
    QCOMPARE(bias->text(TensorTree::mean), QString("1"));
    QVERIFY(m_window->banner().sentence().isEmpty());
  }

  void hiddenPanelsCostNothing() {
    QVERIFY(shownwindow::openSample(*m_window));
    auto* tensors = m_window->findChild<TensorTree*>();
    auto* settings = m_window->findChild<SettingsPanel*>();
    QVERIFY(!tensors->isVisible() && !settings->isVisible());
    m_window->document().select(5);
    QVERIFY(!m_window->jobs().running(QStringLiteral("readings")));  // it would open the file again for each reading
    QCOMPARE(tensors->tree()->topLevelItemCount(), 0);
    child<QDockWidget>("tensors")->show();
    QVERIFY(tensors->tree()->topLevelItemCount() > 0);
    child<QDockWidget>("settings")->show();
    QVERIFY(settings->settings()->rowCount() > 0);
    QTRY_VERIFY_WITH_TIMEOUT(settings->readings()->rowCount() >= 2, shownwindow::kPatience);
    m_window->document().select(6);
    QTRY_VERIFY_WITH_TIMEOUT(settings->readings()->rowCount() >= 2, shownwindow::kPatience);
  }

  void axesMakeABankOfATensor() {
    open(unknown());
    auto* panel = m_window->findChild<TensorTree*>();
    panel->tree()->setCurrentItem(panel->item("block.cube"));
    auto* offer = child<QLabel>("bankOffer");
    auto* use = child<QPushButton>("useAsFilters");
    QCOMPARE(offer->text(), QString("6 filters of 20 taps"));
    child<QComboBox>("axis1")->setCurrentIndex(3);  // held at one index
    QCOMPARE(offer->text(), QString("3 filters of 20 taps"));
    child<QSpinBox>("axisIndex1")->setValue(1);
    child<QComboBox>("axis0")->setCurrentIndex(0);
    QCOMPARE(offer->text(), QString("Exactly one axis must be time."));
    QVERIFY(!use->isEnabled());
    child<QComboBox>("axis0")->setCurrentIndex(2);
    QVERIFY(use->isEnabled());
    QTest::mouseClick(use, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->document().filterCount(), 3, shownwindow::kPatience);
    QCOMPARE(m_window->document().choices().at("axes"), std::string("c,1,t"));
    const auto taps = m_window->document().checkpoint()->filter({0, 2})->taps;
    for (int t = 0; t < 20; ++t) QCOMPARE(taps[std::size_t(t)], double((2 * 2 + 1) * 20 + t));
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().fit() != nullptr, shownwindow::kPatience);
    auto* back = child<QPushButton>("ownFilters");
    QVERIFY(back->isVisible());
    QTest::mouseClick(back, Qt::LeftButton);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->document().filterCount(), 0, shownwindow::kPatience);
    QVERIFY(!back->isVisible());
  }

  void searchNarrowsTheTree() {
    open(QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt"));
    child<QDockWidget>("tensors")->show();
    auto* panel = m_window->findChild<TensorTree*>();
    QTest::keyClicks(child<QLineEdit>("tensorSearch"), "layers.1.norm2");
    int shown = 0;
    for (QTreeWidgetItemIterator at(panel->tree()); *at; ++at) shown += !(*at)->isHidden() && (*at)->childCount() == 0;
    QCOMPARE(shown, 2);  // weight and bias
  }

  // Both readings of a setting stand side by side; choosing one is a step that can be undone, and orders stay.
  void settingsAreReadOtherwise() {
    open(QStringLiteral(POLECAT_RESOURCES "/sample/novels-hyena-1m.ckpt"));
    child<QDockWidget>("settings")->show();
    auto* panel = m_window->findChild<SettingsPanel*>();
    QTableWidget* settings = panel->settings();
    int shift = -1;
    for (int row = 0; row < settings->rowCount(); ++row)
      if (settings->item(row, 0)->text() == "shift") shift = row;
    QVERIFY(shift >= 0);
    QCOMPARE(settings->item(shift, 2)->text(), QString("configuration"));
    settings->setCurrentCell(shift, 0);
    m_window->document().select(5);
    QTableWidget* readings = panel->readings();
    QTRY_COMPARE_WITH_TIMEOUT(readings->rowCount(), 2, shownwindow::kPatience);
    QCOMPARE(readings->item(0, 0)->text(), QString("0 (in force)"));
    QCOMPARE(readings->item(1, 0)->text(), QString("0.05"));

    // What the table says of the other reading, from the formula: h' = h + 0.05 y, where y is h without its window.
    const auto now = m_window->document().checkpoint()->filter({0, 5});
    const auto plain = analysis::Checkpoint::open(m_window->document().path().toStdString(), {}, {{"modulate", "off"}});
    const auto bare = plain->filter({0, 5});
    double energy = 0, difference = 0, norm = 0;
    for (std::size_t t = 0; t < now->taps.size(); ++t) {
      const double other = now->taps[t] + 0.05 * bare->taps[t];
      energy += other * other;
      difference += std::pow(other - now->taps[t], 2);
      norm += now->taps[t] * now->taps[t];
    }
    QCOMPARE(readings->item(1, 1)->text(), QString::number(energy, 'g', 6));
    QVERIFY(readings->item(1, 4)->text().startsWith(QString::number(100 * std::sqrt(difference / norm), 'g', 3)));

    m_window->document().setOrder({5}, 9);
    auto* box = qobject_cast<QComboBox*>(settings->cellWidget(shift, 1));
    QVERIFY(box);
    box->setFocus();
    QTest::keyClick(box, Qt::Key_Down);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().choices().contains("shift"), shownwindow::kPatience);
    QCOMPARE(m_window->document().order(5), 9);
    QCOMPARE(m_window->document().selectedRow(), 5);
    QVERIFY(m_window->document().undoStack().undoText().contains("shift = 0.05"));
    QTRY_COMPARE(settings->item(shift, 2)->text(), QString("your choice"));
    const auto chosen = m_window->document().checkpoint()->filter({0, 5});
    QVERIFY(std::abs(chosen->taps[3] - (now->taps[3] + 0.05 * bare->taps[3])) < 1e-12);
    m_window->document().undoStack().undo();
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->document().choices().contains("shift"), shownwindow::kPatience);
    QCOMPARE(m_window->document().checkpoint()->filter({0, 5})->taps, now->taps);
    QCOMPARE(m_window->document().order(5), 9);
    m_window->document().undoStack().undo();
    QCOMPARE(m_window->document().order(5), Document::defaultOrder);
    m_window->document().undoStack().redo();
    m_window->document().undoStack().redo();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().choices().contains("shift"), shownwindow::kPatience);
  }

  // What the file lacks, has besides and has twice stands beside its settings; a whole file needs no such list.
  void missingExtraAndTiedTensorsAreListed() {
    models::Model model(4, 1, 23);
    model.addImplicitFilter("layers.0.mixer.filter_fn.", 4, 20, 5, 3);
    model.erase("layers.0.norm1.weight");
    model.add("layers.0.stranger", {2});
    const QString path = m_folder.filePath("lacking.safetensors");
    writers::save(path, writers::safetensors(model.tensors()));
    open(path);
    child<QDockWidget>("settings")->show();
    auto* list = m_window->findChild<ReportList*>();
    QVERIFY(list && list->isVisible());
    const auto reasonOf = [list](const QString& kind, const QString& tensor) {
      for (int row = 0; row < list->rowCount(); ++row)
        if (list->item(row, ReportList::kind)->text() == kind && list->item(row, ReportList::tensor)->text() == tensor)
          return list->item(row, ReportList::reason)->text();
      return QString();
    };
    QCOMPARE(list->item(0, ReportList::kind)->text(), QString("missing"));
    QCOMPARE(reasonOf("missing", "layers.0.norm1.weight"), QString("needed, not in the file"));
    QCOMPARE(reasonOf("extra", "layers.0.stranger"), QString("unknown"));
    QVERIFY(reasonOf("tied", "layers.0.mixer.filter_fn.implicit_filter.3.freq").startsWith("same values as "));
    QVERIFY(reasonOf("tied", "lm_head.weight").startsWith("absent, taken from "));
    QCOMPARE(list->rowCount(), 5);
    open(unknown());
    child<QDockWidget>("settings")->show();
    QVERIFY(!list->isVisible());
  }

  void aReplacedFileIsNoticed() {
    const QString path = unknown();
    open(path);
    m_window->document().reread({{"bank", "block.cube"}, {"axes", "c,c,t"}});
    QTRY_COMPARE_WITH_TIMEOUT(m_window->document().filterCount(), 6, shownwindow::kPatience);
    QTest::qWait(20);  // beyond the grain of the file system's clock
    unknown(2);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->banner().sentence().contains("changed on disk"), shownwindow::kPatience);
    const auto before = m_window->document().checkpoint();
    QTest::keyClick(m_window.get(), Qt::Key_F5);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->document().checkpoint() != before, shownwindow::kPatience);
    QCOMPARE(m_window->document().checkpoint()->filter({0, 0})->taps[3], 6.);
    QVERIFY(m_window->banner().sentence().isEmpty());
  }
};

QTEST_MAIN(TestTensorPanels)
#include "test_tensorpanels.moc"
