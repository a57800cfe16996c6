// One sentence across the top of the window: what went wrong and what to do. Never a dialog.
#pragma once

#include <QFrame>

class QLabel;
class QToolButton;

namespace app {

class Banner : public QFrame {
  Q_OBJECT

 public:
  explicit Banner(QWidget* parent = nullptr);
  void tell(const QString& sentence);
  void dismiss();
  // Empty when there is nothing to say.
  QString sentence() const;

 Q_SIGNALS:
  // The owner shows or hides the place the banner lies in.
  void needed(bool shown);

 protected:
  bool event(QEvent*) override;

 private:
  void restyle();

  QLabel* m_mark;
  QLabel* m_text;
  QToolButton* m_close;
};

}  // namespace app
