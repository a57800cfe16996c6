// Tour, glossary, screen readers, and looking at one filter or model against another.
#include <QAccessible>
#include <QAction>
#include <QDockWidget>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QStatusBar>
#include <QTableView>
#include <QTest>
#include <QListWidget>
#include <QTextBlock>
#include <QTextBrowser>
#include <QToolBar>
#include <QtEndian>
#include <cmath>

#include "app/banner.h"
#include "app/figuredialog.h"
#include "app/filterpanel.h"
#include "app/glossary.h"
#include "app/helppages.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "app/tour.h"
#include "tests/app/shownwindow.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"

using namespace app;

class TestTeaching : public QObject {
  Q_OBJECT

  const QString m_sample = shownwindow::sample();
  std::unique_ptr<MainWindow> m_window;

  void waitForFit() { QVERIFY(shownwindow::waitForFit(*m_window)); }
  // Widgets that take the keyboard and have no name for a screen reader.
  QStringList nameless(const QWidget& parent) {
    QStringList out;
    for (QWidget* widget : parent.findChildren<QWidget*>()) {
      if (!widget->isVisible() || !(widget->focusPolicy() & Qt::TabFocus) || widget->focusProxy()) continue;
      // The line inside a spin box belongs to the box.
      if (widget->objectName().startsWith(QLatin1String("qt_"))) continue;
      const QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(widget);
      if (!interface || interface->text(QAccessible::Name).trimmed().isEmpty())
        out << QStringLiteral("%1 '%2' in %3")
                   .arg(widget->metaObject()->className(), widget->objectName(),
                        widget->parentWidget()->metaObject()->className());
    }
    return out;
  }

 private Q_SLOTS:
  void initTestCase() {
    shownwindow::prepare("test_teaching");
    QDir(Journal::folder()).removeRecursively();
    m_window = shownwindow::show({1400, 900});
    QVERIFY(m_window);
  }
  void cleanupTestCase() { m_window.reset(); }

  void theTourOpensTheSampleAndWalks() {
    auto* start = m_window->findChild<QPushButton*>(QStringLiteral("startTour"));
    QVERIFY(start->isVisible());
    QTest::mouseClick(start, Qt::LeftButton);
    waitForFit();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->findChild<Tour*>() != nullptr, shownwindow::kPatience);
    auto* tour = m_window->findChild<Tour*>();
    QVERIFY(tour->isVisible());
    QCOMPARE(tour->geometry(), m_window->rect());
    QStringList texts;
    for (int step = 0; step < tour->count(); ++step) {
      QCOMPARE(tour->step(), step);
      QTest::qWait(30);
      texts << tour->findChild<QLabel*>(QStringLiteral("tourText"))->text();
      auto* card = tour->findChild<QWidget*>(QStringLiteral("tourCard"));
      QVERIFY2(tour->rect().contains(card->geometry()), qPrintable(texts.last()));
      if (step + 1 < tour->count()) QTest::keyClick(tour, Qt::Key_Right);
    }
    QCOMPARE(texts.removeDuplicates(), 0);
    QTest::keyClick(tour, Qt::Key_Left);
    QCOMPARE(tour->step(), tour->count() - 2);
    QTest::keyClick(tour, Qt::Key_Escape);
    QTRY_VERIFY(m_window->findChild<Tour*>() == nullptr);
  }

  void whatTheTourLeavesBrightCanBeUsed() {
    QTest::keyClick(m_window.get(), Qt::Key_F1);
    auto* tour = m_window->findChild<Tour*>();
    QVERIFY(tour);
    tour->showStep(3);  // "Drag the line"
    QTest::qWait(100);
    widgets::HankelPlot& hankel = m_window->plots().hankel();
    const QPoint inside = hankel.mapTo(m_window.get(), QPoint(hankel.width() / 2, hankel.height() / 3));
    QVERIFY(!tour->mask().contains(inside) || tour->findChild<QWidget*>("tourCard")->geometry().contains(inside));
    QVERIFY(tour->mask().contains(QPoint(3, 3)));
    tour->close();
    QTRY_VERIFY(m_window->findChild<Tour*>() == nullptr);
  }

  void theGlossaryIsSearched() {
    const std::vector<GlossaryEntry> entries = glossary();
    QVERIFY(entries.size() >= 25);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      QVERIFY2(entries[i].text.size() > 30, qPrintable(entries[i].term));
      if (i > 0)
        QVERIFY2(entries[i - 1].term.compare(entries[i].term, Qt::CaseInsensitive) < 0, qPrintable(entries[i].term));
    }
    QTest::keyClick(m_window.get(), Qt::Key_F1, Qt::ShiftModifier);
    auto* dialog = m_window->findChild<Glossary*>();
    QTRY_VERIFY(dialog && dialog->isVisible());
    auto* text = dialog->findChild<QTextBrowser*>();
    QTest::keyClicks(dialog->findChild<QLineEdit*>(), "certif");
    QVERIFY(text->toPlainText().startsWith("Certificate"));
    QVERIFY(!text->toPlainText().contains("Roofline"));
    dialog->findChild<QLineEdit*>()->setText("no such word at all");
    QVERIFY(text->toPlainText().startsWith("No term"));
    dialog->close();
  }

  void aHelpPageOpensByItsTitle() {
    const std::vector<HelpPage> pages = helpPages();
    for (std::size_t page = 0; page < pages.size(); ++page) {
      for (QAction* listed : m_window->actionsListed())
        if (listed->text() == pages[page].title) listed->trigger();
      auto* dialog = m_window->findChild<HelpPages*>();
      QVERIFY2(dialog && dialog->isVisible(), qPrintable(pages[page].title));
      QCOMPARE(dialog->findChild<QListWidget*>()->currentRow(), static_cast<int>(page));
      dialog->close();
      QTRY_VERIFY(!m_window->findChild<HelpPages*>());
    }
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
  }

  void theHelpPagesShowTextAndPictures() {
    QTest::keyClick(m_window.get(), Qt::Key_F1, Qt::ControlModifier);
    auto* dialog = m_window->findChild<HelpPages*>();
    QTRY_VERIFY(dialog && dialog->isVisible());
    auto* list = dialog->findChild<QListWidget*>();
    auto* text = dialog->findChild<QTextBrowser*>();
    QCOMPARE(list->count(), static_cast<int>(helpPages().size()));
    int pictures = 0, named = 0;
    dialog->resize(dialog->width() / 2, dialog->height());
    for (int page = 0; page < list->count(); ++page) {
      list->setCurrentRow(page);
      QTRY_COMPARE(text->horizontalScrollBar()->maximum(), 0);  // long lines of code too go on in the next one
      QVERIFY2(text->toPlainText().startsWith(list->item(page)->text()), qPrintable(list->item(page)->text()));
      QVERIFY(text->toPlainText().size() > 800);
      QFile file(helpPages()[static_cast<std::size_t>(page)].path);
      QVERIFY(file.open(QIODevice::ReadOnly));
      named += int(file.readAll().count("](figures/"));
      for (QTextBlock block = text->document()->begin(); block.isValid(); block = block.next()) {
        for (auto part = block.begin(); !part.atEnd(); ++part) {
          const QTextImageFormat image = part.fragment().charFormat().toImageFormat();
          if (!image.isValid()) continue;
          ++pictures;
          QVERIFY2(image.width() > 0 && image.width() <= text->viewport()->width(), qPrintable(image.name()));
          const QVariant found = text->loadResource(QTextDocument::ImageResource, QUrl(image.name()));
          QVERIFY2(!found.isNull(), qPrintable(image.name()));
        }
      }
    }
    QCOMPARE(pictures, named);
    QVERIFY(pictures >= 2);
    dialog->close();
  }

  void everyFocusableWidgetHasAName_data() {
    QTest::addColumn<int>("preset");
    QTest::newRow("filters") << 0;
    QTest::newRow("order") << 1;
    QTest::newRow("speed") << 2;
    QTest::newRow("effect") << 3;
  }
  void everyFocusableWidgetHasAName() {
    QFETCH(int, preset);
    m_window->showPreset(static_cast<MainWindow::Preset>(preset));
    QTest::qWait(30);
    const QStringList missing = nameless(*m_window);
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join("; ")));
  }

  void dialogsAndPanelsHaveNamesToo() {
    m_window->showPreset(MainWindow::Preset::filters);
    for (const char* panel : {"compare", "bank"}) m_window->findChild<QDockWidget*>(QLatin1String(panel))->show();
    QTest::keyClick(m_window.get(), Qt::Key_E, Qt::ControlModifier | Qt::ShiftModifier);
    QTest::keyClick(m_window.get(), Qt::Key_F1, Qt::ShiftModifier);
    QTest::qWait(100);
    const QStringList missing = nameless(*m_window);
    QVERIFY2(missing.isEmpty(), qPrintable(missing.join("; ")));
    for (QDialog* dialog : m_window->findChildren<QDialog*>()) dialog->close();
    for (const char* panel : {"compare", "bank"}) m_window->findChild<QDockWidget*>(QLatin1String(panel))->hide();
  }

  void everyPlotSpeaksItsValuesAndHasATable() {
    for (const widgets::Plot* plot : {static_cast<widgets::Plot*>(&m_window->plots().signal()),
                                      static_cast<widgets::Plot*>(&m_window->plots().spectrum()),
                                      static_cast<widgets::Plot*>(&m_window->plots().hankel()),
                                      static_cast<widgets::Plot*>(&m_window->plots().poles())}) {
      QVERIFY(!plot->accessibleName().isEmpty());
      QTRY_VERIFY_WITH_TIMEOUT(plot->table().rows() > 0, shownwindow::kPatience);
      QTRY_VERIFY_WITH_TIMEOUT(plot->valueText().size() > 10, shownwindow::kPatience);
      for (const QString& header : plot->table().headers) QVERIFY(!header.isEmpty());
    }
  }

  void aFilterBecomesASound() {
    const std::vector<double> taps = {0, 0.5, -1, std::nan(""), 0.25};
    const QByteArray bytes = QByteArray::fromStdString(wave(taps, 8000));
    QVERIFY(bytes.startsWith("RIFF") && bytes.mid(8, 8) == "WAVEfmt ");
    QCOMPARE(bytes.size(), qsizetype(44 + 2 * (5 + 2000)));
    const auto sample = [&](int i) { return qFromLittleEndian<qint16>(bytes.constData() + 44 + 2 * i); };
    QCOMPARE(sample(0), qint16(0));
    QCOMPARE(sample(1), qint16(14745));  // 0.9 x 32767 / 2
    QCOMPARE(sample(2), qint16(-29490));
    QCOMPARE(sample(3), qint16(0));
    QCOMPARE(sample(2004), qint16(0));
    QCOMPARE(qFromLittleEndian<quint32>(bytes.constData() + 4), quint32(bytes.size() - 8));
    QCOMPARE(qFromLittleEndian<quint32>(bytes.constData() + 24), 8000u);
    Sound sound;
    QVERIFY(!sound.save(taps, "/no/such/folder/a.wav").isEmpty());
    if (!Sound::canPlay()) QVERIFY(sound.play(taps).contains("Qt Multimedia"));
  }

  void aPinnedFilterLiesOverTheNext() {
    m_window->showPreset(MainWindow::Preset::filters);
    m_window->document().select(0);
    waitForFit();
    QTRY_VERIFY_WITH_TIMEOUT(m_window->analyst().current() && m_window->analyst().current()->filter->name == "0.0",
                             shownwindow::kPatience);
    const auto before = m_window->plots().signal().table().columns.size();
    m_window->activateWindow();
    QTRY_VERIFY(m_window->isActiveWindow());
    m_window->filters().table()->setFocus();
    QTest::keyClick(m_window.get(), Qt::Key_P);
    QVERIFY(m_window->reference().active());
    m_window->document().select(1);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->reference().view().has_value(), shownwindow::kPatience);
    const auto a = m_window->document().checkpoint()->filter({0, 0});
    const auto b = m_window->document().checkpoint()->filter({0, 1});
    double apart = 0, norm = 0;
    for (std::size_t t = 0; t < a->taps.size(); ++t) {
      apart += std::pow(b->taps[t] - a->taps[t], 2);
      norm += std::pow(a->taps[t], 2);
    }
    QVERIFY(std::abs(m_window->reference().view()->distanceRelative - std::sqrt(apart / norm)) < 1e-12);
    QCOMPARE(m_window->reference().view()->taps, a->taps);
    QTRY_VERIFY(m_window->plots().signal().table().columns.size() >= before + 2);
    bool named = false;
    for (const QString& header : m_window->plots().signal().table().headers)
      named = named || header.contains("A: filter 0.0");
    QVERIFY(named);
    m_window->reference().clear();
    QTRY_COMPARE(m_window->plots().signal().table().columns.size(), before);
  }

  void twoCheckpointsAreMatchedByName() {
    // The other model has other numbers under the same names.
    m_window->reference().compareWith(m_sample);
    QTRY_COMPARE_WITH_TIMEOUT(m_window->reference().matchedCount(), 512, shownwindow::kPatience);
    m_window->document().select(9);
    QTRY_VERIFY_WITH_TIMEOUT(m_window->reference().view() &&
                                 m_window->reference().view()->name == QStringLiteral("0.9 of novels-hyena-1m.ckpt"),
                             shownwindow::kPatience);
    QCOMPARE(m_window->reference().view()->distanceRelative, 0.0);  // the same file is the same model
    m_window->reference().compareWith(QStringLiteral("/no/such/file.ckpt"));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->banner().sentence().isEmpty(), shownwindow::kPatience);
    QVERIFY(m_window->reference().active());  // the comparison that was there stays
    m_window->reference().clear();
  }
};

QTEST_MAIN(TestTeaching)
#include "test_teaching.moc"
