// Finds any action by a few letters of its name and runs it: the same list that menus and the key sheet are made of.
#pragma once

#include <QAction>
#include <QDialog>
#include <QList>
#include <QPointer>
#include <optional>

class QLineEdit;
class QListWidget;

namespace widgets {

// How well `typed` fits `name`, case aside: nullopt where its letters do not occur in order; higher is better. Starts
// of words and runs of letters count most. O(name * typed).
std::optional<int> matchScore(const QString& typed, const QString& name);

// The text of an action without mnemonic and dots.
QString actionName(const QAction& action);

class CommandPalette : public QDialog {
  Q_OBJECT

 public:
  explicit CommandPalette(QWidget* parent = nullptr);

  // Separators, submenus, invisible and nameless actions are left out; disabled ones are shown but not run. An action
  // that is deleted later is skipped. A dynamic property "category" (QString) is shown before the name.
  void setActions(const QList<QAction*>& actions);
  // Opens above `parent`, empty, with the actions run last on top.
  void popUp();

 Q_SIGNALS:
  // After the palette has closed and before the action is triggered.
  void actionChosen(QAction* action);

 protected:
  void paintEvent(QPaintEvent*) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void filter(const QString& typed);
  void run();

  QList<QPointer<QAction>> m_actions;
  QList<QPointer<QAction>> m_recent;
  QLineEdit* m_line;
  QListWidget* m_list;
};

// Every action that has a key, by category: the sheet behind "?".
class KeySheet : public QDialog {
  Q_OBJECT

 public:
  explicit KeySheet(const QList<QAction*>& actions, QWidget* parent = nullptr);
};

}  // namespace widgets
