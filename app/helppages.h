// The pages of resources/help in a window of their own: tutorial, methods, honest speed, recipes.
#pragma once

#include <QDialog>
#include <vector>

class QListWidget;
class QTextBrowser;

namespace app {

struct HelpPage {
  QString title;  // first heading of the page
  QString path;
};

// In reading order. Throws analysis::Error(input) when a page is missing.
std::vector<HelpPage> helpPages();

class HelpPages : public QDialog {
  Q_OBJECT

 public:
  // Opens at `page` of helpPages().
  explicit HelpPages(QWidget* parent = nullptr, int page = 0);

 protected:
  void resizeEvent(QResizeEvent*) override;

 private:
  void turnTo(int page);

  std::vector<HelpPage> m_pages;
  QListWidget* m_list;
  QTextBrowser* m_text;
};

}  // namespace app
