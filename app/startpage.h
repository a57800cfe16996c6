// What the window shows while no model is open: how to get one, the files opened last, three steps on the sample.
#pragma once

#include <QWidget>

class QFrame;
class QLabel;
class QPushButton;
class QVBoxLayout;

namespace app {

class StartPage : public QWidget {
  Q_OBJECT

 public:
  explicit StartPage(QWidget* parent = nullptr);
  // Reads the recent files again.
  void refresh();
  // A session that can be taken up again, in words; empty hides the offer. `urgent`: the program ended badly.
  void offerResume(const QString& text, bool urgent);

 Q_SIGNALS:
  void openRequested();
  void sampleRequested();
  void tourRequested();
  void recentRequested(const QString& path);
  void resumeRequested();
  void forgetRequested();

 protected:
  bool event(QEvent*) override;

 private:
  void restyle();

  QLabel* m_title;
  QLabel* m_tagline;
  QLabel* m_recentTitle;
  QVBoxLayout* m_recents;
  QFrame* m_offer;
  QLabel* m_offerText;
  QPushButton* m_resume;
  QList<QLabel*> m_stepNumbers, m_stepTexts;
};

}  // namespace app
