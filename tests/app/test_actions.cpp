// Every action of the window: named, explained, found by the palette, printed on the key sheet, reachable by keyboard.
#include <QAction>
#include <QApplication>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QMenuBar>
#include <QSet>
#include <QSettings>
#include <QTableView>
#include <QTest>
#include <QToolBar>

#include "app/actionlist.h"
#include "app/appearance.h"
#include "app/filterpanel.h"
#include "app/mainwindow.h"
#include "app/plotdeck.h"
#include "tests/app/shownwindow.h"
#include "widgets/commandpalette.h"
#include "widgets/hankelplot.h"
#include "widgets/poleplot.h"
#include "widgets/signalplot.h"
#include "widgets/spectrumplot.h"
#include "widgets/theme.h"

using namespace app;

class TestActions : public QObject {
  Q_OBJECT

  const QString m_sample = shownwindow::sample();
  std::unique_ptr<MainWindow> m_window;

  void openSample() { QVERIFY(shownwindow::openSample(*m_window)); }
  QAction* action(const char* name) { return shownwindow::action(*m_window, name); }
  // The menus and submenus of the window.
  QList<QMenu*> menus() {
    QList<QMenu*> out;
    QList<QAction*> todo = m_window->menuBar()->actions();
    while (!todo.isEmpty()) {
      QMenu* menu = todo.takeFirst()->menu();
      if (!menu) continue;
      out << menu;
      todo << menu->actions();
    }
    return out;
  }

 private Q_SLOTS:
  void initTestCase() { shownwindow::prepare("test_actions"); }
  void init() {
    QSettings().clear();
    m_window = shownwindow::show({1280, 800});
    QVERIFY(m_window);
  }
  void cleanup() { m_window.reset(); }

  void everyActionHasANameAndAnExplanation() {
    QSet<QString> names;
    const QList<QAction*> all = m_window->actionsListed();
    QVERIFY(all.size() > 30);
    for (const QAction* listed : all) {
      const QString name = listed->objectName();
      QVERIFY2(name.contains('.'), qPrintable(listed->text()));
      QVERIFY2(!names.contains(name), qPrintable(name));
      names << name;
      if (name.startsWith(QLatin1String("plot."))) continue;  // keys of the plot with the focus say it all
      QVERIFY2(listed->toolTip().size() > 8 && listed->toolTip() != widgets::actionName(*listed), qPrintable(name));
      QVERIFY2(!listed->property("category").toString().isEmpty(), qPrintable(name));
    }
  }

  void noKeyIsGivenTwice() {
    QHash<QString, QString> owner;
    for (const QAction* listed : m_window->actionsListed())
      for (const QKeySequence& key : listed->shortcuts()) {
        const QString text = key.toString();
        QVERIFY2(!owner.contains(text), qPrintable(text + ": " + owner.value(text) + ", " + listed->objectName()));
        owner.insert(text, listed->objectName());
      }
  }

  // Alt opens the menu bar; inside a menu each letter leads to one entry, so mnemonics must differ.
  void everyMenuEntryCanBeTyped() {
    QSet<QAction*> reachable;
    const auto differ = [](const QList<QAction*>& actions, const QString& where) {
      QSet<QChar> used;
      for (const QAction* entry : actions) {
        if (entry->isSeparator()) continue;
        const QString text = entry->text();
        const auto at = text.indexOf('&');
        if (at < 0) continue;
        const QChar letter = text[at + 1].toLower();
        if (used.contains(letter)) qWarning("%s: %s twice", qPrintable(where), qPrintable(QString(letter)));
        used << letter;
      }
    };
    QTest::failOnWarning(QRegularExpression(".*twice"));
    differ(m_window->menuBar()->actions(), "menu bar");
    for (QMenu* menu : menus()) {
      differ(menu->actions(), menu->title());
      for (QAction* entry : menu->actions()) reachable << entry;
    }
    // What a tool bar offers is in a menu too.
    for (const QToolBar* bar : m_window->findChildren<QToolBar*>())
      for (QAction* entry : bar->actions())
        if (!entry->isSeparator() && !entry->text().isEmpty())
          QVERIFY2(reachable.contains(entry), qPrintable(entry->text()));
  }

  void thePaletteFindsAndRuns() {
    openSample();
    QTest::keyClick(m_window.get(), Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier);
    auto* palette = m_window->findChild<widgets::CommandPalette*>();
    QTRY_VERIFY(palette && palette->isVisible());
    auto* line = palette->findChild<QLineEdit*>();
    auto* list = palette->findChild<QListWidget*>();
    QCOMPARE(list->count(), static_cast<int>(m_window->actionsListed().size()));
    QTest::keyClicks(line, "theme dark");
    QCOMPARE(list->item(0)->text(), QStringLiteral("Dark"));
    QTest::keyClick(line, Qt::Key_Return);
    QVERIFY(!palette->isVisible());
    QVERIFY(widgets::applicationTheme().isDark());
    QCOMPARE(appearance::stored(), widgets::Scheme::Dark);
    action("theme.light")->trigger();
    QVERIFY(!widgets::applicationTheme().isDark());
  }

  void thePaletteServesThePlotOfTheFocus() {
    openSample();
    m_window->plots().spectrum().setFocus();
    QTRY_VERIFY(m_window->plots().spectrum().hasFocus());
    const bool before = m_window->plots().spectrum().logX(), other = m_window->plots().signal().logX();
    QTest::keyClick(m_window.get(), Qt::Key_P, Qt::ControlModifier | Qt::ShiftModifier);
    auto* palette = m_window->findChild<widgets::CommandPalette*>();
    auto* line = palette->findChild<QLineEdit*>();
    QTest::keyClicks(line, "logarithmic x");
    QTest::keyClick(line, Qt::Key_Return);
    QCOMPARE(m_window->plots().spectrum().logX(), !before);
    QCOMPARE(m_window->plots().signal().logX(), other);
  }

  void theSheetPrintsTheSameList() {
    openSample();
    m_window->filters().table()->setFocus();
    QTest::keyClick(m_window.get(), Qt::Key_Question, Qt::ShiftModifier);
    auto* sheet = m_window->findChild<widgets::KeySheet*>(QStringLiteral("keySheet"));
    QTRY_VERIFY(sheet && sheet->isVisible());
    QSet<QString> texts;
    for (const QLabel* label : sheet->findChildren<QLabel*>()) texts << label->text();
    int keyed = 0;
    for (const QAction* listed : m_window->actionsListed()) {
      if (listed->shortcut().isEmpty() || listed->objectName().startsWith(QLatin1String("recent."))) continue;
      QVERIFY2(texts.contains(widgets::actionName(*listed)), qPrintable(listed->text()));
      QVERIFY2(texts.contains(listed->shortcut().toString(QKeySequence::NativeText)), qPrintable(listed->text()));
      ++keyed;
    }
    QVERIFY(keyed > 20);
    QTest::keyClick(sheet, Qt::Key_Escape);
    QTRY_VERIFY(m_window->findChild<widgets::KeySheet*>() == nullptr);
  }

  void f6WalksThroughThePanels() {
    openSample();
    m_window->activateWindow();
    m_window->filters().table()->setFocus();
    const QList<QWidget*> places = {&m_window->plots().signal(), &m_window->plots().spectrum(),
                                    &m_window->plots().hankel(), &m_window->plots().poles(),
                                    m_window->filters().table()};
    for (QWidget* place : places) {
      QTest::keyClick(m_window.get(), Qt::Key_F6);
      QTRY_VERIFY(place->hasFocus());
    }
    QTest::keyClick(m_window.get(), Qt::Key_F6, Qt::ShiftModifier);
    QTRY_VERIFY(m_window->plots().poles().hasFocus());
  }
};

QTEST_MAIN(TestActions)
#include "test_actions.moc"
