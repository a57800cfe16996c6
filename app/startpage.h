// What the window shows while no model is open: how to get one, the files opened last, three steps on the sample.
#pragma once

#include <QWidget>

class QLabel;
class QVBoxLayout;

namespace app {

class StartPage : public QWidget {
  Q_OBJECT

 public:
  explicit StartPage(QWidget* parent = nullptr);
  // Reads the recent files again.
  void refresh();

 Q_SIGNALS:
  void openRequested();
  void sampleRequested();
  void recentRequested(const QString& path);

 protected:
  bool event(QEvent*) override;

 private:
  void restyle();

  QLabel* m_title;
  QLabel* m_tagline;
  QLabel* m_recentTitle;
  QVBoxLayout* m_recents;
  QList<QLabel*> m_stepNumbers, m_stepTexts;
};

}  // namespace app
