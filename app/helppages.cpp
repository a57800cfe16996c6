#include "app/helppages.h"

#include <QFile>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QListWidget>
#include <QTextBrowser>

#include "analysis/error.h"
#include "app/resources.h"
#include "widgets/theme.h"

namespace app {

std::vector<HelpPage> helpPages() {
  std::vector<HelpPage> pages;
  for (const char* name : {"tutorial", "methods", "benchmarking", "recipes"}) {
    const std::string path = resource("help/" + std::string(name) + ".md").string();
    QFile file(QString::fromStdString(path));
    if (!file.open(QIODevice::ReadOnly))
      throw analysis::Error(analysis::ErrorKind::input, path, "the help page cannot be read", "install the program again");
    pages.push_back({QString::fromUtf8(file.readLine()).remove(0, 1).trimmed(), file.fileName()});
  }
  return pages;
}

HelpPages::HelpPages(QWidget* parent) : QDialog(parent), m_pages(helpPages()) {
  setObjectName(QStringLiteral("helpPages"));
  setWindowTitle(tr("Help"));
  const widgets::Theme theme = widgets::applicationTheme();
  m_list = new QListWidget;
  m_list->setAccessibleName(tr("Help pages"));
  m_list->setWordWrap(true);
  m_list->setFixedWidth(theme.space(52));
  for (const HelpPage& page : m_pages) m_list->addItem(page.title);
  m_text = new QTextBrowser;
  m_text->setAccessibleName(tr("Text of the help page"));
  m_text->setOpenExternalLinks(true);
  m_text->setFont(theme.font(widgets::TextSize::Body));
  m_text->document()->setDocumentMargin(theme.space(4));
  m_text->document()->setDefaultFont(theme.font(widgets::TextSize::Body));
  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(12, 12, 12, 12);
  layout->addWidget(m_list);
  layout->addWidget(m_text, 1);
  resize(qRound(1040 * theme.scale()), qRound(720 * theme.scale()));
  connect(m_list, &QListWidget::currentRowChanged, this, &HelpPages::turnTo);
  m_list->setCurrentRow(0);
}

void HelpPages::turnTo(int page) {
  if (page < 0) return;
  const HelpPage& chosen = m_pages[static_cast<std::size_t>(page)];
  // Pictures are named relative to the page.
  m_text->setSearchPaths({QFileInfo(chosen.path).path()});
  m_text->setSource(QUrl::fromLocalFile(chosen.path), QTextDocument::MarkdownResource);
}

}  // namespace app
